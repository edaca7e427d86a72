//! Segments: immutable files of sorted rows, column by column.

mod reader;
mod writer;

pub use reader::{ColumnSize, SegmentReader};
pub use writer::write_segment;

use crate::schema::TableId;

/// What the manifest knows of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its id; ids grow with time and are never used again.
    pub id: u64,
    /// The table whose rows it holds.
    pub table: TableId,
    /// The schema version it was written with.
    pub schema_version: u32,
    /// Rows in it.
    pub rows: u64,
    /// Length of the file.
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

impl SegmentInfo {
    /// Where the file of a segment lies.
    pub fn path_of(id: u64) -> String {
        format!("seg/{id:016x}.seg")
    }

    /// Where its file lies.
    pub fn path(&self) -> String {
        Self::path_of(self.id)
    }
}

/// A closed range of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Whether all of `other` lies within.
    pub fn contains(self, other: Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }
}
