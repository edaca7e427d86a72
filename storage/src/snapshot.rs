//! What a query sees: one moment of all tables.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use roaring::RoaringBitmap;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::label::{LabelBlocks, LabelCache, LabelCounts, LabelView, Relation, Unflushed, Waiting};
use crate::memtable::{Chunk, Memtable, tags};
use crate::overlay::{Deletion, Hidden, View};
use crate::read::{Piece, ReadCounts, Want};
use crate::schema::{Column, ColumnId, SeriesId, TableId, TableSchema};
use crate::segment::{Over, SegmentReader, TimeRange};
use crate::series::SeriesRegistry;
use crate::tables::Tables;

/// One moment of the whole database. Cheap to clone; later writes do not change it.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Moment>);

#[derive(Debug)]
struct Moment {
    seq: u64,
    catalog: Catalog,
    tables: Tables<TableData>,
    registry: Arc<SeriesRegistry>,
}

/// The rows of one table: segments, then what a flush is writing, then what was written since.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableData {
    pub(crate) segments: Arc<Vec<Arc<SegmentReader>>>,
    /// Hidden rows of segments, as flushes wrote them down.
    pub(crate) hidden: Arc<BTreeMap<u64, Arc<Hidden>>>,
    /// Labels of the rows of segments, as flushes wrote them down.
    pub(crate) labels: Arc<LabelBlocks>,
    pub(crate) frozen: Memtable,
    pub(crate) active: Memtable,
    /// Of a table of labels: what was found of those in memory.
    pub(crate) label_cache: Arc<LabelCache>,
}

/// A piece of a table that is read in one go: a row group of a segment, or a chunk of the memtable.
#[derive(Clone, Debug)]
pub struct ScanPart(Part);

#[derive(Clone, Debug)]
enum Part {
    /// A row group with its rows and its time.
    RowGroup(Arc<SegmentReader>, usize, u64, TimeRange, Arc<View>),
    Chunk(Arc<Chunk>, Arc<View>),
}

/// Sizes of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Rows in segments and memtables, without those that flushes found to be replaced or deleted.
    pub rows: u64,
    /// Rows in segments that are replaced or deleted, and go with the next compaction.
    pub hidden_rows: u64,
    /// Labels beside the segments of the table; a correction counts again.
    pub labels: u64,
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

/// All series there are, those too that came after the snapshot. Holds no rows.
#[derive(Clone, Debug)]
pub struct SeriesDirectory(Arc<SeriesRegistry>);

impl SeriesDirectory {
    /// The series that a table has rows of, or had; rising. Looks through all series there are.
    pub fn of_table(&self, table: TableId) -> Vec<SeriesId> {
        self.0.of_table(table)
    }

    /// How many they are.
    pub fn count(&self, table: TableId) -> usize {
        self.0.count(table)
    }

    /// A tag of each of some series, null where one does not have it.
    ///
    /// # Errors
    /// More than 2 GiB of text.
    pub fn tag(&self, column: &Column, series: &[SeriesId]) -> Result<ArrayRef> {
        tags(&self.0, column, series)
    }
}

/// All tables and entries as they were at one moment. It equals that of another moment as long as none of them was
/// made, changed or dropped between; rows are not looked at. Holds no rows.
#[derive(Clone, Debug)]
pub struct CatalogStamp {
    tables: Arc<BTreeMap<String, Arc<TableSchema>>>,
    entries: Arc<BTreeMap<String, Arc<[u8]>>>,
}

impl PartialEq for CatalogStamp {
    /// By place: a map that somebody holds is copied before it changes.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tables, &other.tables) && Arc::ptr_eq(&self.entries, &other.entries)
    }
}

impl Snapshot {
    pub(crate) fn new(
        seq: u64,
        catalog: Catalog,
        tables: Tables<TableData>,
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

    /// What tells whether the catalog is still the same at another moment.
    pub fn catalog_stamp(&self) -> CatalogStamp {
        let catalog = &self.0.catalog;
        CatalogStamp { tables: Arc::clone(&catalog.tables), entries: Arc::clone(&catalog.entries) }
    }

    /// The sequence of the last write it sees; it grows with every write, and is a cheap key for caches.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The pieces of a table that may hold rows in `time`, oldest write first.
    pub fn scan(&self, table: TableId, time: TimeRange) -> Result<Vec<ScanPart>> {
        let schema = self.0.catalog.table(table)?;
        let Some(data) = self.0.tables.get(&table) else { return Ok(Vec::new()) };
        let labels = self.labels_of(schema, data)?.map(Arc::new);
        let view = Arc::new(data.view(schema, &self.0.registry).with_labels(labels));
        let mut parts = Vec::new();
        for segment in data.segments.iter().filter(|s| s.info().time().overlaps(time)) {
            for (index, group) in segment.groups()?.iter().enumerate() {
                let (rows, time) = (group.rows as u64, group.time);
                parts.push(ScanPart(Part::RowGroup(segment.clone(), index, rows, time, view.clone())));
            }
        }
        let chunk = |chunk: &Arc<Chunk>| ScanPart(Part::Chunk(chunk.clone(), view.clone()));
        parts.extend(data.chunks().map(chunk));
        parts.retain(|part| part.time().overlaps(time));
        Ok(parts)
    }

    /// The labels of the rows of a table that has some.
    fn labels_of(&self, schema: &TableSchema, data: &TableData) -> Result<Option<LabelView>> {
        let Some(labels) = self.0.catalog.labels_of(schema.id) else { return Ok(None) };
        let Some(relation) = Relation::of(schema, labels) else { return Ok(None) };
        let kept = self.0.tables.get(&labels.id).cloned().unwrap_or_default();
        let chunks: Vec<_> = kept.chunks().cloned().collect();
        data.label_view(relation, &kept, chunks, &self.0.registry).map(Some)
    }

    /// Finds the rows of a table for which a condition is true, and remembers them with it; how many of them are shown.
    /// Reads them.
    pub(crate) fn resolve(&self, table: TableId, deletion: &Deletion) -> Result<u64> {
        let schema = self.0.catalog.table(table)?;
        let Some(data) = self.0.tables.get(&table) else { return Ok(0) };
        let view = data.view(schema, &self.0.registry);
        let mut shown = 0;
        for segment in data.segments.iter() {
            let found = deletion.in_segment(segment)?;
            shown += found.len() - common(&found, || view.in_segment(segment))?;
        }
        for chunk in data.chunks() {
            let found = deletion.in_chunk(chunk, &self.0.registry)?;
            shown += found.len() - common(&found, || view.in_chunk(chunk))?;
        }
        Ok(shown)
    }

    /// Whether there is a table of this id.
    pub(crate) fn has_table(&self, table: TableId) -> bool {
        self.0.catalog.by_id.contains_key(&table)
    }

    /// Times within which lie all rows of a table that were written after `seq`: of what is in memory to the chunk, of
    /// segments whole ones, which may hold older rows too. Rows that were deleted, or labelled, since are not in it.
    pub fn touched_since(&self, table: TableId, seq: u64) -> Vec<TimeRange> {
        let Some(data) = self.0.tables.get(&table) else { return Vec::new() };
        let segments = data.segments.iter().filter(|s| s.info().last_seq > seq).map(|s| s.info().time());
        let chunks = data.chunks().filter(|chunk| chunk.last_seq > seq).map(|chunk| chunk.time);
        segments.chain(chunks).collect()
    }

    /// The open segments of a table, oldest write first.
    pub fn segments(&self, table: TableId) -> &[Arc<SegmentReader>] {
        self.0.tables.get(&table).map_or(&[], |data| &data.segments)
    }

    /// Blocks of labels of each segment of a table that has some: how many places the labels of a row may lie in.
    pub fn label_blocks(&self, table: TableId) -> Vec<usize> {
        let labels = self.0.tables.get(&table).map(|data| data.labels.clone()).unwrap_or_default();
        labels.values().map(Vec::len).collect()
    }

    /// The series there are.
    pub fn directory(&self) -> SeriesDirectory {
        SeriesDirectory(self.0.registry.clone())
    }

    /// What the late labels of a column count of the rows of each segment, in the order of [`Self::segments`], rows that
    /// are hidden included. None of a segment where labels are in memory or were written with the rows: these have to be
    /// read. May look labels up, and read what blocks of labels begin with.
    ///
    /// # Errors
    /// Damage, and what the disk refuses.
    pub fn label_counts(&self, table: TableId, column: ColumnId) -> Result<Vec<Option<LabelCounts>>> {
        let schema = self.0.catalog.table(table)?;
        let Some(data) = self.0.tables.get(&table) else { return Ok(Vec::new()) };
        let labels = self.labels_of(schema, data)?;
        let counts = |segment: &Arc<SegmentReader>| match &labels {
            Some(labels) => labels.counts(segment, column),
            None => Ok(None),
        };
        data.segments.iter().map(counts).collect()
    }

    /// Sizes of a table.
    pub fn size(&self, table: TableId) -> TableSize {
        let size = self.0.tables.get(&table).map(TableData::size).unwrap_or_default();
        TableSize { series: self.0.registry.count(table) as u64, ..size }
    }
}

/// How many rows are in both; what is hidden is asked for only where it matters.
fn common(found: &RoaringBitmap, hidden: impl FnOnce() -> Result<Option<Arc<RoaringBitmap>>>) -> Result<u64> {
    if found.is_empty() {
        return Ok(0);
    }
    Ok(hidden()?.map_or(0, |hidden| hidden.intersection_len(found)))
}

impl TableData {
    /// Whether deletes wait for a flush to write them down.
    pub(crate) fn has_tombstones(&self) -> bool {
        !self.frozen.tombstones().is_empty() || !self.active.tombstones().is_empty()
    }

    /// Whether all its rows are in segments.
    pub(crate) fn is_flushed(&self) -> bool {
        self.frozen.is_empty() && self.active.is_empty()
    }

    /// Bytes of its rows in memory.
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.frozen.bytes() + self.active.bytes()
    }

    /// The first write of which something is in memory.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        let oldest = if self.frozen.is_empty() { &self.active } else { &self.frozen };
        oldest.first_seq()
    }

    /// What hides rows of it.
    pub(crate) fn view(&self, schema: &TableSchema, registry: &Arc<SeriesRegistry>) -> View {
        let tombstones = self.frozen.tombstones().iter().chain(self.active.tombstones());
        let chunks = self.chunks().cloned().collect();
        View::new(schema, chunks, tombstones.cloned().collect(), self.hidden.clone(), registry.clone())
    }

    /// The labels of its rows: those beside its segments, those that `kept`, the table of labels, has in segments, and
    /// those in some chunks of that.
    pub(crate) fn label_view(
        &self,
        relation: Relation,
        kept: &Self,
        chunks: Vec<Arc<Chunk>>,
        registry: &Arc<SeriesRegistry>,
    ) -> Result<LabelView> {
        let view = kept.view(&relation.labels, registry);
        let deleted = chunks.iter().map(|chunk| view.deleted_in_chunk(chunk)).collect::<Result<_>>()?;
        let waiting = Waiting { segments: kept.segments.clone(), hidden: kept.hidden.clone() };
        let unflushed = Unflushed { chunks, deleted, cache: kept.label_cache.clone() };
        let (segments, blocks) = (self.segments.clone(), self.labels.clone());
        Ok(LabelView { relation, segments, blocks, waiting, unflushed })
    }

    fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.frozen.chunks().iter().chain(self.active.chunks())
    }

    /// Labels beside the segments: of several label columns those of the one that has most.
    fn labelled(&self) -> u64 {
        let mut most: BTreeMap<u64, u64> = BTreeMap::new();
        for ((segment, _), blocks) in self.labels.iter() {
            let labels: u64 = blocks.iter().map(|block| block.place.entries).sum();
            let known = most.entry(*segment).or_default();
            *known = labels.max(*known);
        }
        most.values().sum()
    }

    fn size(&self) -> TableSize {
        let sum = |value: fn(&SegmentReader) -> u64| self.segments.iter().map(|s| value(s)).sum::<u64>();
        let memtable_rows = self.frozen.rows() + self.active.rows();
        let ranges = self.segments.iter().map(|s| s.info().time());
        let time = ranges.chain(self.chunks().map(|c| c.time)).reduce(TimeRange::union);
        let hidden_rows: u64 = self.hidden.values().map(|hidden| hidden.place.rows).sum();
        TableSize {
            rows: (sum(|s| s.info().rows) + memtable_rows).saturating_sub(hidden_rows),
            hidden_rows,
            labels: self.labelled(),
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
    /// Rows in it, before the cut by time, hidden ones too.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Part::RowGroup(_, _, rows, _, _) => *rows,
            Part::Chunk(chunk, _) => chunk.rows.len() as u64,
        }
    }

    /// The segment that its rows are in; None while they are in memory.
    pub fn segment(&self) -> Option<&Arc<SegmentReader>> {
        match &self.0 {
            Part::RowGroup(segment, ..) => Some(segment),
            Part::Chunk(..) => None,
        }
    }

    /// Whether none of its rows can be hidden: then [`Self::rows`] is how many there are. False where only a read would
    /// tell.
    pub fn is_clean(&self) -> bool {
        match &self.0 {
            Part::RowGroup(segment, _, _, _, view) => view.is_clean_segment(segment),
            Part::Chunk(chunk, view) => view.is_clean_chunk(chunk),
        }
    }

    /// The rows of its segment that it has; None while they are in memory.
    pub fn rows_of_segment(&self) -> Result<Option<Range<u64>>> {
        let Part::RowGroup(segment, index, rows, ..) = &self.0 else { return Ok(None) };
        let first = segment.groups()?.get(*index).map_or(0, |group| group.first_row);
        Ok(Some(first..first + rows))
    }

    /// The cells of its segment that have rows in it and may have some in `time` and of `series`, as ranges of their places
    /// in [`SegmentReader::cells`]; none of rows in memory.
    ///
    /// # Errors
    /// Damage.
    pub fn cells(&self, time: TimeRange, series: Option<&RoaringBitmap>) -> Result<Vec<Range<usize>>> {
        match &self.0 {
            Part::RowGroup(segment, index, ..) => segment.cells_of_group(*index, time, series),
            Part::Chunk(..) => Ok(Vec::new()),
        }
    }

    /// Event times in it.
    pub fn time(&self) -> TimeRange {
        match &self.0 {
            Part::RowGroup(_, _, _, time, _) => *time,
            Part::Chunk(chunk, _) => chunk.time,
        }
    }

    /// Hands on the rows that are wanted, piece by piece, without those that were replaced or deleted, until `each` says
    /// that it has enough; whether it did not. Blocks on the disk.
    ///
    /// # Errors
    /// Damage, what the disk refuses, and what `each` or the filter says.
    pub fn pick(
        &self,
        want: &Want<'_>,
        counts: &mut ReadCounts,
        each: &mut dyn FnMut(Piece) -> Result<bool>,
    ) -> Result<bool> {
        let judged = want.filter.map_or(&[][..], |filter| filter.columns);
        match &self.0 {
            Part::RowGroup(segment, index, rows, _, view) => {
                let hidden = view.in_segment(segment)?;
                let first = segment.groups()?.get(*index).map_or(0, |group| group.first_row);
                // A segment has fewer rows than a u32 can count.
                let range = first as u32..(first + rows) as u32;
                let labels = view.labels_in_segment(segment, &range, want.columns, want.as_of)?;
                let filter_labels = view.labels_in_segment(segment, &range, judged, want.as_of)?;
                let over = Over { hidden: hidden.as_deref(), labels: &labels, filter_labels: &filter_labels };
                segment.pick(*index, want, over, counts, each)
            }
            Part::Chunk(chunk, view) => {
                let hidden = view.in_chunk(chunk)?;
                let labels = view.labels_in_chunk(chunk, want.columns, want.as_of)?;
                let filter_labels = view.labels_in_chunk(chunk, judged, want.as_of)?;
                let over = Over { hidden: hidden.as_deref(), labels: &labels, filter_labels: &filter_labels };
                let piece = chunk.pick(want, over)?;
                counts.pages_read += u64::from(piece.is_some());
                counts.pages_skipped += u64::from(piece.is_none());
                piece.filter(|piece| piece.rows.num_rows() > 0).map_or(Ok(true), each)
            }
        }
    }

    /// Its rows whose time lies in `time`, `columns` in the order given, without those that were replaced or deleted.
    /// Blocks on the disk.
    pub fn read(&self, columns: &[Column], time: TimeRange) -> Result<Vec<RecordBatch>> {
        self.read_as_of(columns, time, None)
    }

    /// The same with the labels that had arrived by `as_of`, in nanoseconds since 1970, and no others.
    pub fn read_as_of(
        &self,
        columns: &[Column],
        time: TimeRange,
        as_of: Option<i64>,
    ) -> Result<Vec<RecordBatch>> {
        match &self.0 {
            Part::RowGroup(segment, index, rows, _, view) => {
                let hidden = view.in_segment(segment)?;
                let first = segment.groups()?.get(*index).map_or(0, |group| group.first_row);
                // A segment has fewer rows than a u32 can count.
                let range = first as u32..(first + rows) as u32;
                let labels = view.labels_in_segment(segment, &range, columns, as_of)?;
                segment.read_visible(*index, columns, time, hidden.as_deref(), &labels)
            }
            Part::Chunk(chunk, view) => {
                let hidden = view.in_chunk(chunk)?;
                let labels = view.labels_in_chunk(chunk, columns, as_of)?;
                let rows = chunk.read_labelled(columns, time, view.registry(), hidden.as_deref(), &labels)?;
                Ok(rows.into_iter().collect())
            }
        }
    }
}
