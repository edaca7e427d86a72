//! Which series have a tag: a roaring bitmap of ordinals for every value that several series share.
//!
//! ```text
//! for each column of TAGS: count varint, codes of the values (a column block), bytes of their bitmaps (a column block)
//! the bitmaps, in that order
//! ```

use roaring::RoaringBitmap;

use super::column_block::{put_column, read_column};
use super::tags::{SegmentTags, TagColumn, integers, small_integers};
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::limits::POSTING_SERIES_MIN;
use crate::schema::{ColumnId, ColumnType};

/// All bitmaps of a segment, still encoded.
#[derive(Debug)]
pub(super) struct Postings {
    bytes: Vec<u8>,
    columns: Vec<PostingColumn>,
}

#[derive(Debug)]
struct PostingColumn {
    id: ColumnId,
    /// Of the values that have a bitmap, rising.
    codes: Vec<u32>,
    /// Where the first bitmap begins, then where each ends.
    ends: Vec<usize>,
}

/// The section; none where no value has enough series.
pub(super) fn encode(tags: &SegmentTags) -> Option<Vec<u8>> {
    let (mut out, mut bitmaps) = (Vec::new(), Vec::new());
    let mut all = 0;
    for column in tags.columns() {
        let (codes, lengths) = encode_column(column, &mut bitmaps);
        all += codes.len();
        put_varint(&mut out, codes.len() as u64);
        put_column(&mut out, ColumnType::BigInt, &integers(&codes));
        put_column(&mut out, ColumnType::BigInt, &integers(&lengths));
    }
    out.extend(bitmaps);
    (all > 0).then_some(out)
}

fn encode_column(column: &TagColumn, bitmaps: &mut Vec<u8>) -> (Vec<u32>, Vec<u32>) {
    let (mut codes, mut lengths) = (Vec::new(), Vec::new());
    for (code, ordinals) in (1..).zip(ordinals(column)) {
        if ordinals.len() < POSTING_SERIES_MIN {
            continue;
        }
        let mut bitmap: RoaringBitmap = ordinals.into_iter().collect();
        bitmap.optimize();
        let before = bitmaps.len();
        // Writing to memory does not fail.
        if bitmap.serialize_into(&mut *bitmaps).is_ok() {
            codes.push(code);
            lengths.push((bitmaps.len() - before) as u32);
        } else {
            bitmaps.truncate(before);
        }
    }
    (codes, lengths)
}

/// The ordinals of each value, rising.
fn ordinals(column: &TagColumn) -> Vec<Vec<u32>> {
    let mut counts = vec![0_usize; arrow_array::Array::len(&column.values)];
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
            columns.push(decode_column(&mut cursor, column)?);
        }
        let rest = cursor.rest().len();
        let mut at = bytes.len() - rest;
        for end in columns.iter_mut().flat_map(|column| &mut column.ends) {
            at = at
                .checked_add(*end)
                .filter(|at| *at <= bytes.len())
                .ok_or(Malformed("more bytes of postings"))?;
            *end = at;
        }
        if at == bytes.len() {
            Ok(Self { bytes, columns })
        } else {
            Err(Malformed("no bytes after postings"))
        }
    }

    /// The ordinals of the series that have a value; none where it has no bitmap.
    pub(super) fn find(&self, column: ColumnId, code: u32) -> Result<Option<RoaringBitmap>, Malformed> {
        let Some(column) = self.columns.iter().find(|c| c.id == column) else { return Ok(None) };
        let Ok(place) = column.codes.binary_search(&code) else { return Ok(None) };
        let ends = column.ends.get(place).copied().zip(column.ends.get(place + 1).copied());
        let bytes = ends.and_then(|(start, end)| self.bytes.get(start..end));
        decode_bitmap(bytes.ok_or(Malformed("the bytes of a posting"))?).map(Some)
    }

    /// Decodes all bitmaps and looks whether they tell what the tags tell.
    pub(super) fn check(&self, tags: &SegmentTags) -> Result<(), Malformed> {
        for column in tags.columns() {
            for (code, ordinals) in (1..).zip(ordinals(column)) {
                let found = self.find(column.id, code)?;
                let found = found.map(|bitmap| bitmap.iter().collect::<Vec<_>>()).unwrap_or_default();
                if found != ordinals {
                    return Err(Malformed("postings that tell what the tags tell"));
                }
            }
        }
        Ok(())
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let column = |c: &PostingColumn| c.codes.capacity() * 4 + c.ends.capacity() * 8;
        self.bytes.capacity() + self.columns.iter().map(column).sum::<usize>()
    }
}

/// The ends are lengths still, the first of them 0.
fn decode_column(cursor: &mut Cursor<'_>, column: &TagColumn) -> Result<PostingColumn, Malformed> {
    let count = cursor.count(arrow_array::Array::len(&column.values))?;
    let codes = small_integers(&read_column(cursor, ColumnType::BigInt, count)?)?;
    let lengths = small_integers(&read_column(cursor, ColumnType::BigInt, count)?)?;
    if !codes.is_sorted_by(|a, b| a < b) {
        return Err(Malformed("codes of postings in rising order"));
    }
    let ends = std::iter::once(0).chain(lengths.into_iter().map(|length| length as usize)).collect();
    Ok(PostingColumn { id: column.id, codes, ends })
}

/// A bitmap of exactly these bytes. The checked reader looks at every length before it takes memory for it.
fn decode_bitmap(mut bytes: &[u8]) -> Result<RoaringBitmap, Malformed> {
    let bitmap = RoaringBitmap::deserialize_from(&mut bytes).map_err(|_| Malformed("a roaring bitmap"))?;
    if bytes.is_empty() { Ok(bitmap) } else { Err(Malformed("no bytes after a roaring bitmap")) }
}

#[cfg(test)]
mod tests;
