//! UUIDs in their canonical form, as two integers of 8 bytes. Those that begin with the time (version 7) then need
//! few bits for the first.
//!
//! ```text
//! meta: encoding of the high halves u8 | of the low halves u8 | meta of the high halves byte string | of the low halves
//! page: high halves byte string | low halves
//! ```

use super::values::ByteStrings;
use super::{Cursor, Effort, EncodedChunk, Encoding, Malformed, integer, put_bytes};

const TEXT_BYTES: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Encodes `values` as pages of `counts` values, or not where one of them is no UUID in lower case.
pub(super) fn encode(values: &[&[u8]], counts: &[usize], effort: Effort) -> Option<EncodedChunk> {
    let halves: Vec<(i64, i64)> = values.iter().map(|v| parse(v)).collect::<Option<_>>()?;
    let (high, low): (Vec<i64>, Vec<i64>) = halves.into_iter().unzip();
    let high = integer::encode_plain(&high, counts, effort);
    let low = integer::encode_plain(&low, counts, effort);
    let mut meta = vec![high.encoding.id(), low.encoding.id()];
    put_bytes(&mut meta, &high.meta);
    meta.extend(low.meta);
    let pages = high.pages.into_iter().zip(low.pages).map(|(high, low)| join(&high, &low)).collect();
    Some(EncodedChunk { encoding: Encoding::Uuid, meta, pages })
}

/// A page of no values stays without bytes.
fn join(high: &[u8], low: &[u8]) -> Vec<u8> {
    if high.is_empty() && low.is_empty() {
        return Vec::new();
    }
    let mut page = Vec::with_capacity(high.len() + low.len() + 4);
    put_bytes(&mut page, high);
    page.extend_from_slice(low);
    page
}

fn parse(text: &[u8]) -> Option<(i64, i64)> {
    if text.len() != TEXT_BYTES {
        return None;
    }
    let mut number = 0_u128;
    for (at, byte) in text.iter().enumerate() {
        if HYPHENS.contains(&at) {
            if *byte != b'-' {
                return None;
            }
        } else {
            number = number << 4 | u128::from(nibble(*byte)?);
        }
    }
    Some(((number >> 64) as i64, number as i64))
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn format(high: i64, low: i64) -> [u8; TEXT_BYTES] {
    let mut number = u128::from(high as u64) << 64 | u128::from(low as u64);
    let mut text = [b'-'; TEXT_BYTES];
    for (at, byte) in text.iter_mut().enumerate() {
        if !HYPHENS.contains(&at) {
            *byte = HEX[(number >> 124) as usize];
            number <<= 4;
        }
    }
    text
}

/// Decodes the pages of one chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    high: integer::PlainDecoder,
    low: integer::PlainDecoder,
}

impl Decoder {
    pub(super) fn new(meta: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(meta);
        let (high, low) = (Encoding::from_id(cursor.u8()?)?, Encoding::from_id(cursor.u8()?)?);
        let high = integer::PlainDecoder::new(high, cursor.bytes()?)?;
        Ok(Self { high, low: integer::PlainDecoder::new(low, cursor.rest())? })
    }

    /// The high half of a text; none where it is no UUID in lower case, hence in no page.
    pub(super) fn high(&self, text: &[u8]) -> Option<i64> {
        parse(text).map(|(high, _)| high)
    }

    /// The high halves of the `count` values of a page.
    pub(super) fn highs(&self, page: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
        self.high.decode(Cursor::new(page).bytes()?, count)
    }

    /// The `count` values of a page.
    pub(super) fn decode(&self, page: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
        let mut cursor = Cursor::new(page);
        let high = self.high.decode(cursor.bytes()?, count)?;
        let low = self.low.decode(cursor.rest(), count)?;
        let mut values = ByteStrings::with_capacity(count);
        for (high, low) in high.into_iter().zip(low) {
            values.push(&format(high, low))?;
        }
        Ok(values)
    }
}
