//! The footer's directory: which sections a segment has, where, and with what checksum.

use super::source::Extent;
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::error::{Result, StorageError};
use crate::limits::{SECTION_BYTES_MAX, SECTIONS_MAX};

/// What a section is, as four letters.
pub(super) type Tag = [u8; 4];
/// The columns: id, name, type.
pub(super) const COLUMNS: Tag = *b"COLS";
/// The row groups: rows of each page, first and last time.
pub(super) const ROW_GROUPS: Tag = *b"RGRP";
/// Where each page lies, its checksum, its nulls, its least and greatest value.
pub(super) const PAGE_INDEX: Tag = *b"PIDX";

/// The cells: interval, series, rows.
pub(super) const CELLS: Tag = *b"CELL";
/// Where bloom filters lie.
pub(super) const BLOOM: Tag = *b"BLOM";
/// The series and their tags, of level 1.
pub(super) const TAGS: Tag = *b"TAGS";
/// Which series have a tag, of level 1.
pub(super) const POSTINGS: Tag = *b"POST";
/// The last row of each series.
pub(super) const LAST: Tag = *b"LAST";

/// Where the statistics of cells lie, column by column. Nobody needs them to read rows.
pub(super) const CELL_STATISTICS: Tag = *b"CSTA";

/// Sections that this build reads, each with the newest version of it that it knows.
const KNOWN: [(Tag, u16); 8] = [
    (COLUMNS, 1),
    (ROW_GROUPS, 1),
    (PAGE_INDEX, 1),
    (CELLS, 1),
    (BLOOM, 1),
    (TAGS, 1),
    (POSTINGS, 1),
    (LAST, 1),
];

/// A reader that does not know the section must refuse the file; without it, it passes over the section.
pub(super) const REQUIRED: u16 = 1;

/// Bytes of one entry: tag, flags, version, offset, length, checksum.
const ENTRY_BYTES: usize = 4 + 2 + 2 + 8 + 8 + 4;
/// Bytes of the largest directory.
pub(super) const DIRECTORY_BYTES_MAX: usize = 10 + SECTIONS_MAX * ENTRY_BYTES;

/// An entry of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) tag: Tag,
    pub(super) flags: u16,
    pub(super) version: u16,
    pub(super) extent: Extent,
}

/// The directory as bytes.
pub(super) fn encode(sections: &[Section]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, sections.len() as u64);
    for section in sections {
        out.extend(section.tag);
        out.extend(section.flags.to_le_bytes());
        out.extend(section.version.to_le_bytes());
        out.extend(section.extent.offset.to_le_bytes());
        out.extend(section.extent.bytes.to_le_bytes());
        out.extend(section.extent.crc.to_le_bytes());
    }
    out
}

/// The directory again.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Section>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(SECTIONS_MAX)?;
    let sections = (0..count).map(|_| decode_entry(&mut cursor)).collect::<Result<_, _>>()?;
    cursor.finish()?;
    Ok(sections)
}

fn decode_entry(cursor: &mut Cursor<'_>) -> Result<Section, Malformed> {
    let mut tag = [0; 4];
    tag.copy_from_slice(cursor.take(4)?);
    let (flags, version) = (cursor.u16()?, cursor.u16()?);
    let extent = Extent { offset: cursor.u64()?, bytes: cursor.u64()?, crc: cursor.u32()? };
    if extent.bytes > SECTION_BYTES_MAX {
        return Err(Malformed("sections within their limit of bytes"));
    }
    Ok(Section { tag, flags, version, extent })
}

/// Fails where a section that must be understood is not.
pub(super) fn check_known(path: &str, sections: &[Section]) -> Result<()> {
    let Some(newer) = sections.iter().find(|s| s.flags & REQUIRED != 0 && !is_known(s)) else {
        return Ok(());
    };
    let known = KNOWN.iter().find(|(tag, _)| *tag == newer.tag).map_or(0, |(_, version)| *version);
    Err(StorageError::NewerFormat { path: path.into(), found: newer.version, known })
}

/// Whether this build reads the section.
pub(super) fn is_known(section: &Section) -> bool {
    KNOWN.iter().any(|(tag, version)| *tag == section.tag && section.version <= *version)
}

/// The section of this tag.
pub(super) fn find(sections: &[Section], tag: Tag) -> Result<Section, Malformed> {
    sections.iter().find(|s| s.tag == tag).copied().ok_or(Malformed("the sections COLS, RGRP, PIDX and CELL"))
}
