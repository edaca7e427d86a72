use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{SegmentInfo, TimeRange};
use crate::disk::Disk;
use crate::error::Result;
use crate::schema::Column;

/// An open segment. Cheap to share; its footer has been read and verified, its pages are verified when read.
#[derive(Debug)]
pub struct SegmentReader {
    info: SegmentInfo,
}

/// Sizes of one column in one segment.
#[derive(Clone, Debug)]
pub struct ColumnSize {
    /// The column.
    pub column: crate::schema::ColumnId,
    /// How most of its chunks are encoded.
    pub encoding: &'static str,
    /// Bytes in the file.
    pub bytes: u64,
    /// Bytes as plain Arrow arrays.
    pub raw_bytes: u64,
}

impl SegmentReader {
    /// Opens the file and checks header, trailer and footer against `info`.
    pub fn open(_disk: &dyn Disk, info: SegmentInfo) -> Result<Arc<Self>> {
        let _ = Self { info };
        todo!()
    }

    /// What the manifest says of it.
    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        todo!()
    }

    /// Rows and event times of a row group.
    pub fn row_group(&self, _index: usize) -> (u64, TimeRange) {
        todo!()
    }

    /// Reads the rows of a row group whose time lies in `time`, one batch a page at most, in file order; pages
    /// outside the range are neither read nor decoded. `columns` gives the output in order; a column that was
    /// added after the segment was written comes back as nulls, and BIGINT read as DOUBLE is widened.
    pub fn read(&self, _row_group: usize, _columns: &[Column], _time: TimeRange) -> Result<Vec<RecordBatch>> {
        todo!()
    }

    /// Reads every byte and checks every checksum.
    pub fn verify(&self) -> Result<()> {
        todo!()
    }

    /// Size by column, for `system.segments`.
    pub fn column_sizes(&self) -> Vec<ColumnSize> {
        todo!()
    }
}
