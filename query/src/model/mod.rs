//! Models and baselines, as the catalog keeps them.

mod entry;

use std::collections::BTreeMap;
use std::sync::Arc;

use driftline_storage::distribution::Distribution;
use driftline_storage::{ARRIVAL_COLUMN, Snapshot, TableSchema};
pub(crate) use entry::{
    BASELINE_PREFIX, MODEL_PREFIX, baseline_key, decode_baseline, decode_model, encode_baseline,
    encode_model, model_key,
};

use crate::error::Result;
use crate::stats::judge::Inflation;

/// What stands behind a model's name in the name of the table that keeps its labels.
const LABELS_SUFFIX: &str = "$labels";
/// The table that keeps rows which did not fit theirs; it is shown as `system.rejected`.
pub(crate) const REJECTED: &str = "$rejected";
/// When a label arrived.
pub(crate) const RECEIVED_AT: &str = ARRIVAL_COLUMN;

/// A model: its table and what its columns mean. The columns and their meanings are those of the table's schema.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// Its name, which is its table's name too.
    pub name: String,
    /// `classification` or `regression`.
    pub kind: String,
    /// The value of label and prediction that counts as positive; `1`, `true`, `'1'` compare as equal.
    pub positive: String,
    /// The score from which a prediction counts as positive.
    pub threshold: f64,
    /// Options as written in `WITH (..)`.
    pub options: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
}

/// A reference sample of a model, kept as one distribution a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Its name, unique within the model.
    pub name: String,
    /// Its model.
    pub model: String,
    /// The query it was made with.
    pub query: String,
    /// Rows in it.
    pub rows: u64,
    /// Features, predictions and scores by column name.
    pub columns: BTreeMap<String, Distribution>,
    /// How much its rows, in order of time, are like those before them, by column; None where it has no order.
    pub dependence: Option<BTreeMap<String, Inflation>>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
}

impl Model {
    /// A model with these options, which were checked; what they leave out is as it is by default.
    pub(crate) fn new(name: &str, options: BTreeMap<String, String>, created_at: i64) -> Self {
        let value =
            |name: &str, default: &str| options.get(name).map_or_else(|| default.to_owned(), Clone::clone);
        Self {
            name: name.to_owned(),
            kind: value("type", "classification"),
            positive: value("positive", "1"),
            threshold: value("threshold", "0.5").parse().unwrap_or(0.5),
            created_at,
            options,
        }
    }
}

/// All models, each with its table.
pub(crate) fn all(snapshot: &Snapshot) -> Result<Vec<(Model, Arc<TableSchema>)>> {
    let entries = snapshot.entries().range(MODEL_PREFIX.to_owned()..);
    let mut models = Vec::new();
    for (key, bytes) in entries.take_while(|(key, _)| key.starts_with(MODEL_PREFIX)) {
        let model = decode_model(key, bytes)?;
        if let Some(table) = snapshot.table(&model.name) {
            models.push((model, Arc::clone(table)));
        }
    }
    Ok(models)
}

/// The table that keeps the labels of a model.
pub(crate) fn labels_table(model: &str) -> String {
    format!("{model}{LABELS_SUFFIX}")
}

/// The model whose labels a table keeps; None of other tables.
pub(crate) fn model_of_labels(table: &str) -> Option<&str> {
    table.strip_suffix(LABELS_SUFFIX)
}

/// Whether a table is one of ours, which schema `public` does not show: one that keeps the labels of a model, or
/// [`REJECTED`]. Names that people give hold no `$`.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.contains('$')
}
