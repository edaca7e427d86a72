//! Byte strings as their lengths and their bytes by zstd.
//!
//! ```text
//! lengths byte string (a delta page) | total varint | bytes, plain or a zstd frame
//! ```

use super::squeeze::{squeeze, unsqueeze};
use super::values::ByteStrings;
use super::{Cursor, Malformed, delta, put_bytes, put_varint};
use crate::limits::VALUE_BYTES_MAX;

/// Encodes byte strings.
pub(super) fn encode(values: &[&[u8]]) -> Vec<u8> {
    let lengths: Vec<i64> = values.iter().map(|v| v.len() as i64).collect();
    let data = values.concat();
    let mut block = Vec::new();
    put_bytes(&mut block, &delta::encode(&lengths));
    put_varint(&mut block, data.len() as u64);
    block.extend(squeeze(data));
    block
}

/// The `count` byte strings of a block, which together hold no more than a page may.
pub(super) fn decode(block: &[u8], count: usize) -> Result<ByteStrings, Malformed> {
    let mut cursor = Cursor::new(block);
    let lengths = delta::decode(cursor.bytes()?, count)?;
    let total = cursor.count(VALUE_BYTES_MAX)?;
    ByteStrings::cut(unsqueeze(cursor.rest(), total)?, &lengths)
}
