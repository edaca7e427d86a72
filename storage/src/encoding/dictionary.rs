//! Texts that repeat: the distinct ones in the meta, a code per value in the pages.
//!
//! Codes count from the most frequent text on, so that neighbours in code are alike in frequency: that is what pco's
//! ranges compress best.
//!
//! ```text
//! count varint | texts byte string (a zstd block) | encoding of the codes u8 | meta of the codes
//! ```

use std::collections::HashMap;

use super::values::ByteStrings;
use super::{Cursor, EncodedChunk, Encoding, Malformed, integer, put_bytes, put_varint, zstd_block};
use crate::limits::{DICTIONARY_VALUES_MAX, PAGE_BYTES_MAX};

/// A text pays for its place in the dictionary once it comes this often on average.
const REPEATS_MIN: usize = 4;
/// Level 8: codes have many small ranges, which level 4 would lump together; on codes it is not slower.
const LEVEL: usize = 8;

/// Encodes `values` as pages of `counts` values, or not where they repeat too little.
pub(super) fn encode(values: &[&[u8]], counts: &[usize]) -> Option<EncodedChunk> {
    let (distinct, codes) = distinct(values)?;
    let codes = integer::encode(&codes, counts, LEVEL);
    let mut meta = Vec::new();
    put_varint(&mut meta, distinct.len() as u64);
    put_bytes(&mut meta, &zstd_block::encode(&distinct));
    meta.push(codes.encoding.id());
    meta.extend(codes.meta);
    Some(EncodedChunk { encoding: Encoding::Dictionary, meta, pages: codes.pages })
}

/// The distinct values, most frequent first, equally frequent ones in order, and each value's place among them.
fn distinct<'a>(values: &[&'a [u8]]) -> Option<(Vec<&'a [u8]>, Vec<i64>)> {
    let first_seen = first_seen(values)?;
    let mut order: Vec<usize> = (0..first_seen.texts.len()).collect();
    order.sort_unstable_by_key(|i| (std::cmp::Reverse(first_seen.repeats[*i]), first_seen.texts[*i]));
    let mut rank = vec![0; order.len()];
    for (place, index) in order.iter().enumerate() {
        rank[*index] = place as i64;
    }
    let codes = first_seen.codes.into_iter().map(|c| rank[c]).collect();
    Some((order.into_iter().map(|i| first_seen.texts[i]).collect(), codes))
}

/// Texts in the order they first came.
#[derive(Default)]
struct FirstSeen<'a> {
    texts: Vec<&'a [u8]>,
    repeats: Vec<u32>,
    codes: Vec<usize>,
}

/// None as soon as there are too many texts, or too long ones together for the meta to be a page's size.
fn first_seen<'a>(values: &[&'a [u8]]) -> Option<FirstSeen<'a>> {
    let distinct_max = DICTIONARY_VALUES_MAX.min(values.len() / REPEATS_MIN);
    let mut seen = FirstSeen::default();
    let mut places = HashMap::new();
    let mut bytes = 0;
    for value in values {
        let code = *places.entry(*value).or_insert(seen.texts.len());
        if code == seen.texts.len() {
            bytes += value.len();
            seen.texts.push(value);
            seen.repeats.push(0);
        }
        if seen.texts.len() > distinct_max || bytes > PAGE_BYTES_MAX {
            return None;
        }
        seen.repeats[code] += 1;
        seen.codes.push(code);
    }
    Some(seen)
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    texts: ByteStrings,
    codes: integer::Decoder,
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let count = cursor.count(DICTIONARY_VALUES_MAX)?;
        let texts = zstd_block::decode(cursor.bytes()?, count)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        Ok(Self { texts, codes: integer::Decoder::new(encoding, cursor.rest())? })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        let mut values = ByteStrings::with_capacity(count);
        for code in self.codes.decode(page, count)? {
            let text = usize::try_from(code).ok().and_then(|c| self.texts.get(c));
            values.push(text.ok_or(Malformed("a code within the dictionary"))?)?;
        }
        Ok(values)
    }
}
