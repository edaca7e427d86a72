//! A column of any length as one piece of bytes that stands by itself, as TAGS and LAST keep them.
//!
//! The rows are cut as those of row groups are, so that a section is decoded within the limits that rows have:
//! ```text
//! for each 65,536 rows (the last of what is left):
//! encoding u8 | meta byte string | for each page: rows varint, nulls varint, page byte string
//! ```

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_select::concat::concat;

use super::cut::plain_bytes;
use crate::encoding::{self, ChunkDecoder, Cursor, Effort, Encoding, Malformed, put_bytes, put_varint};
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX, ROW_GROUP_ROWS_MAX, SECTION_COLUMN_BYTES_MAX};
use crate::schema::ColumnType;

/// Appends a column.
pub(crate) fn put_column(out: &mut Vec<u8>, ty: ColumnType, array: &ArrayRef) {
    for start in (0..array.len()).step_by(ROW_GROUP_ROWS_MAX) {
        put_chunk(out, ty, &array.slice(start, ROW_GROUP_ROWS_MAX.min(array.len() - start)));
    }
}

fn put_chunk(out: &mut Vec<u8>, ty: ColumnType, array: &ArrayRef) {
    let page_rows = page_rows(ty, array);
    let chunk = encoding::encode(ty, array, &page_rows, Effort::Compaction);
    out.push(chunk.encoding.id());
    put_bytes(out, &chunk.meta);
    let mut start = 0;
    for (rows, page) in page_rows.iter().zip(&chunk.pages) {
        put_varint(out, *rows as u64);
        put_varint(out, array.slice(start, *rows).null_count() as u64);
        put_bytes(out, page);
        start += rows;
    }
}

fn page_rows(ty: ColumnType, array: &ArrayRef) -> Vec<usize> {
    let (mut pages, mut start) = (Vec::new(), 0);
    while start < array.len() {
        let mut take = PAGE_ROWS_MAX.min(array.len() - start);
        while take > 1 && plain_bytes(ty, &array.slice(start, take)) > PAGE_BYTES_MAX {
            take /= 2;
        }
        pages.push(take);
        start += take;
    }
    pages
}

/// Reads a column of so many rows.
pub(crate) fn read_column(
    cursor: &mut Cursor<'_>,
    ty: ColumnType,
    rows: usize,
) -> Result<ArrayRef, Malformed> {
    read_within(cursor, ty, rows, SECTION_COLUMN_BYTES_MAX)
}

/// The same, of at most so many bytes when decoded.
fn read_within(
    cursor: &mut Cursor<'_>,
    ty: ColumnType,
    rows: usize,
    mut bytes_max: usize,
) -> Result<ArrayRef, Malformed> {
    let mut pages = vec![new_empty_array(&ty.arrow())];
    let mut missing = rows;
    while missing > 0 {
        let chunk = missing.min(ROW_GROUP_ROWS_MAX);
        read_chunk(cursor, ty, chunk, &mut bytes_max, &mut pages)?;
        missing -= chunk;
    }
    let pages: Vec<&dyn Array> = pages.iter().map(|page| page.as_ref()).collect();
    concat(&pages).map_err(|_| Malformed("a column that fits an array"))
}

/// Reads the page of a column of so many rows that holds `row`, and the place of the row in it. Other pages are not
/// decoded.
pub(super) fn read_page(
    cursor: &mut Cursor<'_>,
    ty: ColumnType,
    rows: usize,
    row: usize,
) -> Result<(ArrayRef, usize), Malformed> {
    let mut first = 0;
    while first < rows {
        let encoding = Encoding::from_id(cursor.u8()?)?;
        let meta = cursor.bytes()?;
        let end = rows.min(first + ROW_GROUP_ROWS_MAX);
        while first < end {
            let (count, nulls, page) = page_bytes(cursor, end - first)?;
            if row < first + count {
                let array = ChunkDecoder::new(encoding, ty, meta)?.decode(page, count, nulls)?;
                return Ok((array, row - first));
            }
            first += count;
        }
    }
    Err(Malformed("a row of the column"))
}

/// Rows, nulls and bytes of the next page, of a chunk that lacks so many rows.
fn page_bytes<'a>(cursor: &mut Cursor<'a>, missing: usize) -> Result<(usize, usize, &'a [u8]), Malformed> {
    let rows = cursor.count(missing.min(PAGE_ROWS_MAX))?;
    let nulls = cursor.count(rows)?;
    if rows == 0 { Err(Malformed("rows in each page")) } else { Ok((rows, nulls, cursor.bytes()?)) }
}

fn read_chunk(
    cursor: &mut Cursor<'_>,
    ty: ColumnType,
    mut missing: usize,
    bytes_max: &mut usize,
    pages: &mut Vec<ArrayRef>,
) -> Result<(), Malformed> {
    let encoding = Encoding::from_id(cursor.u8()?)?;
    let decoder = ChunkDecoder::new(encoding, ty, cursor.bytes()?)?;
    while missing > 0 {
        let (rows, nulls, page) = page_bytes(cursor, missing)?;
        let page = decoder.decode(page, rows, nulls)?;
        if page.len() != rows {
            return Err(Malformed("as many values as rows"));
        }
        let left = bytes_max.checked_sub(plain_bytes(ty, &page));
        *bytes_max = left.ok_or(Malformed("a column within its limit of bytes"))?;
        pages.push(page);
        missing -= rows;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
