//! Checksums set right.

/// Writes the CRC-32 of `of` at `at`; nothing where either lies outside.
pub(crate) fn put_crc(bytes: &mut [u8], at: usize, of: std::ops::Range<usize>) {
    let Some(crc) = bytes.get(of).map(crc32fast::hash) else { return };
    if let Some(place) = at.checked_add(4).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}
