use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use arrow_select::concat::concat_batches;
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::bloom::{Bloom, FilterIndex};
use super::cells::{self, CellTable};
use super::directory::{BLOOM, CELL_STATISTICS, CELLS, LAST, PAGE_INDEX, POSTINGS, TAGS};
use super::footer::Footer;
use super::index::{self, Chunk, RowGroup};
use super::last::{EncodedLast, LastRows};
use super::postings::Postings;
use super::scan::{self, GroupScan};
use super::source::{Extent, Source};
use super::statistics::{self, CellStatistics};
use super::tags::SegmentTags;
use super::{GroupInfo, SegmentFile, SegmentInfo, TimeRange, once, summary};
use crate::encoding::Encoding;
use crate::error::{Result, StorageError};
use crate::label::Laid;
use crate::rows::Rows;
use crate::schema::{Column, ColumnId, SeriesId, TableSchema};
use crate::series::SeriesRegistry;

/// A segment. Cheap to share; each part is read and verified on first use, pages whenever they are read.
#[derive(Debug)]
pub struct SegmentReader {
    info: SegmentInfo,
    source: Source,
    series: Arc<SeriesRegistry>,
    footer: OnceLock<Footer>,
    chunks: OnceLock<Vec<Vec<Chunk>>>,
    cells: OnceLock<CellTable>,
    groups: OnceLock<Vec<GroupInfo>>,
    pub(super) summary_head: OnceLock<Option<summary::Head>>,
    filters: OnceLock<FilterIndex>,
    /// Filters whose bytes were checked, by their offsets: a look-up by key asks every row group, and wants a few bytes of each.
    checked_filters: Mutex<HashSet<u64>>,
    tags: OnceLock<Option<SegmentTags>>,
    postings: OnceLock<Option<Postings>>,
    last: OnceLock<Option<EncodedLast>>,
}

/// Sizes of one column in one segment.
#[derive(Clone, Debug)]
pub struct ColumnSize {
    /// The column.
    pub column: ColumnId,
    /// How most of its chunks are encoded.
    pub encoding: &'static str,
    /// Bytes in the file.
    pub bytes: u64,
    /// Bytes as plain Arrow arrays.
    pub raw_bytes: u64,
    /// The same by encoding.
    pub encodings: Vec<EncodingSize>,
}

/// Sizes of the chunks of one column that are encoded in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingSize {
    /// How.
    pub encoding: &'static str,
    /// How many chunks.
    pub chunks: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// Bytes as plain Arrow arrays.
    pub raw_bytes: u64,
}

impl SegmentReader {
    /// No I/O: header, trailer, directory and sections are read and verified on first use, against `info`.
    pub(crate) fn new(file: Arc<SegmentFile>, info: SegmentInfo, series: Arc<SeriesRegistry>) -> Arc<Self> {
        let source = Source::new(file, info.offset, info.bytes);
        Arc::new(Self {
            info,
            source,
            series,
            footer: OnceLock::new(),
            chunks: OnceLock::new(),
            cells: OnceLock::new(),
            groups: OnceLock::new(),
            summary_head: OnceLock::new(),
            filters: OnceLock::new(),
            checked_filters: Mutex::default(),
            tags: OnceLock::new(),
            postings: OnceLock::new(),
            last: OnceLock::new(),
        })
    }

    /// What the manifest says of it.
    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// A segment that was written to the same disk, with the same series. No I/O.
    pub(crate) fn beside(&self, info: SegmentInfo) -> Arc<Self> {
        let (file, series) = (self.file().beside(info.file), self.series.clone());
        Self::new(file, info, series)
    }

    /// The file it lies in.
    pub(crate) fn file(&self) -> &Arc<SegmentFile> {
        self.source.file()
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> Result<usize> {
        Ok(self.groups()?.len())
    }

    /// Its row groups.
    pub(crate) fn groups(&self) -> Result<&[GroupInfo]> {
        let all = once(&self.groups, || Ok(self.footer()?.groups.iter().map(|g| g.info).collect()))?;
        Ok(all)
    }

    /// Which rows belong to which interval and series.
    pub fn cells(&self) -> Result<&CellTable> {
        once(&self.cells, || self.read_cells(self.footer()?))
    }

    /// Whether a row group may hold a value with this hash ([`crate::segment::hash_text`] and its like) in a column;
    /// false is certain. True where there is no filter: of a column that is neither KEY nor INDEX, of rows written
    /// before it was, of a VECTOR or DISTRIBUTION. Reads one filter.
    pub fn may_contain(&self, row_group: usize, column: ColumnId, hash: u64) -> Result<bool> {
        let Some(extent) = self.filters()?.find(row_group, column) else { return Ok(true) };
        let bytes = self.source.read_checked(extent)?;
        let filter = Bloom::decode(&bytes).map_err(self.source.malformed(extent.offset))?;
        Ok(filter.may_contain(hash))
    }

    /// The series and their tags; none in a segment of level 0.
    pub fn tags(&self) -> Result<Option<&SegmentTags>> {
        Ok(once(&self.tags, || self.read_tags(self.footer()?))?.as_ref())
    }

    /// The ordinals in [`Self::tags`] of the series that have a value in a tag column. None where the segment keeps no
    /// bitmap of it (fewer than [`crate::limits::POSTING_SERIES_MIN`] series, or level 0): then look through the tags.
    pub fn series_with(&self, column: ColumnId, value: &str) -> Result<Option<RoaringBitmap>> {
        let Some(tags) = self.tags()? else { return Ok(None) };
        let postings = once(&self.postings, || self.read_postings(self.footer()?, tags))?;
        let Some((postings, code)) = postings.as_ref().zip(tags.code(column, value)) else { return Ok(None) };
        let offset = self.footer()?.place(POSTINGS);
        postings.find(column, code).map_err(self.source.malformed(offset))
    }

    /// The last row of each series, with these columns. None where the segment keeps no last rows, or not all of these
    /// columns of them (VECTOR, DISTRIBUTION, JSON, long texts). A column that is younger than the segment is null, a
    /// BIGINT read as DOUBLE is widened.
    pub fn last_rows(&self, columns: &[Column]) -> Result<Option<LastRows>> {
        let footer = self.footer()?;
        let last = once(&self.last, || self.read_last(footer))?;
        let Some(last) = last else { return Ok(None) };
        let offset = footer.place(LAST);
        scan::last_rows(self, last, columns, offset)
    }

    /// Some rows of a row group, given by their places in it, which rise; column by column. Reads only pages that have
    /// some.
    pub(super) fn rows_at(
        &self,
        row_group: usize,
        columns: &[Column],
        rows: &[usize],
    ) -> Result<Vec<ArrayRef>> {
        let (group, chunks) = self.group_and_chunks(row_group)?;
        GroupScan::new(self, group, chunks, columns)?.rows_at(rows)
    }

    /// Reads the rows of a row group whose time lies in `time`, one batch a page at most, in file order; pages
    /// outside the range are neither read nor decoded. `columns` gives the output in order; a column that was
    /// added after the segment was written comes back as nulls, BIGINT read as DOUBLE is widened, and tags are
    /// those of the rows' series.
    pub fn read(&self, row_group: usize, columns: &[Column], time: TimeRange) -> Result<Vec<RecordBatch>> {
        self.read_visible(row_group, columns, time, None, &[])
    }

    /// The same without hidden rows, which are given by their places in the segment, and with labels over what was
    /// written, by place in `columns`.
    pub(crate) fn read_visible(
        &self,
        row_group: usize,
        columns: &[Column],
        time: TimeRange,
        hidden: Option<&RoaringBitmap>,
        labels: &[Option<Laid>],
    ) -> Result<Vec<RecordBatch>> {
        let (group, chunks) = self.group_and_chunks(row_group)?;
        let mut scan = GroupScan::new(self, group, chunks, columns)?.without(hidden).labelled(labels);
        let pages = (0..group.page_rows.len()).map(|page| scan.read_page(page, time));
        pages.filter_map(Result::transpose).collect()
    }

    /// All rows of a row group with the stored columns of `schema`: null where missing, widened where need be.
    pub(crate) fn read_rows(&self, row_group: usize, schema: &TableSchema) -> Result<Rows> {
        let columns: Vec<Column> = schema.stored_columns().cloned().collect();
        let batch = self.read_whole(row_group, &columns)?;
        Ok(Rows { series: self.series_of_group(row_group)?.into(), batch })
    }

    /// The series of each row of a row group.
    pub(crate) fn series_of_group(&self, row_group: usize) -> Result<Vec<SeriesId>> {
        let (group, _) = self.group_and_chunks(row_group)?;
        let rows = group.info.first_row..group.info.first_row + group.info.rows as u64;
        Ok(self.cells()?.series_of_rows(&rows))
    }

    /// For each hash of a value in a column whether a row group may hold it, as [`Self::may_contain`] tells of one. Of no
    /// hash nothing is known.
    pub(crate) fn may_contain_each(
        &self,
        row_group: usize,
        column: ColumnId,
        hashes: &[Option<u64>],
    ) -> Result<Vec<bool>> {
        let Some(extent) = self.filters()?.find(row_group, column) else {
            return Ok(vec![true; hashes.len()]);
        };
        let bytes = self.filter_bytes(extent)?;
        if let [Some(hash)] = hashes {
            let found = Bloom::may_contain_in(&bytes, *hash).map_err(self.source.malformed(extent.offset))?;
            return Ok(vec![found]);
        }
        let filter = Bloom::decode(&bytes).map_err(self.source.malformed(extent.offset))?;
        Ok(hashes.iter().map(|hash| hash.is_none_or(|hash| filter.may_contain(hash))).collect())
    }

    /// Those of a filter, checked when it is read first.
    fn filter_bytes(&self, extent: Extent) -> Result<Cow<'_, [u8]>> {
        if self.checked_filters.lock().contains(&extent.offset) {
            return self.source.read(extent.offset, extent.bytes);
        }
        let bytes = self.source.read_checked(extent)?;
        self.checked_filters.lock().insert(extent.offset);
        Ok(bytes)
    }

    /// All rows of a row group as one batch.
    pub(crate) fn read_whole(&self, row_group: usize, columns: &[Column]) -> Result<RecordBatch> {
        let pages = self.read(row_group, columns, TimeRange::ALL)?;
        let schema = Arc::new(Schema::new(columns.iter().map(Column::arrow).collect::<Vec<_>>()));
        concat_batches(&schema, &pages)
            .map_err(|e| StorageError::Invalid(format!("{}: {e}", self.source.path())))
    }

    /// Statistics of the cells of a column, a value of each vector a cell of [`Self::cells`]. None where the segment
    /// keeps none: its cells are small, the column is neither BIGINT nor DOUBLE or younger than the segment, or an older
    /// or newer build wrote it. Read and verified at each call, and nothing else with it.
    pub fn statistics(&self, column: ColumnId) -> Result<Option<CellStatistics>> {
        let footer = self.footer()?;
        let stored = footer.columns.list.iter().find(|c| c.id == column);
        let place = self.statistics_index(footer)?.into_iter().find(|(id, _)| *id == column);
        let Some((stored, (_, extent))) = stored.zip(place) else { return Ok(None) };
        let bytes = self.source.read_checked(extent)?;
        let decoded = statistics::decode(&bytes, stored.ty, self.cells()?);
        decoded.map(Some).map_err(self.source.malformed(extent.offset))
    }

    fn statistics_index(&self, footer: &Footer) -> Result<Vec<(ColumnId, Extent)>> {
        let Some(section) = statistics::section(&footer.sections) else { return Ok(Vec::new()) };
        let bytes = self.source.read_checked(section.extent)?;
        statistics::decode_index(&bytes, &footer.body()).map_err(self.source.malformed(section.extent.offset))
    }

    /// Reads every byte and checks every checksum, whatever was read before.
    pub fn verify(&self) -> Result<()> {
        let footer = Footer::read(&self.source, &self.info)?;
        self.read_cells(&footer)?;
        for section in &footer.sections {
            self.source.read_checked(section.extent)?;
        }
        for chunk in self.read_chunks(&footer)?.iter().flatten() {
            self.source.read_checked(chunk.meta)?;
            for page in &chunk.pages {
                self.source.read_checked(page.extent)?;
            }
        }
        for (_, extent) in self.statistics_index(&footer)? {
            self.source.read_checked(extent)?;
        }
        self.verify_optional(&footer)?;
        Ok(())
    }

    /// What the sections that may be missing say, decoded anew.
    fn verify_optional(&self, footer: &Footer) -> Result<()> {
        for extent in self.read_filters(footer)?.extents() {
            self.source.read_checked(extent)?;
        }
        if let Some(tags) = self.read_tags(footer)?
            && let Some(postings) = self.read_postings(footer, &tags)?
        {
            postings.check(&tags).map_err(self.source.malformed(footer.place(POSTINGS)))?;
        }
        if let Some(last) = self.read_last(footer)? {
            last.check(&footer.columns).map_err(self.source.malformed(footer.place(LAST)))?;
        }
        Ok(())
    }

    /// Whether any row has a value in a column.
    pub(crate) fn has_values(&self, column: ColumnId) -> Result<bool> {
        let Some(at) = self.footer()?.columns.list.iter().position(|stored| stored.id == column) else {
            return Ok(false);
        };
        let mut chunks = self.chunks()?.iter().filter_map(|group| group.get(at));
        Ok(chunks.any(|chunk| chunk.encoding != Encoding::AllNull))
    }

    /// Size by column and encoding, for `system.segments`.
    pub fn column_sizes(&self) -> Result<Vec<ColumnSize>> {
        let (columns, chunks) = (&self.footer()?.columns.list, self.chunks()?);
        let size = |(at, column): (usize, &index::StoredColumn)| {
            column_size(column.id, chunks.iter().filter_map(|group| group.get(at)))
        };
        Ok(columns.iter().enumerate().map(size).collect())
    }

    /// Bytes of each section with what it names outside of itself, by its tag.
    pub fn section_sizes(&self) -> Result<Vec<(String, u64)>> {
        let footer = self.footer()?;
        let statistics: u64 = self.statistics_index(footer)?.iter().map(|(_, extent)| extent.bytes).sum();
        let filters: u64 = self.read_filters(footer)?.extents().map(|extent| extent.bytes).sum();
        let size = |s: &super::directory::Section| {
            let named = match s.tag {
                CELL_STATISTICS => statistics,
                BLOOM => filters,
                _ => 0,
            };
            (s.tag.escape_ascii().to_string(), s.extent.bytes + named)
        };
        Ok(footer.sections.iter().map(size).collect())
    }

    /// Bytes of sections held in memory, about.
    pub fn memory_bytes(&self) -> usize {
        let chunk = |c: &Chunk| size_of::<Chunk>() + c.pages.capacity() * size_of::<index::Page>();
        let chunks = self.chunks.get().map_or(0, |all| all.iter().flatten().map(chunk).sum());
        let group = |g: &RowGroup| 2 * size_of::<RowGroup>() + g.page_rows.capacity() * 8;
        let groups = self.footer.get().map_or(0, |f| f.groups.iter().map(group).sum());
        let filters = self.filters.get().map_or(0, FilterIndex::memory_bytes);
        let tags = self.tags.get().and_then(Option::as_ref).map_or(0, SegmentTags::memory_bytes);
        let postings = self.postings.get().and_then(Option::as_ref).map_or(0, Postings::memory_bytes);
        let last = self.last.get().and_then(Option::as_ref).map_or(0, EncodedLast::memory_bytes);
        chunks
            + groups
            + filters
            + tags
            + postings
            + last
            + self.cells.get().map_or(0, CellTable::memory_bytes)
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn series(&self) -> &SeriesRegistry {
        &self.series
    }

    pub(super) fn footer(&self) -> Result<&Footer> {
        once(&self.footer, || Footer::read(&self.source, &self.info))
    }

    /// A row group and its chunks.
    pub(super) fn group_and_chunks(&self, row_group: usize) -> Result<(&RowGroup, &[Chunk])> {
        let found = self.footer()?.groups.get(row_group).zip(self.chunks()?.get(row_group));
        found.map(|(group, chunks)| (group, chunks.as_slice())).ok_or_else(|| {
            StorageError::Invalid(format!("{} has no row group {row_group}", self.source.path()))
        })
    }

    pub(super) fn read_checked(&self, extent: Extent) -> Result<Cow<'_, [u8]>> {
        self.source.read_checked(extent)
    }

    /// Where the bloom filters lie.
    pub(super) fn filters(&self) -> Result<&FilterIndex> {
        once(&self.filters, || self.read_filters(self.footer()?))
    }

    fn read_filters(&self, footer: &Footer) -> Result<FilterIndex> {
        let Some((offset, bytes)) = footer.optional(&self.source, BLOOM)? else {
            return Ok(FilterIndex::default());
        };
        FilterIndex::decode(&bytes, footer.groups.len(), &footer.body())
            .map_err(self.source.malformed(offset))
    }

    fn read_tags(&self, footer: &Footer) -> Result<Option<SegmentTags>> {
        let Some((offset, bytes)) = footer.optional(&self.source, TAGS)? else { return Ok(None) };
        SegmentTags::decode(&bytes, self.info.rows).map(Some).map_err(self.source.malformed(offset))
    }

    fn read_postings(&self, footer: &Footer, tags: &SegmentTags) -> Result<Option<Postings>> {
        let Some((offset, bytes)) = footer.optional(&self.source, POSTINGS)? else { return Ok(None) };
        Postings::decode(bytes, tags).map(Some).map_err(self.source.malformed(offset))
    }

    fn read_last(&self, footer: &Footer) -> Result<Option<EncodedLast>> {
        let Some((offset, bytes)) = footer.optional(&self.source, LAST)? else { return Ok(None) };
        EncodedLast::decode(bytes).map(Some).map_err(self.source.malformed(offset))
    }

    fn chunks(&self) -> Result<&[Vec<Chunk>]> {
        let all = once(&self.chunks, || self.read_chunks(self.footer()?))?;
        Ok(all)
    }

    fn read_chunks(&self, footer: &Footer) -> Result<Vec<Vec<Chunk>>> {
        let (offset, bytes) = footer.section(&self.source, PAGE_INDEX)?;
        index::decode_chunks(&bytes, &footer.columns, &footer.groups, &footer.body())
            .map_err(self.source.malformed(offset))
    }

    fn read_cells(&self, footer: &Footer) -> Result<CellTable> {
        let (offset, bytes) = footer.section(&self.source, CELLS)?;
        cells::decode(&bytes, self.info.width, self.info.rows).map_err(self.source.malformed(offset))
    }
}

fn column_size<'a>(column: ColumnId, chunks: impl Iterator<Item = &'a Chunk>) -> ColumnSize {
    let mut by_encoding: BTreeMap<Encoding, EncodingSize> = BTreeMap::new();
    for chunk in chunks {
        let empty = EncodingSize { encoding: chunk.encoding.name(), chunks: 0, bytes: 0, raw_bytes: 0 };
        let size = by_encoding.entry(chunk.encoding).or_insert(empty);
        size.chunks += 1;
        size.bytes += chunk.bytes();
        size.raw_bytes += chunk.raw_bytes;
    }
    let encodings: Vec<EncodingSize> = by_encoding.into_values().collect();
    ColumnSize {
        column,
        encoding: encodings.iter().max_by_key(|e| e.chunks).map_or("", |e| e.encoding),
        bytes: encodings.iter().map(|e| e.bytes).sum(),
        raw_bytes: encodings.iter().map(|e| e.raw_bytes).sum(),
        encodings,
    }
}
