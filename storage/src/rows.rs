//! Rows as the engine keeps them: the tags of a row are its series, the other columns are arrays.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::ScalarBuffer;
use arrow_select::filter::filter_record_batch;
use roaring::RoaringBitmap;

use crate::error::{Result, StorageError};
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

    /// All but some, which are given by their places counted from `first` on.
    pub(crate) fn without(&self, hidden: &RoaringBitmap, first: u32) -> Result<Self> {
        let keep: Vec<bool> = (0..self.len()).map(|row| !hidden.contains(first + row as u32)).collect();
        let series =
            self.series.iter().zip(&keep).filter_map(|(series, keep)| keep.then_some(*series)).collect();
        let batch = filter_record_batch(&self.batch, &BooleanArray::from(keep))
            .map_err(|e| StorageError::Invalid(e.to_string()))?;
        Ok(Self { series, batch })
    }

    /// Some of them, without a copy.
    pub(crate) fn slice(&self, start: usize, length: usize) -> Self {
        Self { series: self.series.slice(start, length), batch: self.batch.slice(start, length) }
    }
}
