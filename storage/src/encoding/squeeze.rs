//! Bytes by zstd where that makes them shorter.
//!
//! The reader knows the plain length. Stored bytes of just that length are plain, fewer are a zstd frame.

use std::cell::RefCell;

use zstd::bulk::Decompressor;

use super::Malformed;

/// Level 3: the levels above cost several times the time for a few per cent.
const LEVEL: i32 = 3;

thread_local! {
    /// What zstd needs while it decodes, some 150 KiB: to make it anew takes longer than to decode a small page.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The shorter of `plain` and its zstd frame.
pub(crate) fn squeeze(plain: Vec<u8>) -> Vec<u8> {
    match zstd::bulk::compress(&plain, LEVEL) {
        Ok(frame) if frame.len() < plain.len() => frame,
        _ => plain,
    }
}

/// The `length` plain bytes again. The caller has bounded `length`.
pub(crate) fn unsqueeze(stored: &[u8], length: usize) -> Result<Vec<u8>, Malformed> {
    if stored.len() == length {
        return Ok(stored.to_vec());
    }
    if stored.len() > length {
        return Err(Malformed("no more bytes than their plain length"));
    }
    let plain = DECOMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(decompressor) => decompressor.decompress(stored, length),
        None => kept.insert(Decompressor::new()?).decompress(stored, length),
    });
    let plain = plain.map_err(|_| Malformed("a zstd frame of the noted length"))?;
    if plain.len() == length { Ok(plain) } else { Err(Malformed("a zstd frame of the noted length")) }
}
