//! What a writer sends: all of it or nothing.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;

use crate::error::Result;
use crate::wire::{Kind, Part};

/// Rows of several tables and labels of several models that are written together or not at all. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    parts: Vec<(String, Kind, RecordBatch)>,
}

impl Batch {
    /// A batch with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds rows of a table, or predictions of a model. Columns are matched by name.
    #[must_use]
    pub fn rows(self, table: impl Into<String>, rows: RecordBatch) -> Self {
        self.part(table.into(), Kind::Rows, rows)
    }

    /// Adds labels of a model: its KEY column, its LABEL columns and, if known, `time` of the prediction.
    #[must_use]
    pub fn labels(self, model: impl Into<String>, rows: RecordBatch) -> Self {
        self.part(model.into(), Kind::Labels, rows)
    }

    /// Rows in all its parts.
    pub fn num_rows(&self) -> u64 {
        self.parts.iter().map(|(_, _, rows)| rows.num_rows() as u64).sum()
    }

    /// Whether it has no parts.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn part(mut self, target: String, kind: Kind, rows: RecordBatch) -> Self {
        self.parts.push((target, kind, rows));
        self
    }

    pub(crate) fn encode(&self) -> Result<Vec<Part>> {
        self.parts.iter().map(|(target, kind, rows)| encode_part(target, *kind, rows)).collect()
    }
}

fn encode_part(target: &str, kind: Kind, rows: &RecordBatch) -> Result<Part> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    let bytes = writer.into_inner()?;
    Ok(Part { target: target.to_owned(), kind: kind.into(), arrow_ipc: bytes.into() })
}
