//! Texts that repeat: the distinct ones in the meta, a code per value in the pages.
//!
//! ```text
//! count varint | texts byte string (a zstd block) | encoding of the codes u8 | meta of the codes
//! ```

use super::distinct::Distinct;
use super::pcodec::zeros;
use super::sample::{counts as sample_counts, sample};
use super::values::ByteStrings;
use super::{Cursor, Effort, EncodedChunk, Encoding, Malformed, integer, put_bytes, put_varint, zstd_block};
use crate::limits::{DICTIONARY_VALUES_MAX, PAGE_BYTES_MAX, VALUE_BYTES_MAX};

/// A text pays for its place in the dictionary once it comes this often on average.
const REPEATS_MIN: usize = 4;

/// Of values of which more than this share of a sample, in per cent, comes once, no dictionary is tried.
const SAMPLE_DISTINCT_MAX_PERCENT: usize = 97;
/// Texts up to this long are copied as so many bytes at once, which is several times as fast as by their length.
const SHORT: usize = 16;

/// Encodes `values` as pages of `counts` values, or not where they repeat too little, or are too long together for
/// the dictionary to be within the limit of a page.
pub(super) fn encode(values: &[&[u8]], counts: &[usize]) -> Option<EncodedChunk> {
    let sampled = sample(values);
    sample_counts(&sampled, sampled.len() * SAMPLE_DISTINCT_MAX_PERCENT / 100)?;
    let distinct_max = DICTIONARY_VALUES_MAX.min(values.len() / REPEATS_MIN);
    let distinct = Distinct::of(values.iter().copied(), distinct_max)?;
    if distinct.values.iter().map(|v| v.len()).sum::<usize>() > PAGE_BYTES_MAX {
        return None;
    }
    // Codes have many small ranges, which less effort would lump together, and cost hardly more time for it.
    let codes = integer::encode_plain(&distinct.codes, counts, Effort::Compaction);
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
    /// The texts again, where none is longer than [`SHORT`].
    short: Option<Vec<Short>>,
    codes: integer::PlainDecoder,
}

/// A short text, filled up with zeros.
#[derive(Clone, Copy, Debug)]
struct Short {
    bytes: [u8; SHORT],
    length: usize,
}

impl Short {
    fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, length: text.len() })
    }
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let count = cursor.count(DICTIONARY_VALUES_MAX)?;
        let texts = zstd_block::decode(cursor.bytes()?, count)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        let short = (0..count).map(|place| Short::of(texts.get(place)?)).collect();
        Ok(Self { texts, short, codes: integer::PlainDecoder::new(encoding, cursor.rest())? })
    }

    /// Whether a text is in the dictionary.
    pub(super) fn has(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|other| other == text)
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        let codes = self.codes.decode(page, count)?;
        match &self.short {
            Some(short) if count <= VALUE_BYTES_MAX / SHORT => join_short(short, &codes),
            _ => join(&self.texts, &codes),
        }
    }
}

const CODE: Malformed = Malformed("a code within the dictionary");

fn join(texts: &ByteStrings, codes: &[i64]) -> Result<ByteStrings, Malformed> {
    let mut values = ByteStrings::with_capacity(codes.len());
    for code in codes {
        values.push(usize::try_from(*code).ok().and_then(|c| texts.get(c)).ok_or(CODE)?)?;
    }
    Ok(values)
}

/// What a copy writes past the end of its text is overwritten by the next, and cut off after the last.
fn join_short(texts: &[Short], codes: &[i64]) -> Result<ByteStrings, Malformed> {
    let mut data = zeros(codes.len() * SHORT);
    let mut ends = Vec::with_capacity(codes.len() + 1);
    let mut end = 0;
    ends.push(0);
    for code in codes {
        let text = usize::try_from(*code).ok().and_then(|c| texts.get(c)).ok_or(CODE)?;
        let room = data.get_mut(end..).and_then(|rest| rest.first_chunk_mut()).ok_or(CODE)?;
        *room = text.bytes;
        end += text.length;
        ends.push(end as i32);
    }
    data.truncate(end);
    Ok(ByteStrings::of_parts(ends, data))
}
