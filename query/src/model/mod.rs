//! Models and baselines, as the catalog keeps them.

mod entry;

use std::collections::BTreeMap;

use driftline_storage::distribution::Distribution;
pub(crate) use entry::{
    BASELINE_PREFIX, MODEL_PREFIX, baseline_key, decode_baseline, decode_model, encode_baseline,
    encode_model, model_key,
};

/// What stands behind a model's name in the name of the table that keeps its labels.
const LABELS_SUFFIX: &str = "$labels";
/// When a label arrived.
pub(crate) const RECEIVED_AT: &str = "received_at";

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
    /// Nanoseconds since 1970.
    pub created_at: i64,
}

/// The table that keeps the labels of a model.
pub(crate) fn labels_table(model: &str) -> String {
    format!("{model}{LABELS_SUFFIX}")
}

/// Whether a table is one of those that keep labels; they are shown through their model.
pub(crate) fn is_labels_table(name: &str) -> bool {
    name.ends_with(LABELS_SUFFIX)
}
