//! Integers: constant, delta where they are regular or noise, a dictionary where few distinct ones lie far apart,
//! else pco, on 32 bits where they fit.

use super::delta::{self, Frame};
use super::sample::{is_noise, sample};
use super::{Cursor, Effort, EncodedChunk, Encoding, Malformed, pcodec, put_signed, repeated};

/// Integers closer together than this are as short by pco as in a dictionary.
const DICTIONARY_SPREAD_MIN: u64 = 4_096;

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[i64], counts: &[usize], effort: Effort) -> EncodedChunk {
    let range = Frame::of(values.iter().copied());
    if range.spread < DICTIONARY_SPREAD_MIN {
        return encode_within(values, counts, effort, &range);
    }
    let plain_bits = |sampled: &[i64]| pcodec::bits(sampled);
    let plain = || encode_within(values, counts, effort, &range);
    if is_regular(values, counts) {
        return encode_delta(values, counts);
    }
    repeated::encode_if_shorter(values, counts, effort, plain_bits, plain)
}

/// The same without a dictionary, for the parts of other encodings.
pub(super) fn encode_plain(values: &[i64], counts: &[usize], effort: Effort) -> EncodedChunk {
    encode_within(values, counts, effort, &Frame::of(values.iter().copied()))
}

/// Pco has to save a little against delta, which is read several times as fast.
fn encode_within(values: &[i64], counts: &[usize], effort: Effort, range: &Frame) -> EncodedChunk {
    if range.spread == 0 {
        return EncodedChunk::of_meta(Encoding::Constant, range.base.to_le_bytes().to_vec(), counts.len());
    }
    let delta_bytes = delta_bytes(values, counts);
    if delta_bytes <= regular_bytes(values) || (effort == Effort::Flush && without_order(values, range)) {
        return encode_delta(values, counts);
    }
    encode_pco(values, counts, effort, range)
        .filter(|chunk| chunk.is_well_below(delta_bytes))
        .unwrap_or_else(|| encode_delta(values, counts))
}

/// Whichever of constant, delta and pco is shortest, by however little.
pub(super) fn encode_shortest(values: &[i64], counts: &[usize], effort: Effort) -> EncodedChunk {
    let range = Frame::of(values.iter().copied());
    let delta_bytes = delta_bytes(values, counts);
    encode_pco(values, counts, effort, &range)
        .filter(|chunk| chunk.bytes() < delta_bytes)
        .unwrap_or_else(|| encode_delta(values, counts))
}

/// An eighth of a bit a value: regular times cost a few bytes a page, and pco could save little of that.
fn regular_bytes(values: &[i64]) -> usize {
    values.len() / 64
}

fn is_regular(values: &[i64], counts: &[usize]) -> bool {
    delta_bytes(values, counts) <= regular_bytes(values)
}

/// Integers that fill their range evenly in no order, such as hashes. Sorted ones fill it as well, but their
/// differences are small.
fn without_order(values: &[i64], range: &Frame) -> bool {
    let sampled = sample(values);
    let differences = Frame::of(delta::differences(&sampled));
    differences.width >= range.width
        && is_noise(sampled.iter().map(|v| v.wrapping_sub(range.base) as u64), range.width)
}

fn delta_bytes(values: &[i64], counts: &[usize]) -> usize {
    cut(values, counts).map(delta::encoded_bytes).sum()
}

fn encode_delta(values: &[i64], counts: &[usize]) -> EncodedChunk {
    let pages = cut(values, counts).map(delta::encode).collect();
    EncodedChunk { encoding: Encoding::Delta, meta: Vec::new(), pages }
}

/// Pco is a third faster on 32 bits than on 64, and a little shorter.
fn encode_pco(values: &[i64], counts: &[usize], effort: Effort, range: &Frame) -> Option<EncodedChunk> {
    if u32::try_from(range.spread).is_err() {
        return pcodec::encode(values, counts, effort.level());
    }
    let narrow: Vec<u32> = values.iter().map(|v| v.wrapping_sub(range.base) as u32).collect();
    let mut chunk = pcodec::encode(&narrow, counts, effort.level())?;
    let mut meta = Vec::with_capacity(chunk.meta.len() + 10);
    put_signed(&mut meta, range.base);
    meta.append(&mut chunk.meta);
    Some(EncodedChunk { encoding: Encoding::PcoU32, meta, pages: chunk.pages })
}

/// The values page by page.
pub(super) fn cut<'a, T>(values: &'a [T], counts: &'a [usize]) -> impl Iterator<Item = &'a [T]> {
    counts.iter().scan(values, |rest, count| {
        let (page, after) = rest.split_at_checked(*count)?;
        *rest = after;
        Some(page)
    })
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) enum Decoder {
    Plain(PlainDecoder),
    Repeated(repeated::Decoder<i64>),
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Dictionary => Self::Repeated(repeated::Decoder::new(meta, |number| number)?),
            _ => Self::Plain(PlainDecoder::new(encoding, meta)?),
        })
    }

    /// The first `wanted` of the `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize, wanted: usize) -> Result<Vec<i64>, Malformed> {
        match self {
            Self::Plain(decoder) => decoder.decode_first(page, count, wanted),
            Self::Repeated(decoder) => decoder.decode(page, count, wanted),
        }
    }
}

/// The same without a dictionary, so that damage cannot nest dictionaries without end.
#[derive(Debug)]
pub(super) enum PlainDecoder {
    Constant(i64),
    Delta,
    Pco(Box<pcodec::Decoder<i64>>),
    /// Offsets from the base.
    PcoU32(i64, Box<pcodec::Decoder<u32>>),
}

impl PlainDecoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Constant => Self::Constant(i64::from_le_bytes(
                meta.try_into().map_err(|_| Malformed("an integer of 8 bytes"))?,
            )),
            Encoding::Delta if meta.is_empty() => Self::Delta,
            Encoding::Pco => Self::Pco(Box::new(pcodec::Decoder::new(meta)?)),
            Encoding::PcoU32 => {
                let mut cursor = Cursor::new(meta);
                let base = cursor.signed()?;
                Self::PcoU32(base, Box::new(pcodec::Decoder::new(cursor.rest())?))
            }
            _ => return Err(Malformed("an encoding of integers")),
        })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        self.decode_first(page, count, count)
    }

    /// The first `wanted` of the `count` values of a page.
    pub(super) fn decode_first(
        &self,
        page: &[u8],
        count: usize,
        wanted: usize,
    ) -> Result<Vec<i64>, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => Ok(vec![*value; wanted]),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Delta => {
                let mut values = delta::decode(page, count)?;
                values.truncate(wanted);
                Ok(values)
            }
            Self::Pco(_) | Self::PcoU32(..) if count == 0 => Ok(Vec::new()),
            Self::Pco(decoder) => decoder.decode(page, count, wanted),
            Self::PcoU32(base, decoder) => {
                decoder.decode_map(page, (count, wanted), |offset| base.wrapping_add(i64::from(offset)))
            }
        }
    }
}
