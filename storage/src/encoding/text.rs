//! Texts and byte strings: the first encoding of a fixed order whose rule they keep.

use super::values::ByteStrings;
use super::{Effort, EncodedChunk, Encoding, Malformed, dictionary, integer, prefixed, uuid, zstd_block};
use crate::limits::{PAGE_BYTES_MAX, VALUE_BYTES_MAX};

/// Encodes texts, which are not none, as pages of `counts` values.
pub(super) fn encode_text(values: &[&[u8]], counts: &[usize], effort: Effort) -> EncodedChunk {
    constant(values, counts)
        .or_else(|| dictionary::encode(values, counts))
        .or_else(|| uuid::encode(values, counts, effort))
        .or_else(|| prefixed::encode(values, counts, effort))
        .unwrap_or_else(|| zstd(values, counts))
}

/// Encodes byte strings, which are not none, as pages of `counts` values.
pub(super) fn encode_binary(values: &[&[u8]], counts: &[usize]) -> EncodedChunk {
    constant(values, counts).unwrap_or_else(|| zstd(values, counts))
}

/// A long constant is left to zstd: repeated for every row of a damaged page it could pass any limit.
fn constant(values: &[&[u8]], counts: &[usize]) -> Option<EncodedChunk> {
    let first = *values.first()?;
    let constant = first.len() <= PAGE_BYTES_MAX && values.iter().all(|v| *v == first);
    constant.then(|| EncodedChunk::of_meta(Encoding::Constant, first.to_vec(), counts.len()))
}

fn zstd(values: &[&[u8]], counts: &[usize]) -> EncodedChunk {
    let pages = integer::cut(values, counts)
        .map(|page| if page.is_empty() { Vec::new() } else { zstd_block::encode(page) });
    EncodedChunk { encoding: Encoding::Zstd, meta: Vec::new(), pages: pages.collect() }
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) enum Decoder {
    Constant(Vec<u8>),
    Dictionary(dictionary::Decoder),
    Prefixed(prefixed::Decoder),
    Uuid(uuid::Decoder),
    Zstd,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Constant => Self::Constant(meta.to_vec()),
            Encoding::Dictionary => Self::Dictionary(dictionary::Decoder::new(meta)?),
            Encoding::Prefixed => Self::Prefixed(prefixed::Decoder::new(meta)?),
            Encoding::Uuid => Self::Uuid(uuid::Decoder::new(meta)?),
            Encoding::Zstd if meta.is_empty() => Self::Zstd,
            _ => return Err(Malformed("an encoding of texts")),
        })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => repeat(value, count),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Dictionary(decoder) => decoder.decode(page, count),
            Self::Prefixed(decoder) => decoder.decode(page, count),
            Self::Uuid(decoder) => decoder.decode(page, count),
            Self::Zstd => zstd_block::decode(page, count),
        }
    }
}

fn repeat(value: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
    let bytes = value.len().checked_mul(count).filter(|bytes| *bytes <= VALUE_BYTES_MAX);
    let end = bytes.ok_or(Malformed("texts within the limit of a page"))?;
    let offsets = match value.len() {
        0 => vec![0; count + 1],
        length => (0..=end as i32).step_by(length).collect(),
    };
    Ok(ByteStrings::of_parts(offsets, value.repeat(count)))
}
