//! Numbers that repeat, such as the scores of a tree: the distinct ones in the meta, a code per value in the pages.
//!
//! ```text
//! count varint | encoding of the numbers u8 | their meta byte string | their page byte string
//! | encoding of the codes u8 | meta of the codes
//! ```

use super::distinct::Distinct;
use super::sample::{counts as sample_counts, dictionary_bits, sample};
use super::{Cursor, Effort, EncodedChunk, Encoding, Malformed, integer, put_bytes, put_varint};
use crate::limits::DICTIONARY_VALUES_MAX;

/// A number costs more in the dictionary than in its place, so it has to come twice on average.
const REPEATS_MIN: usize = 2;
/// In a sample it has to come more often: what is rare in a chunk comes there once.
const SAMPLE_REPEATS_MIN: usize = 4;

/// The shorter of a dictionary and `plain`, told by a sample, of which `plain_bits` says what a value costs without a
/// dictionary. A compaction tries both where they are close.
pub(super) fn encode_if_shorter(
    values: &[i64],
    counts: &[usize],
    effort: Effort,
    plain_bits: impl Fn(&[i64]) -> f64,
    plain: impl Fn() -> EncodedChunk,
) -> EncodedChunk {
    let sampled = sample(values);
    let Some(repeats) = sample_counts(&sampled, sampled.len() / SAMPLE_REPEATS_MIN) else { return plain() };
    let plain_bits = plain_bits(&sampled);
    let bits_max = match effort {
        Effort::Flush => plain_bits * 0.9,
        Effort::Compaction => plain_bits * 1.1,
    };
    if dictionary_bits(&repeats, width(&sampled)) > bits_max {
        return plain();
    }
    let Some(chunk) = encode(values, counts, effort) else { return plain() };
    if effort == Effort::Flush && (chunk.bytes() * 8) as f64 <= plain_bits * values.len() as f64 {
        return chunk;
    }
    let plain = plain();
    if chunk.is_well_below(plain.bytes()) { chunk } else { plain }
}

fn width(sampled: &[i64]) -> u32 {
    super::delta::Frame::of(sampled.iter().copied()).width
}

/// Encodes `values` as pages of `counts` values, or not where they repeat too little.
fn encode(values: &[i64], counts: &[usize], effort: Effort) -> Option<EncodedChunk> {
    let distinct_max = DICTIONARY_VALUES_MAX.min(values.len() / REPEATS_MIN);
    let distinct = Distinct::of(values.iter().copied(), distinct_max)?;
    let numbers = integer::encode_plain(&distinct.values, &[distinct.values.len()], effort);
    let codes = integer::encode_plain(&distinct.codes, counts, effort);
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
pub(super) struct Decoder<T> {
    numbers: Vec<T>,
    codes: integer::PlainDecoder,
}

impl<T: Copy> Decoder<T> {
    /// A decoder of numbers of which `value` makes the values of the column.
    pub(super) fn new(meta: &[u8], value: impl Fn(i64) -> T) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let count = cursor.count(DICTIONARY_VALUES_MAX)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        let numbers =
            integer::PlainDecoder::new(encoding, cursor.bytes()?)?.decode(cursor.bytes()?, count)?;
        let encoding = Encoding::from_id(cursor.u8()?)?;
        let codes = integer::PlainDecoder::new(encoding, cursor.rest())?;
        Ok(Self { numbers: numbers.into_iter().map(value).collect(), codes })
    }

    /// The first `wanted` of the `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize, wanted: usize) -> Result<Vec<T>, Malformed> {
        let mut values = Vec::with_capacity(wanted);
        for code in self.codes.decode_first(page, count, wanted)? {
            let number = usize::try_from(code).ok().and_then(|c| self.numbers.get(c));
            values.push(*number.ok_or(Malformed("a code within the dictionary"))?);
        }
        Ok(values)
    }
}
