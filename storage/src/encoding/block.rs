//! Numbers as one piece of bytes that stands by itself: what the sections of a segment keep their columns in.
//!
//! ```text
//! count varint, and where it is not 0:
//! encoding u8 | meta byte string | page byte string
//! ```
//! A few numbers stay a few bytes: the constant of integers is a signed varint here, not 8 bytes.

use super::{Cursor, Effort, Encoding, Malformed, delta, double, integer, put_bytes, put_signed, put_varint};

/// Encodes integers, of which there may be none, by the shortest of constant, delta and pco.
pub(crate) fn encode_integers(values: &[i64], effort: Effort) -> Vec<u8> {
    let mut block = Vec::new();
    put_varint(&mut block, values.len() as u64);
    let Some(first) = values.first() else { return block };
    if values.iter().all(|v| v == first) {
        block.push(Encoding::Constant.id());
        put_signed(&mut block, *first);
        return block;
    }
    let chunk = integer::encode_shortest(values, &[values.len()], effort);
    put_chunk(&mut block, &chunk);
    block
}

/// The integers of a block, of which there are at most `max`.
pub(crate) fn decode_integers(cursor: &mut Cursor, max: usize) -> Result<Vec<i64>, Malformed> {
    let count = cursor.count(max)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    match Encoding::from_id(cursor.u8()?)? {
        Encoding::Constant => Ok(vec![cursor.signed()?; count]),
        Encoding::Delta => {
            cursor.bytes()?;
            delta::decode(cursor.bytes()?, count)
        }
        encoding => integer::PlainDecoder::new(encoding, cursor.bytes()?)?.decode(cursor.bytes()?, count),
    }
}

/// Encodes doubles, of which there may be none, bit for bit, by the shortest of constant, pco and raw.
pub(crate) fn encode_doubles(values: &[f64], effort: Effort) -> Vec<u8> {
    let mut block = Vec::new();
    put_varint(&mut block, values.len() as u64);
    if !values.is_empty() {
        put_chunk(&mut block, &double::encode_plain(values, &[values.len()], effort));
    }
    block
}

/// The doubles of a block, of which there are at most `max`.
pub(crate) fn decode_doubles(cursor: &mut Cursor, max: usize) -> Result<Vec<f64>, Malformed> {
    let count = cursor.count(max)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let encoding = Encoding::from_id(cursor.u8()?)?;
    if encoding == Encoding::Dictionary {
        return Err(Malformed("an encoding of a block of doubles"));
    }
    double::Decoder::new(encoding, cursor.bytes()?)?.decode(cursor.bytes()?, count, count)
}

fn put_chunk(block: &mut Vec<u8>, chunk: &super::EncodedChunk) {
    block.push(chunk.encoding.id());
    put_bytes(block, &chunk.meta);
    put_bytes(block, chunk.pages.first().map_or(&[], Vec::as_slice));
}
