//! What a query sees: one moment of all tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::error::Result;
use crate::schema::{Column, TableId, TableSchema};
use crate::segment::{SegmentReader, TimeRange};

/// One moment of the whole database. Cheap to clone; later writes do not change it.
#[derive(Clone, Debug)]
pub struct Snapshot {}

/// A piece of a table that is read in one go: a row group of a segment, or a chunk of the memtable.
#[derive(Clone, Debug)]
pub struct ScanPart {}

/// Sizes of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Rows in segments and memtables.
    pub rows: u64,
    /// Rows not yet in a segment.
    pub memtable_rows: u64,
    /// Bytes of its memtable.
    pub memtable_bytes: u64,
    /// Its segments.
    pub segments: u64,
    /// Bytes of its segment files.
    pub segment_bytes: u64,
    /// Bytes of its rows in segments as plain Arrow arrays.
    pub raw_bytes: u64,
    /// Least and greatest event time, where it has rows.
    pub time: Option<TimeRange>,
}

impl Snapshot {
    /// All tables by name.
    pub fn tables(&self) -> &BTreeMap<String, Arc<TableSchema>> {
        todo!()
    }

    /// The table of this name, as written.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables().get(name)
    }

    /// The entries that `CatalogChange::PutEntry` set.
    pub fn entries(&self) -> &BTreeMap<String, Arc<[u8]>> {
        todo!()
    }

    /// The sequence of the last write it sees; it grows with every write, and is a cheap key for caches.
    pub fn seq(&self) -> u64 {
        todo!()
    }

    /// The pieces of a table that may hold rows in `time`, oldest write first.
    pub fn scan(&self, _table: TableId, _time: TimeRange) -> Result<Vec<ScanPart>> {
        todo!()
    }

    /// The open segments of a table, oldest write first.
    pub fn segments(&self, _table: TableId) -> &[Arc<SegmentReader>] {
        todo!()
    }

    /// Sizes of a table.
    pub fn size(&self, _table: TableId) -> TableSize {
        todo!()
    }
}

impl ScanPart {
    /// Rows in it, before the cut by time.
    pub fn rows(&self) -> u64 {
        todo!()
    }

    /// Event times in it.
    pub fn time(&self) -> TimeRange {
        todo!()
    }

    /// Its rows whose time lies in `time`, `columns` in the order given. Blocks on the disk.
    pub fn read(&self, _columns: &[Column], _time: TimeRange) -> Result<Vec<RecordBatch>> {
        todo!()
    }
}
