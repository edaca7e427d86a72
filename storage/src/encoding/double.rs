//! Doubles, bit for bit: NaN payloads and negative zero come back as they were.

use super::sample::{is_noise, sample};
use super::{Effort, EncodedChunk, Encoding, Malformed, integer, pcodec, repeated};

/// Bits of the mantissa that a double has and a single has not.
const DROPPED: u32 = 29;

/// Encodes `values`, which are not empty, as pages of `counts` values.
pub(super) fn encode(values: &[f64], counts: &[usize], effort: Effort) -> EncodedChunk {
    if is_constant(values) {
        return encode_plain(values, counts, effort);
    }
    let plain_bits = |keys: &[i64]| pcodec::bits(&keys.iter().map(|k| of_key(*k)).collect::<Vec<_>>());
    let keys: Vec<i64> = values.iter().map(|v| key(*v)).collect();
    repeated::encode_if_shorter(&keys, counts, effort, plain_bits, || encode_plain(values, counts, effort))
}

/// The same without a dictionary.
pub(super) fn encode_plain(values: &[f64], counts: &[usize], effort: Effort) -> EncodedChunk {
    if let Some(first) = values.first()
        && is_constant(values)
    {
        return EncodedChunk::of_meta(Encoding::Constant, first.to_le_bytes().to_vec(), counts.len());
    }
    if effort == Effort::Flush && is_random(values) {
        return encode_raw(values, counts);
    }
    encode_pco(values, counts, effort)
        .filter(|chunk| chunk.is_well_below(values.len() * 8))
        .unwrap_or_else(|| encode_raw(values, counts))
}

fn is_constant(values: &[f64]) -> bool {
    values.first().is_some_and(|first| values.iter().all(|v| v.to_bits() == first.to_bits()))
}

/// Bits that are no numbers, such as hashes: signs and exponents of numbers take few of their values.
fn is_random(values: &[f64]) -> bool {
    is_noise(sample(values).iter().map(|v| v.to_bits()), u64::BITS)
}

fn encode_pco(values: &[f64], counts: &[usize], effort: Effort) -> Option<EncodedChunk> {
    let Some(singles) = values.iter().map(|v| narrow(*v)).collect::<Option<Vec<f32>>>() else {
        return pcodec::encode(values, counts, effort.level());
    };
    let chunk = pcodec::encode(&singles, counts, effort.level())?;
    Some(EncodedChunk { encoding: Encoding::PcoF32, ..chunk })
}

/// The single that [`widen`] makes this very double of. What a cast makes of a NaN is not the same on every machine,
/// so a NaN is taken by its bits.
fn narrow(value: f64) -> Option<f32> {
    if value.is_nan() {
        let bits = value.to_bits();
        let kept = (bits >> DROPPED) as u32 & 0x7f_ffff;
        let single = f32::from_bits((bits >> 32) as u32 & 1 << 31 | 0x7f80_0000 | kept);
        return (bits.trailing_zeros() >= DROPPED).then_some(single);
    }
    let single = value as f32;
    (f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

fn widen(single: f32) -> f64 {
    if single.is_nan() {
        let bits = u64::from(single.to_bits());
        return f64::from_bits((bits >> 31) << 63 | 0x7ff << 52 | (bits & 0x7f_ffff) << DROPPED);
    }
    f64::from(single)
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
    PcoF32(Box<pcodec::Decoder<f32>>),
    Raw,
    Repeated(repeated::Decoder<f64>),
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, meta: &[u8]) -> Result<Self, Malformed> {
        Ok(match encoding {
            Encoding::Constant => Self::Constant(f64::from_le_bytes(
                meta.try_into().map_err(|_| Malformed("a double of 8 bytes"))?,
            )),
            Encoding::Pco => Self::Pco(Box::new(pcodec::Decoder::new(meta)?)),
            Encoding::PcoF32 => Self::PcoF32(Box::new(pcodec::Decoder::new(meta)?)),
            Encoding::Raw if meta.is_empty() => Self::Raw,
            Encoding::Dictionary => Self::Repeated(repeated::Decoder::new(meta, of_key)?),
            _ => return Err(Malformed("an encoding of doubles")),
        })
    }

    /// The first `wanted` of the `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize, wanted: usize) -> Result<Vec<f64>, Malformed> {
        match self {
            Self::Constant(value) if page.is_empty() => Ok(vec![*value; wanted]),
            Self::Constant(_) => Err(Malformed("no bytes in a page of a constant")),
            Self::Pco(decoder) => decoder.decode(page, count, wanted),
            Self::PcoF32(decoder) => decoder.decode_map(page, (count, wanted), widen),
            Self::Raw => {
                let mut values = decode_raw(page, count)?;
                values.truncate(wanted);
                Ok(values)
            }
            Self::Repeated(decoder) => decoder.decode(page, count, wanted),
        }
    }
}

fn decode_raw(page: &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
    match page.as_chunks() {
        (values, []) if values.len() == count => Ok(values.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        _ => Err(Malformed("8 bytes for each double")),
    }
}
