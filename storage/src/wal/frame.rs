//! One frame: a checksummed, numbered record.

use crate::bytes::{Cursor, Put};
use crate::limits::{BATCH_BYTES_MAX, SERIES_DEFINITIONS_BYTES_MAX};

/// Bytes before a frame's payload.
pub(super) const FRAME_HEAD: usize = 32;
/// Frames begin at multiples of this, so that recovery can look for one after damage.
pub(super) const FRAME_ALIGN: usize = 8;
/// A write batch.
pub(super) const KIND_BATCH: u8 = 1;
/// A write batch with changes of older rows behind its own.
pub(super) const KIND_CHANGES: u8 = 2;
/// A frame's payload is the definitions of new series and a batch: a new series takes more bytes in its definition
/// than its first row may, but no row defines more than one.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4 + SERIES_DEFINITIONS_BYTES_MAX + BATCH_BYTES_MAX;

/// A valid frame found in a file.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) seq: u64,
    /// The newest sequence known to be durable when this frame was written.
    pub(super) durable_seq: u64,
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
    /// Bytes of the frame with its padding.
    pub(super) length: usize,
}

/// What a frame is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Definitions of new series.
    pub(crate) definitions: &'a [u8],
    /// The batch.
    pub(crate) batch: &'a [u8],
    /// Whether changes follow the rows in it.
    pub(crate) has_changes: bool,
}

/// Appends a frame to `out`; its payload is the definitions as a byte string, then the batch.
pub(super) fn write(out: &mut Vec<u8>, salt: u64, seq: u64, durable_seq: u64, piece: Piece<'_>) {
    let Piece { definitions, batch, has_changes } = piece;
    let start = out.len();
    let length = 4 + definitions.len() + batch.len();
    out.reserve(padded(length));
    out.put_u32(length as u32);
    out.put_u32(0);
    out.put_u64(seq);
    out.put_u64(durable_seq);
    out.put_u8(if has_changes { KIND_CHANGES } else { KIND_BATCH });
    out.extend_from_slice(&[0; 7]);
    out.put_bytes(definitions);
    out.extend_from_slice(batch);
    let crc = checksum(salt, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    out.resize(start + padded(length), 0);
}

/// The frame at the start of `bytes`, if it is whole and true.
pub(super) fn read(bytes: &[u8], salt: u64) -> Option<Frame<'_>> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.u32("length").ok()? as usize;
    if length > PAYLOAD_BYTES_MAX || bytes.len() < padded(length) {
        return None;
    }
    let crc = cursor.u32("checksum").ok()?;
    let seq = cursor.u64("sequence").ok()?;
    let durable_seq = cursor.u64("durable sequence").ok()?;
    let kind = cursor.u8("kind").ok()?;
    let whole = bytes.get(..FRAME_HEAD + length)?;
    let payload = &whole[FRAME_HEAD..];
    (checksum(salt, whole) == crc).then(|| Frame { seq, durable_seq, kind, payload, length: padded(length) })
}

/// Over everything but the checksum itself, begun with the file's salt: bytes of another file never validate.
fn checksum(salt: u64, frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..]);
    hasher.finalize()
}

fn padded(payload: usize) -> usize {
    (FRAME_HEAD + payload).next_multiple_of(FRAME_ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_no_flipped_byte_passes() {
        let mut bytes = Vec::new();
        let piece = Piece { definitions: b"new", batch: b"payload", has_changes: false };
        write(&mut bytes, 42, 7, 6, piece);
        let frame = read(&bytes, 42).unwrap();
        assert_eq!((frame.seq, frame.durable_seq, frame.payload), (7, 6, b"\x03\0\0\0newpayload".as_slice()));
        assert_eq!(frame.length, bytes.len());
        assert!(read(&bytes, 43).is_none(), "another file's salt");
        for at in 0..FRAME_HEAD + 14 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(read(&flipped, 42).is_none(), "byte {at}");
        }
    }
}
