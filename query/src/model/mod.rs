//! Models and baselines, as the catalog keeps them.

use std::collections::BTreeMap;

use driftline_storage::distribution::Distribution;

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
