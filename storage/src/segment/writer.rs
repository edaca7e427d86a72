use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::bloom::{self, FilterIndex, FilterPlace};
use super::cells::{self, CellTable};
use super::cut::{Cutter, GroupRows};
use super::directory::{
    self, BLOOM, CELL_STATISTICS, CELLS, COLUMNS, LAST, PAGE_INDEX, POSTINGS, REQUIRED, ROW_GROUPS, Section,
    TAGS, Tag,
};
use super::encode::{EncodedColumn, EncodedGroup, encode_all};
use super::header::{Header, TRAILER_BYTES, Trailer};
use super::index::{self, Chunk, Columns, Page, RowGroup, StoredColumn};
use super::last;
use super::postings;
use super::sink::Sink;
use super::source::Extent;
use super::statistics::{self, Tallies};
use super::summary::{SUMMARIES, SummaryBuilder};
use super::tags::SegmentTags;
use super::{GroupInfo, SegmentInfo, SegmentReader};
use crate::distribution::Lattice;
use crate::encoding::{Effort, Encoding};
use crate::error::{Result, StorageError};
use crate::limits::{ROW_GROUPS_MAX, SECTION_BYTES_MAX};
use crate::partition::{CellKey, Partition, Width};
use crate::rows::Rows;
use crate::schema::{Column, ColumnId, ColumnType, NO_TAGS, Role, TableSchema};
use crate::series::SeriesRegistry;

/// What a segment to be written is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentSpec<'a> {
    pub(crate) id: u64,
    pub(crate) schema: &'a Arc<TableSchema>,
    pub(crate) partition: Partition,
    pub(crate) width: Width,
    /// 0: encoded with `Effort::Flush`; 1: with `Effort::Compaction`.
    pub(crate) level: u8,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) series: &'a SeriesRegistry,
    /// Chosen before; a summarised numeric column without one gets one from its first rows.
    pub(crate) lattices: &'a BTreeMap<ColumnId, Lattice>,
    /// Row groups encoded at once; so many and one more are held in memory.
    pub(crate) threads: usize,
}

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) info: SegmentInfo,
    /// Newly chosen.
    pub(crate) lattices: BTreeMap<ColumnId, Lattice>,
}

/// A segment being written. After an error a part of it may be in the file; nothing names it.
#[derive(Debug)]
pub(crate) struct SegmentWriter<'a> {
    sink: &'a mut Sink,
    file: u64,
    offset: u64,
    spec: SegmentSpec<'a>,
    columns: Columns,
    cutter: Cutter,
    /// Cut and not yet encoded.
    ready: Vec<GroupRows>,
    /// Encoded and not yet in the file: it is written while the next are encoded.
    encoded: Vec<(GroupRows, EncodedGroup)>,
    groups: Vec<RowGroup>,
    /// Of each row group, whether its first cell begins in it.
    starts_cell: Vec<bool>,
    chunks: Vec<Vec<Chunk>>,
    cells: CellTable,
    statistics: statistics::Builder,
    summaries: SummaryBuilder,
    /// Newly chosen.
    lattices: BTreeMap<ColumnId, Lattice>,
    /// Which columns get a bloom filter.
    filtered: Vec<bool>,
    filters: FilterIndex,
    last: last::Collector,
}

impl<'a> SegmentWriter<'a> {
    pub(super) fn begin(sink: &'a mut Sink, file: u64, spec: SegmentSpec<'a>) -> Result<Self> {
        let columns = stored_columns(spec.schema)?;
        let offset = sink.begin();
        sink.append(&header(&spec).encode())?;
        let types = columns.list.iter().map(|c| c.ty).collect();
        let cutter = Cutter::new(types, columns.time, spec.width);
        let statistics = statistics::Builder::new(&columns, effort(&spec));
        Ok(Self {
            sink,
            file,
            offset,
            spec,
            columns,
            cutter,
            ready: Vec::new(),
            encoded: Vec::new(),
            groups: Vec::new(),
            starts_cell: Vec::new(),
            chunks: Vec::new(),
            cells: CellTable::default(),
            statistics,
            summaries: SummaryBuilder::new(spec.schema, spec.lattices, spec.level),
            lattices: BTreeMap::new(),
            filtered: spec.schema.stored_columns().map(bloom::is_kept).collect(),
            filters: FilterIndex::default(),
            last: last::Collector::new(spec.schema),
        })
    }

    /// Rows in order of (interval, series, time); each call goes on where the last ended. Any number of rows; slices
    /// are cheap.
    ///
    /// Rows of another schema, without a time, out of order, and a value over its limit are refused.
    pub(crate) fn push(&mut self, rows: Rows) -> Result<()> {
        self.check(&rows)?;
        self.cutter.push(rows)?;
        while let Some(group) = self.cutter.take(false)? {
            self.ready.push(group);
            if self.ready.len() >= self.spec.threads.max(1) {
                self.write_ready()?;
            }
        }
        Ok(())
    }

    /// Takes over whole row groups undecoded; they lie behind everything pushed so far and hold whole cells (see
    /// [`GroupInfo::whole_cells`]). A group in which a column has become wider is decoded and encoded anew, and so is
    /// one of another width.
    pub(crate) fn copy(&mut self, from: &Arc<SegmentReader>, groups: Range<usize>) -> Result<()> {
        let Some(sources) = self.sources(from)? else {
            return groups.into_iter().try_for_each(|g| self.push(from.read_rows(g, self.spec.schema)?));
        };
        self.flush()?;
        groups.into_iter().try_for_each(|group| self.copy_group(from, group, &sources))
    }

    /// Bytes written so far for this segment; rows not yet in a full row group do not count.
    pub(crate) fn bytes(&self) -> u64 {
        self.sink.offset()
    }

    /// Writes what is left, and the footer. No rows are an error.
    pub(crate) fn finish(mut self) -> Result<Written> {
        self.flush()?;
        if self.groups.is_empty() {
            return Err(StorageError::Invalid(format!(
                "a segment of table {} needs rows",
                self.spec.schema.name
            )));
        }
        let ends = self.starts_cell.iter().skip(1).copied().chain([true]);
        for ((group, starts), ends) in self.groups.iter_mut().zip(&self.starts_cell).zip(ends) {
            group.info.whole_cells = *starts && ends;
        }
        let trailer = self.write_footer()?;
        Ok(Written { info: self.info(&trailer), lattices: self.lattices })
    }

    fn effort(&self) -> Effort {
        effort(&self.spec)
    }

    fn check(&self, rows: &Rows) -> Result<()> {
        let table = &self.spec.schema.name;
        let refuse = |why: String| Err(StorageError::Invalid(format!("rows of table {table}: {why}")));
        let (columns, found) = (&self.columns.list, rows.batch.columns());
        if found.len() != columns.len() || rows.len() != rows.batch.num_rows() {
            return refuse(format!("{} columns instead of {}", found.len(), columns.len()));
        }
        for (column, array) in columns.iter().zip(found) {
            if *array.data_type() != column.ty.arrow() || column.ty == ColumnType::Vector(0) {
                let (name, found) = (&column.name, array.data_type());
                return refuse(format!("column {name} is {found}, not {}", column.ty.sql()));
            }
        }
        match rows.batch.column(self.columns.time).null_count() {
            0 => Ok(()),
            nulls => refuse(format!("{nulls} rows have no time")),
        }
    }

    /// Writes everything pushed.
    fn flush(&mut self) -> Result<()> {
        while let Some(group) = self.cutter.take(true)? {
            self.ready.push(group);
            if self.ready.len() >= self.spec.threads.max(1) {
                self.write_ready()?;
            }
        }
        self.write_ready()?;
        self.write_encoded()
    }

    fn write_ready(&mut self) -> Result<()> {
        let ready = std::mem::take(&mut self.ready);
        if let Some(first) = ready.first() {
            self.summaries.prepare(&first.columns);
        }
        if self.spec.threads <= 1 {
            let encoded =
                encode_all(&self.columns, &self.filtered, self.summaries.plan(), &ready, self.effort());
            return ready
                .into_iter()
                .zip(encoded)
                .try_for_each(|(rows, group)| self.write_group(rows, group));
        }
        let (columns, filtered) = (self.columns.clone(), self.filtered.clone());
        let (plan, effort) = (self.summaries.plan().clone(), self.effort());
        let encoded = std::thread::scope(|scope| {
            let encoding = scope.spawn(|| encode_all(&columns, &filtered, &plan, &ready, effort));
            self.write_encoded()?;
            Ok(encoding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        self.encoded = ready.into_iter().zip(encoded).collect();
        Ok(())
    }

    fn write_encoded(&mut self) -> Result<()> {
        let encoded = std::mem::take(&mut self.encoded);
        encoded.into_iter().try_for_each(|(rows, group)| self.write_group(rows, group))
    }

    fn write_group(&mut self, rows: GroupRows, encoded: EncodedGroup) -> Result<()> {
        let chunks = encoded.chunks.iter().map(|chunk| self.write_chunk(chunk));
        let chunks = chunks.collect::<Result<Vec<_>>>()?;
        self.write_filters(&encoded)?;
        self.last.push(&rows)?;
        let (first, last) = (rows.cells.first(), rows.cells.last());
        let info = GroupInfo {
            rows: rows.page_rows.iter().sum(),
            first_row: 0,
            time: encoded.time,
            first_key: first.map_or_else(Default::default, |(key, _)| *key),
            last_key: last.map_or_else(Default::default, |(key, _)| *key),
            compacted: self.spec.level > 0,
            whole_cells: false,
            bytes: chunks.iter().map(Chunk::bytes).sum(),
        };
        self.add_cells(&rows.cells, encoded.tallies);
        self.summaries.add(encoded.summaries, (self.cells.len() - rows.cells.len()) as u32)?;
        self.add_group(RowGroup { info, page_rows: rows.page_rows }, chunks, rows.starts_cell)
    }

    /// Adds the cells of a row group, the first of which may have begun in the one before.
    fn add_cells(&mut self, cells: &[(CellKey, usize)], tallies: Vec<Tallies>) {
        let last = self.cells.len().checked_sub(1).and_then(|last| self.cells.key(last));
        let continues = last.is_some() && cells.first().map(|(key, _)| *key) == last;
        cells.iter().for_each(|(key, rows)| self.cells.push(*key, *rows as u64));
        self.statistics.add(&self.cells, tallies, continues);
    }

    fn write_chunk(&mut self, column: &EncodedColumn) -> Result<Chunk> {
        let EncodedColumn { chunk, raw_bytes, pages, .. } = column;
        let meta = self.sink.append(&chunk.meta)?;
        let page = |(bytes, (nulls, range)): (&Vec<u8>, &(usize, _))| {
            Ok(Page { extent: self.sink.append(bytes)?, nulls: *nulls, range: *range })
        };
        let pages = chunk.pages.iter().zip(pages).map(page).collect::<Result<Vec<_>>>()?;
        Ok(Chunk { encoding: chunk.encoding, raw_bytes: *raw_bytes, meta, pages })
    }

    fn write_filters(&mut self, encoded: &EncodedGroup) -> Result<()> {
        let mut places = Vec::new();
        for (column, chunk) in self.columns.list.iter().zip(&encoded.chunks) {
            if let Some(filter) = &chunk.filter {
                places.push(FilterPlace { column: column.id, extent: self.sink.append(filter)? });
            }
        }
        self.filters.groups.push(places);
        Ok(())
    }

    fn add_group(&mut self, mut group: RowGroup, chunks: Vec<Chunk>, starts_cell: bool) -> Result<()> {
        group.info.first_row = self.groups.last().map_or(0, |g| g.info.first_row + g.info.rows as u64);
        self.groups.push(group);
        self.chunks.push(chunks);
        self.starts_cell.push(starts_cell);
        if self.groups.len() <= ROW_GROUPS_MAX {
            return Ok(());
        }
        Err(StorageError::TooLarge {
            what: "the number of row groups of a segment",
            size: self.groups.len() as u64,
            limit: ROW_GROUPS_MAX as u64,
            remedy: "flush smaller memtables",
        })
    }

    /// Where in `from` each of the columns is, none for one that is younger; none at all where row groups cannot be
    /// taken over as they are.
    fn sources(&self, from: &SegmentReader) -> Result<Option<Vec<Option<usize>>>> {
        let stored = &from.footer()?.columns.list;
        let mut sources = Vec::with_capacity(self.columns.list.len());
        for column in &self.columns.list {
            let found = stored.iter().position(|s| s.id == column.id);
            if found.and_then(|at| stored.get(at)).is_some_and(|s| s.ty != column.ty) {
                return Ok(None);
            }
            sources.push(found);
        }
        Ok((from.info().width == self.spec.width).then_some(sources))
    }

    fn copy_group(&mut self, from: &Arc<SegmentReader>, at: usize, sources: &[Option<usize>]) -> Result<()> {
        let (group, chunks) = from.group_and_chunks(at)?;
        self.cutter.pass(group.info.first_key, i64::MIN)?;
        self.cutter.pass(group.info.last_key, i64::MAX)?;
        let mut copied = Vec::with_capacity(sources.len());
        for source in sources {
            copied.push(match source.and_then(|at| chunks.get(at)) {
                Some(chunk) => self.copy_chunk(from, chunk)?,
                None => nulls(&group.page_rows, self.sink.offset()),
            });
        }
        self.copy_filters(from, at)?;
        let rows = group.info.first_row..group.info.first_row + group.info.rows as u64;
        let cells = from.cells()?;
        let starts_cell = self.cells.len().checked_sub(1).and_then(|last| self.cells.key(last))
            != Some(group.info.first_key);
        let part = |cell| {
            let of_cell = cells.rows(cell);
            let count = of_cell.end.min(rows.end) - of_cell.start.max(rows.start);
            (cells.key(cell).unwrap_or_default(), count as usize)
        };
        let cells: Vec<_> = cells.cells_of_rows(&rows).map(part).collect();
        let tallies = self.tally_copied(from, at, &cells)?;
        self.add_cells(&cells, tallies);
        self.summaries.copy(from, at, (self.cells.len() - cells.len()) as u32)?;
        let series: Vec<_> = cells.iter().map(|(key, rows)| (key.series, *rows)).collect();
        self.last.copy(from, at, &series);
        let info = GroupInfo { bytes: copied.iter().map(Chunk::bytes).sum(), ..group.info };
        self.add_group(RowGroup { info, page_rows: group.page_rows.clone() }, copied, starts_cell)
    }

    /// Statistics of a row group taken over are made anew from its numbers: simpler than to cut those of its segment,
    /// which may have none, and decoding is not what a copy waits for.
    fn tally_copied(
        &self,
        from: &SegmentReader,
        at: usize,
        cells: &[(CellKey, usize)],
    ) -> Result<Vec<Tallies>> {
        if self.statistics.given_up() {
            return Ok(Vec::new());
        }
        let numeric = |c: &&Column| matches!(c.ty, ColumnType::BigInt | ColumnType::Double);
        let wanted: Vec<Column> = self.spec.schema.stored_columns().filter(numeric).cloned().collect();
        let batch = from.read_whole(at, &wanted)?;
        let list = self.columns.list.iter().filter(|c| wanted.iter().any(|w| w.id == c.id)).cloned();
        let columns = Columns { time: 0, list: list.collect() };
        Ok(statistics::tally(&columns, batch.columns(), cells))
    }

    fn copy_chunk(&mut self, from: &SegmentReader, chunk: &Chunk) -> Result<Chunk> {
        let mut copy = |extent| self.sink.append(&from.read_checked(extent)?);
        let meta = copy(chunk.meta)?;
        let page = |page: &Page| Ok(Page { extent: copy(page.extent)?, ..*page });
        let pages = chunk.pages.iter().map(page).collect::<Result<Vec<_>>>()?;
        Ok(Chunk { meta, pages, ..*chunk })
    }

    /// Those of columns that have filters now; a column may have been without when the row group was written.
    fn copy_filters(&mut self, from: &SegmentReader, row_group: usize) -> Result<()> {
        let mut places = Vec::new();
        for (column, _) in self.columns.list.iter().zip(&self.filtered).filter(|(_, filtered)| **filtered) {
            if let Some(extent) = from.filters()?.find(row_group, column.id) {
                let extent = self.sink.append(&from.read_checked(extent)?)?;
                places.push(FilterPlace { column: column.id, extent });
            }
        }
        self.filters.groups.push(places);
        Ok(())
    }

    /// Sections that a reader may do without.
    fn optional_sections(&mut self) -> Result<Vec<(Tag, Vec<u8>)>> {
        let mut sections = Vec::new();
        sections.extend(self.filters.encode().map(|bytes| (BLOOM, bytes)));
        if self.spec.level > 0 {
            let tags = self.tags()?;
            sections.push((TAGS, tags.encode()?));
            sections.extend(postings::encode(&tags).map(|bytes| (POSTINGS, bytes)));
        }
        let last = std::mem::replace(&mut self.last, last::Collector::new(self.spec.schema));
        sections.extend(last.finish()?.map(|bytes| (LAST, bytes)));
        // A reader that finds none of these reads more rows; one that is too large could not be read at all.
        sections.retain(|(_, bytes)| bytes.len() as u64 <= SECTION_BYTES_MAX);
        Ok(sections)
    }

    fn tags(&self) -> Result<SegmentTags> {
        let mut series = self.cells.series.clone();
        series.sort_unstable();
        series.dedup();
        let registry = self.spec.series;
        SegmentTags::build(series, |id| {
            (id == NO_TAGS || registry.table(id).is_some()).then(|| registry.tags(id))
        })
    }

    /// Sections, then the directory that names them, then the trailer that names the directory.
    fn write_footer(&mut self) -> Result<Trailer> {
        let sections: [(Tag, Vec<u8>); 4] = [
            (COLUMNS, index::encode_columns(&self.columns)),
            (ROW_GROUPS, index::encode_groups(&self.groups)),
            (PAGE_INDEX, index::encode_chunks(&self.chunks)),
            (CELLS, cells::encode(&self.cells, self.spec.width, self.effort())),
        ];
        let statistics = self.statistics.finish(&self.cells, self.sink)?;
        let mut entries = Vec::new();
        for (tag, bytes) in sections {
            entries.push(Section { tag, flags: REQUIRED, version: 1, extent: self.sink.append(&bytes)? });
        }
        if let Some(bytes) = statistics {
            let extent = self.sink.append(&bytes)?;
            entries.push(Section { tag: CELL_STATISTICS, flags: 0, version: 1, extent });
        }
        if let Some(bytes) = self.summaries.finish(self.spec.width)? {
            entries.push(Section { tag: SUMMARIES, flags: 0, version: 1, extent: self.sink.append(&bytes)? });
            // A handful of rows chooses for nobody else.
            self.lattices.clone_from(self.summaries.chosen());
        }
        for (tag, bytes) in self.optional_sections()? {
            entries.push(Section { tag, flags: 0, version: 1, extent: self.sink.append(&bytes)? });
        }
        let directory = self.sink.append(&directory::encode(&entries))?;
        let trailer = Trailer {
            directory_offset: directory.offset,
            directory_bytes: directory.bytes as u32,
            directory_crc: directory.crc,
            segment_bytes: self.sink.offset() + TRAILER_BYTES as u64,
            segment: self.spec.id,
        };
        self.sink.append(&trailer.encode())?;
        Ok(trailer)
    }

    fn info(&self, trailer: &Trailer) -> SegmentInfo {
        let SegmentSpec { id, level, partition, width, first_seq, last_seq, schema, .. } = self.spec;
        let groups = || self.groups.iter().map(|g| g.info);
        SegmentInfo {
            id,
            file: self.file,
            offset: self.offset,
            level,
            partition,
            width,
            first_key: groups().next().map_or_else(Default::default, |g| g.first_key),
            last_key: groups().next_back().map_or_else(Default::default, |g| g.last_key),
            table: schema.id,
            schema_version: schema.version,
            rows: groups().map(|g| g.rows as u64).sum(),
            bytes: trailer.segment_bytes,
            raw_bytes: self.chunks.iter().flatten().map(|c| c.raw_bytes).sum(),
            min_time: groups().map(|g| g.time.min).min().unwrap_or(i64::MAX),
            max_time: groups().map(|g| g.time.max).max().unwrap_or(i64::MIN),
            first_seq,
            last_seq,
            footer_crc: trailer.directory_crc,
        }
    }
}

fn effort(spec: &SegmentSpec<'_>) -> Effort {
    if spec.level == 0 { Effort::Flush } else { Effort::Compaction }
}

fn header(spec: &SegmentSpec<'_>) -> Header {
    Header { segment: spec.id, table: spec.schema.id, schema_version: spec.schema.version }
}

fn stored_columns(schema: &TableSchema) -> Result<Columns> {
    let time = schema.stored_columns().position(|c| c.role == Role::Time && c.ty == ColumnType::Timestamp);
    let time =
        time.ok_or_else(|| StorageError::Invalid(format!("table {} has no time column", schema.name)))?;
    let list = schema.stored_columns().map(|c| StoredColumn { id: c.id, name: c.name.clone(), ty: c.ty });
    Ok(Columns { time, list: list.collect() })
}

/// The chunk of a column that is younger than the row group: no bytes, at a place that a chunk may have.
fn nulls(page_rows: &[usize], offset: u64) -> Chunk {
    let none = Extent { offset, ..Extent::default() };
    let page = |rows: &usize| Page { extent: none, nulls: *rows, range: None };
    Chunk {
        encoding: Encoding::AllNull,
        raw_bytes: 0,
        meta: none,
        pages: page_rows.iter().map(page).collect(),
    }
}
