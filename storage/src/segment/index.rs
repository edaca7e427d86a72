//! What the footer says of the body: columns, row groups, pages.

use super::source::Extent;
use super::value_range::ValueRange;
use super::{GroupInfo, TimeRange};
use crate::encoding::{Cursor, Encoding, Malformed, put_bytes, put_signed, put_varint};
use crate::limits::{
    COLUMNS_MAX, NAME_BYTES_MAX, PAGE_ROWS_MAX, ROW_GROUP_ROWS_MAX, ROW_GROUPS_MAX, VALUE_BYTES_MAX,
};
use crate::partition::CellKey;
use crate::schema::{ColumnId, ColumnType};

/// Flag of a row group encoded with `Effort::Compaction`.
const COMPACTED: u8 = 1;
/// Flag of a row group that starts and ends where cells do.
const WHOLE_CELLS: u8 = 2;

/// A column as it was when the segment was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredColumn {
    pub(super) id: ColumnId,
    pub(super) name: String,
    pub(super) ty: ColumnType,
}

/// The columns of a segment, in the order of their chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Which of them is the event time.
    pub(super) time: usize,
    pub(super) list: Vec<StoredColumn>,
}

/// A row group, still without its chunks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowGroup {
    pub(super) info: GroupInfo,
    /// Rows of each page, the same for all columns.
    pub(super) page_rows: Vec<usize>,
}

/// One column of one row group. Its bytes lie together: meta, then pages.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunk {
    pub(super) encoding: Encoding,
    /// Bytes as a plain Arrow array.
    pub(super) raw_bytes: u64,
    pub(super) meta: Extent,
    pub(super) pages: Vec<Page>,
}

/// One page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Page {
    pub(super) extent: Extent,
    pub(super) nulls: usize,
    /// Kept for numbers and timestamps, unless all are null.
    pub(super) range: Option<ValueRange>,
}

impl Chunk {
    /// Bytes in the file.
    pub(super) fn bytes(&self) -> u64 {
        self.meta.bytes + self.pages.iter().map(|p| p.extent.bytes).sum::<u64>()
    }
}

/// The columns as bytes.
pub(super) fn encode_columns(columns: &Columns) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, columns.list.len() as u64);
    put_varint(&mut out, columns.time as u64);
    for column in &columns.list {
        out.extend(column.id.to_le_bytes());
        put_bytes(&mut out, column.name.as_bytes());
        put_type(&mut out, column.ty);
    }
    out
}

/// The columns again.
pub(super) fn decode_columns(bytes: &[u8]) -> Result<Columns, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(COLUMNS_MAX)?;
    let time = cursor.count(COLUMNS_MAX)?;
    let list = (0..count).map(|_| decode_column(&mut cursor)).collect::<Result<Vec<_>, _>>()?;
    cursor.finish()?;
    match list.get(time).map(|c| c.ty) {
        Some(ColumnType::Timestamp) => Ok(Columns { time, list }),
        _ => Err(Malformed("a timestamp as the column of time")),
    }
}

fn decode_column(cursor: &mut Cursor<'_>) -> Result<StoredColumn, Malformed> {
    let id = cursor.u32()?;
    let name = cursor.bytes()?;
    if name.len() > NAME_BYTES_MAX {
        return Err(Malformed("a name within its limit"));
    }
    let name = String::from_utf8(name.to_vec()).map_err(|_| Malformed("a name in UTF-8"))?;
    Ok(StoredColumn { id, name, ty: decode_type(cursor)? })
}

fn put_type(out: &mut Vec<u8>, ty: ColumnType) {
    out.push(match ty {
        ColumnType::Boolean => 0,
        ColumnType::BigInt => 1,
        ColumnType::Double => 2,
        ColumnType::Text => 3,
        ColumnType::Timestamp => 4,
        ColumnType::Json => 5,
        ColumnType::Vector(_) => 6,
        ColumnType::Distribution => 7,
    });
    if let ColumnType::Vector(size) = ty {
        put_varint(out, u64::from(size));
    }
}

fn decode_type(cursor: &mut Cursor<'_>) -> Result<ColumnType, Malformed> {
    Ok(match cursor.u8()? {
        0 => ColumnType::Boolean,
        1 => ColumnType::BigInt,
        2 => ColumnType::Double,
        3 => ColumnType::Text,
        4 => ColumnType::Timestamp,
        5 => ColumnType::Json,
        6 => ColumnType::Vector(cursor.count(VALUE_BYTES_MAX / 4)? as u32),
        7 => ColumnType::Distribution,
        _ => return Err(Malformed("a known column type")),
    })
}

/// The row groups as bytes.
pub(super) fn encode_groups(groups: &[RowGroup]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, groups.len() as u64);
    for RowGroup { info, page_rows } in groups {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(flag(info.compacted, COMPACTED) | flag(info.whole_cells, WHOLE_CELLS));
        put_signed(&mut out, info.time.min);
        put_varint(&mut out, info.time.max.wrapping_sub(info.time.min) as u64);
        for key in [info.first_key, info.last_key] {
            put_signed(&mut out, key.interval);
            put_varint(&mut out, u64::from(key.series));
        }
        put_varint(&mut out, info.bytes);
        put_varint(&mut out, page_rows.len() as u64);
        page_rows.iter().for_each(|rows| put_varint(&mut out, *rows as u64));
    }
    out
}

/// The row groups again.
pub(super) fn decode_groups(bytes: &[u8]) -> Result<Vec<RowGroup>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(ROW_GROUPS_MAX)?;
    let mut groups = Vec::new();
    let mut first_row = 0;
    for _ in 0..count {
        let group = decode_group(&mut cursor, first_row)?;
        first_row += group.info.rows as u64;
        groups.push(group);
    }
    cursor.finish()?;
    Ok(groups)
}

fn decode_group(cursor: &mut Cursor<'_>, first_row: u64) -> Result<RowGroup, Malformed> {
    let flags = cursor.u8()?;
    if flags & !(COMPACTED | WHOLE_CELLS) != 0 {
        return Err(Malformed("known flags of a row group"));
    }
    let (min, spread) = (cursor.signed()?, cursor.varint()?);
    let max = min.checked_add_unsigned(spread).ok_or(Malformed("a greatest time of 64 bits"))?;
    let (first_key, last_key) = (decode_key(cursor)?, decode_key(cursor)?);
    let group_bytes = cursor.varint()?;
    let pages = cursor.count(ROW_GROUP_ROWS_MAX)?;
    let page_rows = (0..pages).map(|_| cursor.count(PAGE_ROWS_MAX)).collect::<Result<Vec<_>, _>>()?;
    let rows: usize = page_rows.iter().sum();
    if rows == 0 || rows > ROW_GROUP_ROWS_MAX || page_rows.contains(&0) || first_key > last_key {
        return Err(Malformed("a row group within its limits"));
    }
    let info = GroupInfo {
        rows,
        first_row,
        time: TimeRange { min, max },
        first_key,
        last_key,
        compacted: flags & COMPACTED != 0,
        whole_cells: flags & WHOLE_CELLS != 0,
        bytes: group_bytes,
    };
    Ok(RowGroup { info, page_rows })
}

fn decode_key(cursor: &mut Cursor<'_>) -> Result<CellKey, Malformed> {
    let interval = cursor.signed()?;
    let series = u32::try_from(cursor.varint()?).map_err(|_| Malformed("a series of 32 bits"))?;
    Ok(CellKey { interval, series })
}

/// The chunks of all row groups as bytes.
pub(super) fn encode_chunks(chunks: &[Vec<Chunk>]) -> Vec<u8> {
    let mut out = Vec::new();
    chunks.iter().flatten().for_each(|chunk| encode_chunk(&mut out, chunk));
    out
}

fn encode_chunk(out: &mut Vec<u8>, chunk: &Chunk) {
    out.push(chunk.encoding.id());
    put_varint(out, chunk.raw_bytes);
    put_varint(out, chunk.meta.offset);
    put_piece(out, chunk.meta);
    for page in &chunk.pages {
        put_piece(out, page.extent);
        put_varint(out, page.nulls as u64);
        if let Some(range) = page.range {
            range.encode(out);
        }
    }
}

/// Length and checksum; the place follows from the pieces before. Nothing has no checksum.
fn put_piece(out: &mut Vec<u8>, extent: Extent) {
    put_varint(out, extent.bytes);
    if extent.bytes > 0 {
        out.extend(extent.crc.to_le_bytes());
    }
}

/// The chunks again, a list for each row group, all of them within `body`.
pub(super) fn decode_chunks(
    bytes: &[u8],
    columns: &Columns,
    groups: &[RowGroup],
    body: &std::ops::Range<u64>,
) -> Result<Vec<Vec<Chunk>>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let mut all = Vec::with_capacity(groups.len());
    for group in groups {
        let chunk = |c: &StoredColumn| decode_chunk(&mut cursor, c.ty, &group.page_rows, body);
        let chunks = columns.list.iter().map(chunk).collect::<Result<Vec<_>, _>>()?;
        check_time(&chunks, columns.time)?;
        all.push(chunks);
    }
    cursor.finish()?;
    Ok(all)
}

/// Pages are pruned by the ranges of the time column, so each has to have one.
fn check_time(chunks: &[Chunk], time: usize) -> Result<(), Malformed> {
    let chunk = chunks.get(time).ok_or(Malformed("a chunk of time"))?;
    let known = |page: &Page| page.nulls == 0 && page.range.is_some();
    if chunk.pages.iter().all(known) { Ok(()) } else { Err(Malformed("a time in every row")) }
}

fn decode_chunk(
    cursor: &mut Cursor<'_>,
    ty: ColumnType,
    page_rows: &[usize],
    body: &std::ops::Range<u64>,
) -> Result<Chunk, Malformed> {
    let encoding = Encoding::from_id(cursor.u8()?)?;
    let raw_bytes = cursor.varint()?;
    let mut at = cursor.varint()?;
    if at < body.start {
        return Err(Malformed("a chunk after the header"));
    }
    let meta = decode_piece(cursor, &mut at, body.end)?;
    let mut pages = Vec::with_capacity(page_rows.len());
    for rows in page_rows {
        let extent = decode_piece(cursor, &mut at, body.end)?;
        let nulls = cursor.count(*rows)?;
        let ranged = nulls < *rows && ValueRange::is_kept(ty);
        let range = ranged.then(|| ValueRange::decode(ty, cursor)).transpose()?;
        pages.push(Page { extent, nulls, range });
    }
    Ok(Chunk { encoding, raw_bytes, meta, pages })
}

fn decode_piece(cursor: &mut Cursor<'_>, at: &mut u64, end: u64) -> Result<Extent, Malformed> {
    let bytes = cursor.varint()?;
    let crc = if bytes > 0 { cursor.u32()? } else { 0 };
    let extent = Extent { offset: *at, bytes, crc };
    *at = extent.end().filter(|e| *e <= end).ok_or(Malformed("pages before the footer"))?;
    Ok(extent)
}
