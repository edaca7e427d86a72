//! Which series have a tag: a roaring bitmap of ordinals for every value that several series share.
//!
//! ```text
//! for each column of TAGS:
//! count varint, codes of the values (a column block), bytes of the bitmaps varint, bitmaps (a column block)
//! ```

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use roaring::RoaringBitmap;

use super::column_block::{put_column, read_column, read_page};
use super::tags::{SegmentTags, TagColumn, integers, small_integers};
use crate::encoding::{Cursor, Malformed, put_bytes, put_varint};
use crate::limits::POSTING_SERIES_MIN;
use crate::schema::{ColumnId, ColumnType};

/// All bitmaps of a segment, still encoded.
#[derive(Debug)]
pub(super) struct Postings {
    bytes: Vec<u8>,
    columns: Vec<PostingColumn>,
    /// Series of the segment: what a bitmap may name.
    series: usize,
}

#[derive(Debug)]
struct PostingColumn {
    id: ColumnId,
    /// Of the values that have a bitmap, rising.
    codes: Vec<u32>,
    /// Where the bitmaps lie.
    bitmaps: Range<usize>,
}

/// Bitmaps are byte strings; many small ones are alike, so that zstd makes little of them.
const BITMAPS: ColumnType = ColumnType::Distribution;

/// The section; none where no value has enough series.
pub(super) fn encode(tags: &SegmentTags) -> Option<Vec<u8>> {
    let (mut out, mut all) = (Vec::new(), 0);
    for column in tags.columns() {
        let (codes, bitmaps) = bitmaps(column);
        all += codes.len();
        put_varint(&mut out, codes.len() as u64);
        put_column(&mut out, ColumnType::BigInt, &integers(&codes));
        let mut block = Vec::new();
        put_column(&mut block, BITMAPS, &bitmaps);
        put_bytes(&mut out, &block);
    }
    (all > 0).then_some(out)
}

fn bitmaps(column: &TagColumn) -> (Vec<u32>, ArrayRef) {
    let (mut codes, mut bitmaps) = (Vec::new(), BinaryBuilder::new());
    for (code, ordinals) in (1..).zip(ordinals(column)) {
        if ordinals.len() < POSTING_SERIES_MIN {
            continue;
        }
        let mut bitmap: RoaringBitmap = ordinals.into_iter().collect();
        bitmap.optimize();
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        if bitmap.serialize_into(&mut bytes).is_ok() {
            codes.push(code);
            bitmaps.append_value(bytes);
        }
    }
    (codes, Arc::new(bitmaps.finish()))
}

/// The ordinals of each value, rising.
fn ordinals(column: &TagColumn) -> Vec<Vec<u32>> {
    let mut counts = vec![0_usize; column.values.len()];
    let place = |code: &u32| code.checked_sub(1).map(|place| place as usize);
    for place in column.codes.iter().filter_map(place) {
        counts.get_mut(place).into_iter().for_each(|count| *count += 1);
    }
    let enough = |count: &usize| Vec::with_capacity(if *count < POSTING_SERIES_MIN { 0 } else { *count });
    let mut lists: Vec<Vec<u32>> = counts.iter().map(enough).collect();
    for (ordinal, code) in (0..).zip(&column.codes) {
        let list = place(code).and_then(|at| lists.get_mut(at).zip(counts.get(at)));
        if let Some((list, _)) = list.filter(|(_, count)| **count >= POSTING_SERIES_MIN) {
            list.push(ordinal);
        }
    }
    lists
}

impl Postings {
    /// Reads the index, no bitmap.
    pub(super) fn decode(bytes: Vec<u8>, tags: &SegmentTags) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(&bytes);
        let mut columns = Vec::new();
        for column in tags.columns() {
            columns.push(decode_column(&mut cursor, column, bytes.len())?);
        }
        cursor.finish()?;
        Ok(Self { bytes, columns, series: tags.series().len() })
    }

    /// The ordinals of the series that have a value; none where it has no bitmap. Decodes the page that holds it.
    pub(super) fn find(&self, column: ColumnId, code: u32) -> Result<Option<RoaringBitmap>, Malformed> {
        let Some(column) = self.columns.iter().find(|c| c.id == column) else { return Ok(None) };
        let Ok(place) = column.codes.binary_search(&code) else { return Ok(None) };
        let bytes = self.bytes.get(column.bitmaps.clone()).unwrap_or_default();
        let (page, row) = read_page(&mut Cursor::new(bytes), BITMAPS, column.codes.len(), place)?;
        let page = page.as_binary::<i32>();
        if page.len() <= row || page.is_null(row) {
            return Err(Malformed("a posting of each value"));
        }
        let bitmap = decode_bitmap(page.value(row))?;
        match bitmap.max() {
            Some(last) if last as usize >= self.series => {
                Err(Malformed("a posting of series of the segment"))
            }
            _ => Ok(Some(bitmap)),
        }
    }

    /// Decodes all bitmaps and looks whether they tell what the tags tell.
    pub(super) fn check(&self, tags: &SegmentTags) -> Result<(), Malformed> {
        const SAME: Malformed = Malformed("postings that tell what the tags tell");
        for (column, tag) in self.columns.iter().zip(tags.columns()) {
            let mut cursor = Cursor::new(self.bytes.get(column.bitmaps.clone()).unwrap_or_default());
            let bitmaps = read_column(&mut cursor, BITMAPS, column.codes.len())?;
            cursor.finish()?;
            let mut found = column.codes.iter().zip(bitmaps.as_binary::<i32>());
            let listed = (1..).zip(ordinals(tag)).filter(|(_, list)| list.len() >= POSTING_SERIES_MIN);
            for (code, list) in listed {
                let (found, bytes) = found.next().ok_or(SAME)?;
                let bitmap = decode_bitmap(bytes.ok_or(SAME)?)?;
                if *found != code || !bitmap.iter().eq(list) {
                    return Err(SAME);
                }
            }
            if found.next().is_some() {
                return Err(SAME);
            }
        }
        Ok(())
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let column = |c: &PostingColumn| size_of_val(c) + c.codes.capacity() * 4;
        self.bytes.capacity() + self.columns.iter().map(column).sum::<usize>()
    }
}

fn decode_column(
    cursor: &mut Cursor<'_>,
    column: &TagColumn,
    all: usize,
) -> Result<PostingColumn, Malformed> {
    let count = cursor.count(column.values.len())?;
    let codes = small_integers(&read_column(cursor, ColumnType::BigInt, count)?)?;
    if !codes.is_sorted_by(|a, b| a < b) {
        return Err(Malformed("codes of postings in rising order"));
    }
    let bytes = cursor.bytes()?.len();
    let end = all - cursor.clone().rest().len();
    Ok(PostingColumn { id: column.id, codes, bitmaps: end - bytes..end })
}

/// A bitmap of exactly these bytes. The checked reader looks at every length before it takes memory for it.
fn decode_bitmap(mut bytes: &[u8]) -> Result<RoaringBitmap, Malformed> {
    let bitmap = RoaringBitmap::deserialize_from(&mut bytes).map_err(|_| Malformed("a roaring bitmap"))?;
    if bytes.is_empty() { Ok(bitmap) } else { Err(Malformed("no bytes after a roaring bitmap")) }
}

#[cfg(test)]
mod tests;
