//! Doubles, bit for bit: NaN payloads and negative zero come back as they were.

use super::{Effort, EncodedChunk, Encoding, Malformed, integer, pcodec, repeated};

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[f64], counts: &[usize]) -> EncodedChunk {
    let plain = encode_plain(values, counts, Effort::Flush);
    if plain.encoding == Encoding::Constant {
        return plain;
    }
    let keys: Vec<i64> = values.iter().map(|v| key(*v)).collect();
    repeated::encode(&keys, counts).filter(|chunk| chunk.is_well_below(plain.bytes())).unwrap_or(plain)
}

/// The same without a dictionary.
pub(super) fn encode_plain(values: &[f64], counts: &[usize], effort: Effort) -> EncodedChunk {
    if let Some(first) = values.first()
        && values.iter().all(|v| v.to_bits() == first.to_bits())
    {
        return EncodedChunk::of_meta(Encoding::Constant, first.to_le_bytes().to_vec(), counts.len());
    }
    pcodec::encode(values, counts, effort.level())
        .filter(|chunk| chunk.is_well_below(values.len() * 8))
        .unwrap_or_else(|| encode_raw(values, counts))
}

/// The bits as an integer in the order of the doubles: a bijection, and its own inverse on bits.
fn key(value: f64) -> i64 {
    ordered(value.to_bits() as i64)
}

fn of_key(key: i64) -> f64 {
    f64::from_bits(ordered(key) as u64)
}

/// Turns the lower bits of negative numbers round.
fn ordered(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

fn encode_raw(values: &[f64], counts: &[usize]) -> EncodedChunk {
    let page = |page: &[f64]| page.iter().flat_map(|v| v.to_le_bytes()).collect();
    EncodedChunk {
        encoding: Encoding::Raw,
        meta: Vec::new(),
        pages: integer::cut(values, counts).map(page).collect(),
    }
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) enum Decoder {
    Constant(f64),
    Pco(Box<pcodec::Decoder<f64>>),
    Raw,
    Repeated(repeated::Decoder),
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Constant => Self::Constant(f64::from_le_bytes(
                meta.try_into().map_err(|_| Malformed("a double of 8 bytes"))?,
            )),
            Encoding::Pco => Self::Pco(Box::new(pcodec::Decoder::new(meta)?)),
            Encoding::Raw if meta.is_empty() => Self::Raw,
            Encoding::Dictionary => Self::Repeated(repeated::Decoder::new(meta)?),
            _ => return Err(Malformed("an encoding of doubles")),
        })
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => Ok(vec![*value; count]),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Pco(decoder) => decoder.decode(page, count),
            Self::Raw => decode_raw(page, count),
            Self::Repeated(decoder) => Ok(decoder.decode(page, count)?.into_iter().map(of_key).collect()),
        }
    }
}

fn decode_raw(page: &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
    match page.as_chunks() {
        (values, []) if values.len() == count => Ok(values.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        _ => Err(Malformed("8 bytes for each double")),
    }
}
