//! Integers: constant, or the shortest of delta, pco and a dictionary.

use super::{Effort, EncodedChunk, Encoding, Malformed, delta, pcodec, repeated};

/// Level 4: nearly the ratio of 8 at several times its speed on small chunks.
pub(super) const LEVEL: usize = 4;
/// Level 8 for codes: they have many small ranges, which level 4 would lump together, and are few and short.
pub(super) const CODE_LEVEL: usize = 8;

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[i64], counts: &[usize]) -> EncodedChunk {
    let plain = encode_plain(values, counts, LEVEL);
    if plain.encoding == Encoding::Constant {
        return plain;
    }
    repeated::encode(values, counts).filter(|chunk| chunk.is_well_below(plain.bytes())).unwrap_or(plain)
}

/// The same without a dictionary, for the parts of other encodings.
pub(super) fn encode_plain(values: &[i64], counts: &[usize], level: usize) -> EncodedChunk {
    if let Some(first) = values.first()
        && values.iter().all(|v| v == first)
    {
        return EncodedChunk::of_meta(Encoding::Constant, first.to_le_bytes().to_vec(), counts.len());
    }
    let delta = encode_delta(values, counts);
    pcodec::encode(values, counts, level).filter(|chunk| chunk.is_well_below(delta.bytes())).unwrap_or(delta)
}

/// Whichever of constant, delta and pco is shortest, found by trying.
pub(super) fn encode_shortest(values: &[i64], counts: &[usize], effort: Effort) -> EncodedChunk {
    let delta = encode_delta(values, counts);
    pcodec::encode(values, counts, effort.level())
        .filter(|chunk| chunk.bytes() < delta.bytes())
        .unwrap_or(delta)
}

fn encode_delta(values: &[i64], counts: &[usize]) -> EncodedChunk {
    let pages = cut(values, counts).map(delta::encode).collect();
    EncodedChunk { encoding: Encoding::Delta, meta: Vec::new(), pages }
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
    Repeated(repeated::Decoder),
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Dictionary => Self::Repeated(repeated::Decoder::new(meta)?),
            _ => Self::Plain(PlainDecoder::new(encoding, meta)?),
        })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        match self {
            Self::Plain(decoder) => decoder.decode(page, count),
            Self::Repeated(decoder) => decoder.decode(page, count),
        }
    }
}

/// The same without a dictionary, so that damage cannot nest dictionaries without end.
#[derive(Debug)]
pub(super) enum PlainDecoder {
    Constant(i64),
    Delta,
    Pco(Box<pcodec::Decoder<i64>>),
}

impl PlainDecoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Constant => Self::Constant(i64::from_le_bytes(
                meta.try_into().map_err(|_| Malformed("an integer of 8 bytes"))?,
            )),
            Encoding::Delta if meta.is_empty() => Self::Delta,
            Encoding::Pco => Self::Pco(Box::new(pcodec::Decoder::new(meta)?)),
            _ => return Err(Malformed("an encoding of integers")),
        })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => Ok(vec![*value; count]),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Delta => delta::decode(page, count),
            Self::Pco(_) if count == 0 => Ok(Vec::new()),
            Self::Pco(decoder) => decoder.decode(page, count),
        }
    }
}
