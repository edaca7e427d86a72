use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::directory::{self, COLUMNS, DIRECTORY_BYTES_MAX, PAGE_INDEX, ROW_GROUPS, Section};
use super::header::{HEADER_BYTES, Header, TRAILER_BYTES, Trailer};
use super::index::{self, Chunk, Columns, RowGroup};
use super::scan::GroupScan;
use super::source::{Extent, Source};
use super::{SegmentInfo, TimeRange};
use crate::disk::Disk;
use crate::encoding::Encoding;
use crate::error::{Result, StorageError};
use crate::schema::Column;

/// An open segment. Cheap to share; its footer has been read and verified, its pages are verified when read.
#[derive(Debug)]
pub struct SegmentReader {
    info: SegmentInfo,
    source: Source,
    footer: Footer,
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

/// All that the footer says.
#[derive(Debug)]
struct Footer {
    sections: Vec<Section>,
    columns: Columns,
    groups: Vec<RowGroup>,
}

impl SegmentReader {
    /// Opens the file and checks header, trailer and footer against `info`.
    pub fn open(disk: &dyn Disk, info: SegmentInfo) -> Result<Arc<Self>> {
        let source = Source::open(disk, info.path())?;
        let footer = Footer::read(&source, &info)?;
        Ok(Arc::new(Self { info, source, footer }))
    }

    /// No I/O: header, trailer, directory and sections are read and verified on first use, against `info`.
    pub(crate) fn new(
        file: Arc<super::SegmentFile>,
        info: SegmentInfo,
        series: Arc<crate::series::SeriesRegistry>,
    ) -> Arc<Self> {
        todo!("{file:?} {info:?} {series:?}")
    }

    /// Its row groups.
    pub(crate) fn groups(&self) -> Result<&[super::GroupInfo]> {
        todo!()
    }

    /// Which rows belong to which interval and series.
    pub fn cells(&self) -> Result<&super::CellTable> {
        todo!()
    }

    /// All rows of a row group with the stored columns of `schema`: null where missing, widened where need be.
    pub(crate) fn read_rows(
        &self,
        row_group: usize,
        schema: &crate::TableSchema,
    ) -> Result<crate::rows::Rows> {
        todo!("{row_group} {schema:?}")
    }

    /// Bytes of sections held in memory.
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// What the manifest says of it.
    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.footer.groups.len()
    }

    /// Rows and event times of a row group; no rows and an empty range for one that is not there.
    pub fn row_group(&self, index: usize) -> (u64, TimeRange) {
        match self.footer.groups.get(index) {
            Some(group) => (group.rows(), group.time),
            None => (0, TimeRange { min: i64::MAX, max: i64::MIN }),
        }
    }

    /// Reads the rows of a row group whose time lies in `time`, one batch a page at most, in file order; pages
    /// outside the range are neither read nor decoded. `columns` gives the output in order; a column that was
    /// added after the segment was written comes back as nulls, and BIGINT read as DOUBLE is widened.
    pub fn read(&self, row_group: usize, columns: &[Column], time: TimeRange) -> Result<Vec<RecordBatch>> {
        let group = self.footer.groups.get(row_group).ok_or_else(|| {
            StorageError::Invalid(format!("{} has no row group {row_group}", self.source.path()))
        })?;
        let mut scan = GroupScan::new(&self.source, &self.footer.columns, group, columns)?;
        let pages = (0..group.page_rows.len()).map(|page| scan.read_page(page, time));
        pages.filter_map(Result::transpose).collect()
    }

    /// Reads every byte and checks every checksum.
    pub fn verify(&self) -> Result<()> {
        let footer = Footer::read(&self.source, &self.info)?;
        for section in &footer.sections {
            self.source.read_checked(section.extent)?;
        }
        for chunk in footer.groups.iter().flat_map(|g| &g.chunks) {
            self.source.read_checked(chunk.meta)?;
            for page in &chunk.pages {
                self.source.read_checked(page.extent)?;
            }
        }
        Ok(())
    }

    /// Size by column, for `system.segments`.
    pub fn column_sizes(&self) -> Vec<ColumnSize> {
        let size = |(at, column): (usize, &index::StoredColumn)| {
            let chunks: Vec<&Chunk> = self.footer.groups.iter().filter_map(|g| g.chunks.get(at)).collect();
            ColumnSize {
                column: column.id,
                encoding: most_frequent(&chunks).map_or("", Encoding::name),
                bytes: chunks.iter().map(|c| c.bytes()).sum(),
                raw_bytes: chunks.iter().map(|c| c.raw_bytes).sum(),
            }
        };
        self.footer.columns.list.iter().enumerate().map(size).collect()
    }
}

fn most_frequent(chunks: &[&Chunk]) -> Option<Encoding> {
    let mut counts = BTreeMap::new();
    for chunk in chunks {
        *counts.entry(chunk.encoding).or_insert(0) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(encoding, _)| encoding)
}

impl Footer {
    fn read(source: &Source, info: &SegmentInfo) -> Result<Self> {
        let directory = read_frame(source, info)?;
        let bytes = source.read_checked(directory)?;
        let sections = directory::decode(&bytes).map_err(source.malformed(directory.offset))?;
        directory::check_known(source.path(), &sections)?;
        check_extents(source, &sections, directory.offset)?;
        let mut footer = Self::read_sections(source, sections, directory.offset)?;
        footer.check(source, info)?;
        footer.groups.shrink_to_fit();
        Ok(footer)
    }

    fn read_sections(source: &Source, sections: Vec<Section>, directory: u64) -> Result<Self> {
        let read = |tag| {
            let section = directory::find(&sections, tag).map_err(source.malformed(directory))?;
            Ok((section.extent.offset, source.read_checked(section.extent)?))
        };
        let (offset, bytes) = read(COLUMNS)?;
        let columns = index::decode_columns(&bytes).map_err(source.malformed(offset))?;
        let (offset, bytes) = read(ROW_GROUPS)?;
        let mut groups = index::decode_groups(&bytes).map_err(source.malformed(offset))?;
        let (offset, bytes) = read(PAGE_INDEX)?;
        let body_end = sections.iter().map(|s| s.extent.offset).min().unwrap_or(directory);
        index::decode_chunks(&bytes, &columns, &mut groups, HEADER_BYTES as u64..body_end)
            .map_err(source.malformed(offset))?;
        Ok(Self { sections, columns, groups })
    }

    /// The manifest and the file have to tell the same.
    fn check(&self, source: &Source, info: &SegmentInfo) -> Result<()> {
        let rows: u64 = self.groups.iter().map(RowGroup::rows).sum();
        let min = self.groups.iter().map(|g| g.time.min).min();
        let max = self.groups.iter().map(|g| g.time.max).max();
        if (rows, min, max) == (info.rows, Some(info.min_time), Some(info.max_time)) {
            return Ok(());
        }
        let expected =
            format!("{} rows from {} to {} as in the manifest", info.rows, info.min_time, info.max_time);
        Err(source.corrupt(0, expected))
    }
}

/// Checks header and trailer, and says where the directory lies.
fn read_frame(source: &Source, info: &SegmentInfo) -> Result<Extent> {
    let header = Header::decode(source.path(), &source.read(0, HEADER_BYTES as u64)?)?;
    let expected = Header { segment: info.id, table: info.table, schema_version: info.schema_version };
    if header != expected {
        return Err(source.corrupt(0, format!("{expected:?} as in the manifest")));
    }
    if source.bytes() != info.bytes {
        return Err(source.corrupt(source.bytes().min(info.bytes), format!("a file of {} bytes", info.bytes)));
    }
    let at = source.bytes().saturating_sub(TRAILER_BYTES as u64);
    let trailer = Trailer::decode(source.path(), at, &source.read(at, TRAILER_BYTES as u64)?)?;
    check_trailer(source, info, &trailer, at)?;
    let bytes = u64::from(trailer.directory_bytes);
    Ok(Extent { offset: trailer.directory_offset, bytes, crc: trailer.directory_crc })
}

fn check_trailer(source: &Source, info: &SegmentInfo, trailer: &Trailer, at: u64) -> Result<()> {
    if (trailer.segment, trailer.file_bytes) != (info.id, info.bytes) {
        return Err(source.corrupt(at, format!("segment {} of {} bytes", info.id, info.bytes)));
    }
    if trailer.directory_crc != info.footer_crc {
        return Err(source.corrupt(at, format!("a footer with checksum {:08x}", info.footer_crc)));
    }
    let directory_end = trailer.directory_offset.checked_add(u64::from(trailer.directory_bytes));
    if directory_end != Some(at) || trailer.directory_bytes as usize > DIRECTORY_BYTES_MAX {
        return Err(source.corrupt(at, "the directory right before the trailer"));
    }
    Ok(())
}

fn check_extents(source: &Source, sections: &[Section], directory: u64) -> Result<()> {
    let within = |e: &Extent| e.offset >= HEADER_BYTES as u64 && e.end().is_some_and(|end| end <= directory);
    if sections.iter().all(|s| within(&s.extent)) {
        return Ok(());
    }
    Err(source.corrupt(directory, "sections between the header and their directory"))
}
