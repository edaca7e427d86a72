use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::SegmentReader;
use crate::distribution::Lattice;
use crate::rows::Rows;
use crate::schema::ColumnId;
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
    /// Row groups encoded at once.
    pub(crate) threads: usize,
}

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) info: SegmentInfo,
    /// Newly chosen.
    pub(crate) lattices: BTreeMap<ColumnId, Lattice>,
}

/// A segment being written.
#[derive(Debug)]
pub(crate) struct SegmentWriter<'a>(PhantomData<&'a ()>);

impl SegmentWriter<'_> {
    /// Rows in order of (interval, series, time); each call goes on where the last ended. Any number of rows.
    pub(crate) fn push(&mut self, rows: Rows) -> Result<()> {
        todo!("{}", rows.len())
    }

    /// Takes over whole row groups undecoded; they lie behind everything pushed so far and hold whole cells.
    pub(crate) fn copy(&mut self, from: &SegmentReader, groups: Range<usize>) -> Result<()> {
        todo!("{from:?} {groups:?}")
    }

    /// Bytes written so far for this segment, about.
    pub(crate) fn bytes(&self) -> u64 {
        todo!()
    }

    /// Writes what is left, and the footer.
    pub(crate) fn finish(self) -> Result<Written> {
        todo!()
    }
}

use arrow_array::{Array, ArrayRef, RecordBatch};

use super::directory::{self, REQUIRED, Section};
use super::header::{Header, TRAILER_BYTES, Trailer};
use super::index::{self, Chunk, Columns, Page, RowGroup, StoredColumn};
use super::row_group::{GroupRows, RowGroups, plain_bytes};
use super::sink::Sink;
use super::value_range::{ValueRange, time_range};
use super::{DIRECTORY, SegmentInfo, TimeRange};
use crate::disk::Disk;
use crate::encoding;
use crate::error::{Result, StorageError};
use crate::limits::ROW_GROUPS_MAX;
use crate::partition::{CellKey, Partition, Width};
use crate::schema::{ColumnType, Role, TableSchema};

/// Writes a segment file with rows already in order of time, and makes it durable: file synced, and the directory
/// `seg` synced. `batches` have the table's Arrow schema. `first_seq` and `last_seq` are noted in the result.
///
/// No rows, rows of another schema and a value over its limit are refused. After an error a part of the file may be
/// there; nothing names it.
pub fn write_segment(
    disk: &dyn Disk,
    id: u64,
    schema: &TableSchema,
    batches: &[RecordBatch],
    first_seq: u64,
    last_seq: u64,
) -> Result<SegmentInfo> {
    let columns = stored_columns(schema)?;
    batches.iter().try_for_each(|batch| check_batch(schema, columns.time, batch))?;
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        return Err(StorageError::Invalid(format!("a segment of table {} needs rows", schema.name)));
    }
    disk.create_dir(DIRECTORY).map_err(|e| StorageError::io("create", DIRECTORY, e))?;
    let mut sink = Sink::create(disk, SegmentInfo::path_of(id))?;
    let header = Header { segment: id, table: schema.id, schema_version: schema.version };
    sink.append(&header.encode())?;
    let groups = write_groups(&mut sink, schema, columns.time, batches)?;
    let trailer = write_footer(&mut sink, id, &columns, &groups)?;
    sink.finish()?;
    disk.sync_dir(DIRECTORY).map_err(|e| StorageError::io("sync", DIRECTORY, e))?;
    Ok(info(&header, &trailer, &groups, first_seq, last_seq))
}

fn info(
    header: &Header,
    trailer: &Trailer,
    groups: &[RowGroup],
    first_seq: u64,
    last_seq: u64,
) -> SegmentInfo {
    SegmentInfo {
        id: header.segment,
        file: header.segment,
        offset: 0,
        level: 0,
        partition: Partition::of(groups.first().map_or(0, |g| g.time.min), Partition::LONG),
        width: Width::MIN,
        first_key: CellKey::default(),
        last_key: CellKey::default(),
        table: header.table,
        schema_version: header.schema_version,
        rows: groups.iter().map(RowGroup::rows).sum(),
        bytes: trailer.file_bytes,
        raw_bytes: groups.iter().flat_map(|g| &g.chunks).map(|c| c.raw_bytes).sum(),
        min_time: groups.iter().map(|g| g.time.min).min().unwrap_or(i64::MAX),
        max_time: groups.iter().map(|g| g.time.max).max().unwrap_or(i64::MIN),
        first_seq,
        last_seq,
        footer_crc: trailer.directory_crc,
    }
}

fn stored_columns(schema: &TableSchema) -> Result<Columns> {
    let time = schema.columns.iter().position(|c| c.role == Role::Time && c.ty == ColumnType::Timestamp);
    let time =
        time.ok_or_else(|| StorageError::Invalid(format!("table {} has no time column", schema.name)))?;
    let list = schema.columns.iter().map(|c| StoredColumn { id: c.id, name: c.name.clone(), ty: c.ty });
    Ok(Columns { time, list: list.collect() })
}

fn check_batch(schema: &TableSchema, time: usize, batch: &RecordBatch) -> Result<()> {
    let refuse = |why: String| Err(StorageError::Invalid(format!("rows of table {}: {why}", schema.name)));
    if batch.num_columns() != schema.columns.len() {
        return refuse(format!("{} columns instead of {}", batch.num_columns(), schema.columns.len()));
    }
    for (column, array) in schema.columns.iter().zip(batch.columns()) {
        if *array.data_type() != column.ty.arrow() || column.ty == ColumnType::Vector(0) {
            return refuse(format!(
                "column {} is {}, not {}",
                column.name,
                array.data_type(),
                column.ty.sql()
            ));
        }
    }
    match batch.column(time).null_count() {
        0 => Ok(()),
        nulls => refuse(format!("{nulls} rows have no time")),
    }
}

fn write_groups(
    sink: &mut Sink,
    schema: &TableSchema,
    time: usize,
    batches: &[RecordBatch],
) -> Result<Vec<RowGroup>> {
    let mut groups = Vec::new();
    for rows in RowGroups::new(schema, batches) {
        groups.push(write_group(sink, schema, time, &rows?)?);
        if groups.len() > ROW_GROUPS_MAX {
            return Err(StorageError::TooLarge {
                what: "the number of row groups of a segment",
                size: groups.len() as u64,
                limit: ROW_GROUPS_MAX as u64,
                remedy: "flush smaller memtables",
            });
        }
    }
    Ok(groups)
}

fn write_group(sink: &mut Sink, schema: &TableSchema, time: usize, rows: &GroupRows) -> Result<RowGroup> {
    let mut chunks = Vec::with_capacity(rows.columns.len());
    for (column, array) in schema.columns.iter().zip(&rows.columns) {
        chunks.push(write_chunk(sink, column.ty, array, &rows.page_rows)?);
    }
    let time = rows.columns.get(time).and_then(|array| time_range(array));
    let time = time.unwrap_or(TimeRange { min: i64::MAX, max: i64::MIN });
    Ok(RowGroup { time, page_rows: rows.page_rows.clone(), chunks })
}

fn write_chunk(sink: &mut Sink, ty: ColumnType, array: &ArrayRef, page_rows: &[usize]) -> Result<Chunk> {
    let encoded = encoding::encode(ty, array, page_rows, encoding::Effort::Flush);
    let meta = sink.append(&encoded.meta)?;
    let mut pages = Vec::with_capacity(page_rows.len());
    let mut start = 0;
    for (bytes, rows) in encoded.pages.iter().zip(page_rows) {
        let slice = array.slice(start, *rows);
        let extent = sink.append(bytes)?;
        pages.push(Page { extent, nulls: slice.null_count(), range: ValueRange::of(ty, &slice) });
        start += rows;
    }
    let raw_bytes = plain_bytes(ty, array) + array.nulls().map_or(0, |n| n.len().div_ceil(8));
    Ok(Chunk { encoding: encoded.encoding, raw_bytes: raw_bytes as u64, meta, pages })
}

/// Sections, then the directory that names them, then the trailer that names the directory.
fn write_footer(sink: &mut Sink, segment: u64, columns: &Columns, groups: &[RowGroup]) -> Result<Trailer> {
    let mut sections = Vec::new();
    for (tag, bytes) in index::encode(columns, groups) {
        sections.push(Section { tag, flags: REQUIRED, version: 1, extent: sink.append(&bytes)? });
    }
    let directory = sink.append(&directory::encode(&sections))?;
    let trailer = Trailer {
        directory_offset: directory.offset,
        directory_bytes: directory.bytes as u32,
        directory_crc: directory.crc,
        file_bytes: sink.offset() + TRAILER_BYTES as u64,
        segment,
    };
    sink.append(&trailer.encode())?;
    Ok(trailer)
}
