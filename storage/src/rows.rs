//! Rows as the engine keeps them: the tags of a row are its series, the other columns are arrays.

use arrow_array::RecordBatch;
use arrow_buffer::ScalarBuffer;

use crate::schema::SeriesId;

/// Rows of one table.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// The series of each row.
    pub(crate) series: ScalarBuffer<SeriesId>,
    /// The columns that are not tags, in the order of the schema ([`crate::TableSchema::stored_arrow`]).
    pub(crate) batch: RecordBatch,
}

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Some of them, without a copy.
    pub(crate) fn slice(&self, start: usize, length: usize) -> Self {
        Self { series: self.series.slice(start, length), batch: self.batch.slice(start, length) }
    }
}
