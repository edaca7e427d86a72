//! Segments: immutable files of sorted rows, column by column.
//!
//! A segment is cut into row groups, a row group into *chunks* (one a column), a chunk into pages. The pages of all
//! columns of a row group hold the same rows, so that a page of rows can be read from any set of columns. What a
//! page is, its place and its checksum stand in the page index, away from the page: a page written over another is
//! noticed too. `docs/format/segment.md` is the byte map.

pub(crate) mod bloom;
mod cells;
mod column_block;
mod cut;
mod damage;
mod directory;
mod encode;
mod file;
mod footer;
pub(crate) mod fuzzing;
mod header;
mod index;
mod last;
mod pick;
mod postings;
mod reader;
mod scan;
mod sink;
mod source;
mod statistics;
mod summary;
mod tags;
mod value_range;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use bloom::{hash_boolean, hash_double, hash_integer, hash_text, hash_time};
pub use cells::CellTable;
pub(crate) use column_block::{put_column, read_column};
pub(crate) use file::{SegmentFile, SegmentFileWriter};
pub use last::LastRows;
pub(crate) use pick::{Over, is_labelled};
pub use reader::{ColumnSize, EncodingSize, SegmentReader};
pub use statistics::{CellStatistics, CellValues};
pub(crate) use summary::EncodedSummaries;
pub use summary::{CellSummaries, Summaries, Unit};
pub use tags::SegmentTags;
pub(crate) use writer::{SegmentSpec, SegmentWriter, Written};

use std::sync::OnceLock;

use crate::error::Result;
use crate::partition::{CellKey, Partition, Width};
use crate::schema::TableId;

/// What the manifest knows of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its id; ids grow with time and are never used again.
    pub id: u64,
    /// The number of the file it lies in: small segments of one flush share a file.
    pub file: u64,
    /// Where in the file it begins; every offset within the segment counts from here.
    pub offset: u64,
    /// 0 as flushed, 1 as compacted.
    pub level: u8,
    /// The stretch of time that all its rows lie in.
    pub partition: Partition,
    /// The width of its intervals.
    pub width: Width,
    /// Interval and series of the first row.
    pub first_key: CellKey,
    /// Interval and series of the last row.
    pub last_key: CellKey,
    /// The table whose rows it holds.
    pub table: TableId,
    /// The schema version it was written with.
    pub schema_version: u32,
    /// Rows in it.
    pub rows: u64,
    /// Length of the segment in its file.
    pub bytes: u64,
    /// Bytes of the same rows as plain Arrow arrays.
    pub raw_bytes: u64,
    /// Least event time.
    pub min_time: i64,
    /// Greatest event time.
    pub max_time: i64,
    /// Sequence of the first write in it.
    pub first_seq: u64,
    /// Sequence of the last write in it.
    pub last_seq: u64,
    /// Checksum of the footer, so that a file of the same name but other contents is noticed.
    pub footer_crc: u32,
}

/// The directory of all segment files.
const DIRECTORY: &str = "seg";
pub(crate) const SEGMENT_DIR: &str = DIRECTORY;

/// The number in a file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".seg")?, 16).ok()
}

impl SegmentInfo {
    /// Where the file of a number lies.
    pub fn path_of(file: u64) -> String {
        SegmentFile::path_of(file)
    }

    /// Event times in it.
    pub fn time(&self) -> TimeRange {
        TimeRange { min: self.min_time, max: self.max_time }
    }

    /// Where its file lies.
    pub fn path(&self) -> String {
        Self::path_of(self.file)
    }
}

/// A row group as one plans with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupInfo {
    pub(crate) rows: usize,
    /// Rows of the segment before it.
    pub(crate) first_row: u64,
    pub(crate) time: TimeRange,
    pub(crate) first_key: CellKey,
    pub(crate) last_key: CellKey,
    /// Encoded with `Effort::Compaction`.
    pub(crate) compacted: bool,
    /// It starts and ends where cells do.
    pub(crate) whole_cells: bool,
    /// Of its chunks in the file.
    pub(crate) bytes: u64,
}

/// A closed range of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first nanosecond in it.
    pub min: i64,
    /// The last nanosecond in it.
    pub max: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { min: i64::MIN, max: i64::MAX };

    /// Whether the two share a nanosecond.
    pub fn overlaps(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }

    /// The least range that holds both.
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// Whether all of `other` lies within.
    pub fn contains(self, other: Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }
}

/// What the cell holds, made by the first who asks; two who ask at once may both make it. An error is not kept.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}
