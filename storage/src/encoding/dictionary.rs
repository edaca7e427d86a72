//! Texts that repeat: the distinct ones in the meta, a code per value in the pages.
//!
//! ```text
//! count varint | texts byte string (a zstd block) | encoding of the codes u8 | meta of the codes
//! ```

use super::distinct::Distinct;
use super::values::ByteStrings;
use super::{Cursor, EncodedChunk, Encoding, Malformed, integer, put_bytes, put_varint, zstd_block};
use crate::limits::{DICTIONARY_VALUES_MAX, PAGE_BYTES_MAX};

/// A text pays for its place in the dictionary once it comes this often on average.
const REPEATS_MIN: usize = 4;

/// Encodes `values` as pages of `counts` values, or not where they repeat too little, or are too long together for
/// the dictionary to be within the limit of a page.
pub(super) fn encode(values: &[&[u8]], counts: &[usize]) -> Option<EncodedChunk> {
    let distinct_max = DICTIONARY_VALUES_MAX.min(values.len() / REPEATS_MIN);
    let distinct = Distinct::of(values.iter().copied(), distinct_max)?;
    if distinct.values.iter().map(|v| v.len()).sum::<usize>() > PAGE_BYTES_MAX {
        return None;
    }
    let codes = integer::encode_plain(&distinct.codes, counts, integer::CODE_LEVEL);
    let mut meta = Vec::new();
    put_varint(&mut meta, distinct.values.len() as u64);
    put_bytes(&mut meta, &zstd_block::encode(&distinct.values));
    meta.push(codes.encoding.id());
    meta.extend(codes.meta);
    Some(EncodedChunk { encoding: Encoding::Dictionary, meta, pages: codes.pages })
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    texts: ByteStrings,
    codes: integer::PlainDecoder,
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let count = cursor.count(DICTIONARY_VALUES_MAX)?;
        let texts = zstd_block::decode(cursor.bytes()?, count)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        Ok(Self { texts, codes: integer::PlainDecoder::new(encoding, cursor.rest())? })
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
