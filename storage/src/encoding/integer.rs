//! Integers: constant, delta or pco, whichever is shorter.

use super::pcodec;
use super::{EncodedChunk, Encoding, Malformed, delta};

/// Level 4: nearly the ratio of 8 at several times its speed on small chunks.
pub(super) const LEVEL: usize = 4;

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[i64], counts: &[usize], level: usize) -> EncodedChunk {
    if let Some(first) = values.first()
        && values.iter().all(|v| v == first)
    {
        return EncodedChunk::of_meta(Encoding::Constant, first.to_le_bytes().to_vec(), counts.len());
    }
    let delta = encode_delta(values, counts);
    // Delta pages decode several times as fast, so pco has to save more than a little: 5 %.
    match pcodec::encode(values, counts, level) {
        Some(pco) if pco.bytes() + pco.bytes() / 20 < delta.bytes() => pco,
        _ => delta,
    }
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
    Constant(i64),
    Delta,
    Pco(Box<pcodec::Decoder<i64>>),
}

impl Decoder {
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
