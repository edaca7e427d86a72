//! The first and the last bytes of a segment. Their layout stays the same in every format version, so that an
//! older build can say that a file is newer than it.

use crate::encoding::{Cursor, Malformed};
use crate::error::{Result, StorageError};
use crate::schema::TableId;

/// What a segment begins and ends with. The first byte is no text, the line ends show a transfer in text mode.
const MAGIC: [u8; 8] = [0x89, b'D', b'R', b'F', 0x0d, 0x0a, 0x1a, 0x0a];
/// The format version that this build writes, and the newest it reads.
pub(super) const VERSION: u16 = 1;
/// The oldest it reads: version 0 made no promise.
const OLDEST: u16 = 1;

const HEADER_CHECKED_BYTES: usize = 28;
/// Length of the header.
pub(super) const HEADER_BYTES: usize = HEADER_CHECKED_BYTES + 4;
const TRAILER_CHECKED_BYTES: usize = 36;
/// Length of the trailer.
pub(super) const TRAILER_BYTES: usize = TRAILER_CHECKED_BYTES + 4 + MAGIC.len();

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) segment: u64,
    pub(super) table: TableId,
    pub(super) schema_version: u32,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend([0, 0]);
        out.extend(self.table.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.schema_version.to_le_bytes());
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Reads a header that begins at `offset` of `path`.
    pub(super) fn decode(path: &str, offset: u64, bytes: &[u8]) -> Result<Self> {
        let corrupt = |m: Malformed| StorageError::corrupt(path, offset, m.0);
        let checked = checked(bytes, HEADER_CHECKED_BYTES, "the header's checksum").map_err(corrupt)?;
        let (found, header) = Self::parse(checked).map_err(corrupt)?;
        known_version(path, offset, found)?;
        Ok(header)
    }

    fn parse(checked: &[u8]) -> Result<(u16, Self), Malformed> {
        let mut cursor = Cursor::new(checked);
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(Malformed("the first bytes of a segment file"));
        }
        let version = cursor.u16()?;
        let _reserved = cursor.u16()?;
        let (table, segment, schema_version) = (cursor.u32()?, cursor.u64()?, cursor.u32()?);
        Ok((version, Self { segment, table, schema_version }))
    }
}

/// Where the footer's directory lies, and once more whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) directory_offset: u64,
    pub(super) directory_bytes: u32,
    pub(super) directory_crc: u32,
    pub(super) segment_bytes: u64,
    pub(super) segment: u64,
}

impl Trailer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TRAILER_BYTES);
        out.extend(self.directory_offset.to_le_bytes());
        out.extend(self.segment_bytes.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.directory_bytes.to_le_bytes());
        out.extend(self.directory_crc.to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend([0, 0]);
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out.extend(MAGIC);
        out
    }

    /// Reads a trailer that begins at `offset` of `path`.
    pub(super) fn decode(path: &str, offset: u64, bytes: &[u8]) -> Result<Self> {
        let corrupt = |m: Malformed| StorageError::corrupt(path, offset, m.0);
        let bytes = bytes
            .strip_suffix(&MAGIC)
            .ok_or(Malformed("the last bytes of a segment file"))
            .map_err(corrupt)?;
        let checked = checked(bytes, TRAILER_CHECKED_BYTES, "the trailer's checksum").map_err(corrupt)?;
        let (found, trailer) = Self::parse(checked).map_err(corrupt)?;
        known_version(path, offset, found)?;
        Ok(trailer)
    }

    fn parse(checked: &[u8]) -> Result<(u16, Self), Malformed> {
        let mut cursor = Cursor::new(checked);
        let (directory_offset, segment_bytes, segment) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let (directory_bytes, directory_crc) = (cursor.u32()?, cursor.u32()?);
        let trailer = Self { directory_offset, directory_bytes, directory_crc, segment_bytes, segment };
        Ok((cursor.u16()?, trailer))
    }
}

/// The first `length` bytes, if the checksum after them is theirs.
fn checked<'a>(bytes: &'a [u8], length: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
    let mut cursor = Cursor::new(bytes);
    let checked = cursor.take(length)?;
    let crc = cursor.u32()?;
    cursor.finish()?;
    if crc == crc32fast::hash(checked) { Ok(checked) } else { Err(Malformed(what)) }
}

/// Asked after the checksum, so that damage does not pass for a newer file.
fn known_version(path: &str, at: u64, found: u16) -> Result<()> {
    if found > VERSION {
        return Err(StorageError::NewerFormat { path: path.into(), found, known: VERSION });
    }
    if found < OLDEST {
        let expected = format!("format version {OLDEST} or later, found {found}, which no release wrote");
        return Err(StorageError::corrupt(path, at, expected));
    }
    Ok(())
}
