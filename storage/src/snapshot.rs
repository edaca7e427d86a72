//! What a query sees: one moment of all tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::memtable::{Chunk, Memtable};
use crate::schema::{Column, TableId, TableSchema};
use crate::segment::{SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

/// One moment of the whole database. Cheap to clone; later writes do not change it.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Moment>);

#[derive(Debug)]
struct Moment {
    seq: u64,
    catalog: Catalog,
    tables: BTreeMap<TableId, TableData>,
    registry: Arc<SeriesRegistry>,
}

/// The rows of one table: segments, then what a flush is writing, then what was written since.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableData {
    pub(crate) segments: Arc<Vec<Arc<SegmentReader>>>,
    pub(crate) frozen: Memtable,
    pub(crate) active: Memtable,
}

/// A piece of a table that is read in one go: a row group of a segment, or a chunk of the memtable.
#[derive(Clone, Debug)]
pub struct ScanPart(Part);

#[derive(Clone, Debug)]
enum Part {
    /// A row group with its rows and its time.
    RowGroup(Arc<SegmentReader>, usize, u64, TimeRange),
    Chunk(Arc<Chunk>, Arc<SeriesRegistry>),
}

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
    /// Those that wait to be compacted.
    pub uncompacted_segments: u64,
    /// Series of it that have had rows.
    pub series: u64,
    /// Bytes of its segments.
    pub segment_bytes: u64,
    /// Bytes of its rows in segments as plain Arrow arrays.
    pub raw_bytes: u64,
    /// Least and greatest event time, where it has rows.
    pub time: Option<TimeRange>,
}

impl Snapshot {
    pub(crate) fn new(
        seq: u64,
        catalog: Catalog,
        tables: BTreeMap<TableId, TableData>,
        registry: Arc<SeriesRegistry>,
    ) -> Self {
        Self(Arc::new(Moment { seq, catalog, tables, registry }))
    }

    /// All tables by name.
    pub fn tables(&self) -> &BTreeMap<String, Arc<TableSchema>> {
        &self.0.catalog.tables
    }

    /// The table of this name, as written.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables().get(name)
    }

    /// The entries that `CatalogChange::PutEntry` set.
    pub fn entries(&self) -> &BTreeMap<String, Arc<[u8]>> {
        &self.0.catalog.entries
    }

    /// The sequence of the last write it sees; it grows with every write, and is a cheap key for caches.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The pieces of a table that may hold rows in `time`, oldest write first.
    pub fn scan(&self, table: TableId, time: TimeRange) -> Result<Vec<ScanPart>> {
        self.0.catalog.table(table)?;
        let Some(data) = self.0.tables.get(&table) else { return Ok(Vec::new()) };
        let mut parts = Vec::new();
        for segment in data.segments.iter().filter(|s| s.info().time().overlaps(time)) {
            for (index, group) in segment.groups()?.iter().enumerate() {
                parts.push(ScanPart(Part::RowGroup(segment.clone(), index, group.rows as u64, group.time)));
            }
        }
        let chunk = |chunk: &Arc<Chunk>| ScanPart(Part::Chunk(chunk.clone(), self.0.registry.clone()));
        parts.extend(data.chunks().map(chunk));
        parts.retain(|part| part.time().overlaps(time));
        Ok(parts)
    }

    /// The open segments of a table, oldest write first.
    pub fn segments(&self, table: TableId) -> &[Arc<SegmentReader>] {
        self.0.tables.get(&table).map_or(&[], |data| &data.segments)
    }

    /// Sizes of a table.
    pub fn size(&self, table: TableId) -> TableSize {
        let size = self.0.tables.get(&table).map(TableData::size).unwrap_or_default();
        TableSize { series: self.0.registry.count(table) as u64, ..size }
    }
}

impl TableData {
    /// Whether all its rows are in segments.
    pub(crate) fn is_flushed(&self) -> bool {
        self.frozen.is_empty() && self.active.is_empty()
    }

    /// Bytes of its rows in memory.
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.frozen.bytes() + self.active.bytes()
    }

    /// The first write with a row in memory.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        let oldest = if self.frozen.is_empty() { &self.active } else { &self.frozen };
        oldest.seqs().map(|(first, _)| first)
    }

    fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.frozen.chunks().iter().chain(self.active.chunks())
    }

    fn size(&self) -> TableSize {
        let sum = |value: fn(&SegmentReader) -> u64| self.segments.iter().map(|s| value(s)).sum::<u64>();
        let memtable_rows = self.frozen.rows() + self.active.rows();
        let ranges = self.segments.iter().map(|s| s.info().time());
        let time = ranges.chain(self.chunks().map(|c| c.time)).reduce(TimeRange::union);
        TableSize {
            rows: sum(|s| s.info().rows) + memtable_rows,
            memtable_rows,
            memtable_bytes: self.memtable_bytes() as u64,
            segments: self.segments.len() as u64,
            uncompacted_segments: sum(|s| u64::from(s.info().level == 0)),
            series: 0,
            segment_bytes: sum(|s| s.info().bytes),
            raw_bytes: sum(|s| s.info().raw_bytes),
            time,
        }
    }
}

impl ScanPart {
    /// Rows in it, before the cut by time.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Part::RowGroup(_, _, rows, _) => *rows,
            Part::Chunk(chunk, _) => chunk.rows.len() as u64,
        }
    }

    /// Whether its rows are in no segment yet.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.0, Part::Chunk(..))
    }

    /// Event times in it.
    pub fn time(&self) -> TimeRange {
        match &self.0 {
            Part::RowGroup(_, _, _, time) => *time,
            Part::Chunk(chunk, _) => chunk.time,
        }
    }

    /// Its rows whose time lies in `time`, `columns` in the order given. Blocks on the disk.
    pub fn read(&self, columns: &[Column], time: TimeRange) -> Result<Vec<RecordBatch>> {
        match &self.0 {
            Part::RowGroup(segment, index, _, _) => segment.read(*index, columns, time),
            Part::Chunk(chunk, registry) => Ok(chunk.read(columns, time, registry)?.into_iter().collect()),
        }
    }
}
