//! Booleans: a bit each, by zstd where that is shorter.

use arrow_buffer::BooleanBuffer;

use super::squeeze::{squeeze, unsqueeze};
use super::validity::{pack, unpack};
use super::{EncodedChunk, Encoding, Malformed, integer};

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[bool], counts: &[usize]) -> EncodedChunk {
    if let Some(first) = values.first()
        && values.iter().all(|v| v == first)
    {
        return EncodedChunk::of_meta(Encoding::Constant, vec![u8::from(*first)], counts.len());
    }
    let page = |page: &[bool]| squeeze(pack(&BooleanBuffer::from(page)));
    let pages = integer::cut(values, counts).map(page).collect();
    EncodedChunk { encoding: Encoding::Bitmap, meta: Vec::new(), pages }
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) enum Decoder {
    Constant(bool),
    Bitmap,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        match (encoding, meta) {
            (Encoding::Constant, [value @ (0 | 1)]) => Ok(Self::Constant(*value == 1)),
            (Encoding::Bitmap, []) => Ok(Self::Bitmap),
            _ => Err(Malformed("an encoding of booleans")),
        }
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<BooleanBuffer, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => Ok(constant(*value, count)),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Bitmap => unpack(unsqueeze(page, count.div_ceil(8))?, count),
        }
    }
}

fn constant(value: bool, count: usize) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(count) } else { BooleanBuffer::new_unset(count) }
}
