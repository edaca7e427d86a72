//! Numbers that repeat, such as ages or the scores of a tree: the distinct ones in the meta, a code per value in the
//! pages.
//!
//! ```text
//! count varint | encoding of the numbers u8 | their meta byte string | their page byte string
//! | encoding of the codes u8 | meta of the codes
//! ```

use super::distinct::Distinct;
use super::{Cursor, EncodedChunk, Encoding, Malformed, integer, put_bytes, put_varint};
use crate::limits::DICTIONARY_VALUES_MAX;

/// A number costs more in the dictionary than in its place, so it has to come twice on average.
const REPEATS_MIN: usize = 2;

/// Encodes `values` as pages of `counts` values, or not where they repeat too little.
pub(super) fn encode(values: &[i64], counts: &[usize]) -> Option<EncodedChunk> {
    let distinct_max = DICTIONARY_VALUES_MAX.min(values.len() / REPEATS_MIN);
    let distinct = Distinct::of(values.iter().copied(), distinct_max)?;
    let numbers = integer::encode_plain(&distinct.values, &[distinct.values.len()], integer::LEVEL);
    let codes = integer::encode_plain(&distinct.codes, counts, integer::CODE_LEVEL);
    let mut meta = Vec::new();
    put_varint(&mut meta, distinct.values.len() as u64);
    meta.push(numbers.encoding.id());
    put_bytes(&mut meta, &numbers.meta);
    put_bytes(&mut meta, numbers.pages.first()?);
    meta.push(codes.encoding.id());
    meta.extend(codes.meta);
    Some(EncodedChunk { encoding: Encoding::Dictionary, meta, pages: codes.pages })
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    numbers: Vec<i64>,
    codes: integer::PlainDecoder,
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let count = cursor.count(DICTIONARY_VALUES_MAX)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        let numbers =
            integer::PlainDecoder::new(encoding, cursor.bytes()?)?.decode(cursor.bytes()?, count)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        Ok(Self { numbers, codes: integer::PlainDecoder::new(encoding, cursor.rest())? })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        let number = |code: i64| usize::try_from(code).ok().and_then(|c| self.numbers.get(c)).copied();
        let codes = self.codes.decode(page, count)?;
        codes.into_iter().map(|c| number(c).ok_or(Malformed("a code within the dictionary"))).collect()
    }
}
