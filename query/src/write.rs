//! Rows on their way in.

use arrow::record_batch::RecordBatch;
use driftline_storage::WriterSequence;

/// Rows of several tables and labels of several models, written all together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// Who sends it, where repeats must be told from new batches.
    pub writer: Option<WriterSequence>,
    /// The parts.
    pub parts: Vec<WritePart>,
}

/// Rows for one place.
#[derive(Clone, Debug)]
pub struct WritePart {
    /// Where they go.
    pub target: WriteTarget,
    /// The rows: columns are matched by name, types are converted where nothing is lost, missing columns are null,
    /// new columns are added to the table.
    pub rows: RecordBatch,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteTarget {
    /// A table, or a model's predictions.
    Table(String),
    /// A model's labels: the model's KEY column, its LABEL columns and, if known, `time` of the prediction.
    Labels(String),
}
