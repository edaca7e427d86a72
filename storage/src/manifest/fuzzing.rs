//! A manifest from bytes of any kind.

use super::codec;
use crate::bytes::Cursor;
use crate::segment::SegmentInfo;

const PATH: &str = "manifest.00000000000000000001";

/// As the bytes are, and with the length and checksum that they ought to have.
pub fn decode(data: &[u8]) {
    look(data);
    let mut sealed = data.to_vec();
    seal(&mut sealed);
    look(&sealed);
}

fn look(bytes: &[u8]) {
    let Ok(found) = codec::decode(bytes, PATH) else { return };
    let encoded = codec::encode(&found);
    let again = codec::decode(&encoded, PATH);
    assert!(again.is_ok_and(|again| again == found), "a manifest that does not read back");
    // What later builds added is left out, so that there may be fewer bytes, but they stay what they are.
    assert!(codec::encode(&found) == encoded);
    let blocks: usize = found.patch_blocks().values().map(Vec::len).sum();
    let labels: usize = found.labels.values().map(Vec::len).sum();
    assert_eq!(blocks, found.hidden.len() + labels);
    assert_eq!(found.patch_files().len(), found.patch_blocks().len());
    let all: u64 = found.segments.iter().fold(0, |all, segment| all.saturating_add(segment.rows));
    assert!(found.shown_rows() <= all);
}

/// What a manifest says of a segment, from its record.
pub(crate) fn segment_of(record: &[u8]) -> Option<SegmentInfo> {
    codec::decode_segment(&mut Cursor::new(record)).ok()
}

/// Bytes of such a record.
pub(crate) const RECORD_BYTES: usize = codec::SEGMENT_BYTES;

/// The record.
pub(crate) fn record_of(segment: &SegmentInfo) -> Vec<u8> {
    let mut out = Vec::with_capacity(RECORD_BYTES);
    codec::encode_segment(segment, &mut out);
    out
}

/// The length of the payload, and the checksum of all but itself.
fn seal(bytes: &mut [u8]) {
    let Some((head, payload)) = bytes.split_at_mut_checked(codec::HEADER_BYTES) else { return };
    head[24..32].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[..32]);
    hasher.update(payload);
    head[32..].copy_from_slice(&hasher.finalize().to_le_bytes());
}
