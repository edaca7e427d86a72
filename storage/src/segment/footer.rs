//! What a segment says of itself, read and checked on first use.

use std::borrow::Cow;

use super::directory::{self, COLUMNS, DIRECTORY_BYTES_MAX, ROW_GROUPS, Section, Tag};
use super::header::{HEADER_BYTES, Header, TRAILER_BYTES, Trailer};
use super::index::{self, Columns, RowGroup};
use super::source::{Extent, Source};
use super::{SegmentInfo, TimeRange};
use crate::error::Result;

/// Directory, columns and row groups.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) sections: Vec<Section>,
    pub(super) columns: Columns,
    pub(super) groups: Vec<RowGroup>,
    directory: u64,
}

impl Footer {
    /// Checks header, trailer and directory against `info`.
    pub(super) fn read(source: &Source, info: &SegmentInfo) -> Result<Self> {
        let directory = read_frame(source, info)?;
        let bytes = source.read_checked(directory)?;
        let sections = directory::decode(&bytes).map_err(source.malformed(directory.offset))?;
        directory::check_known(source.path(), &sections)?;
        check_extents(source, &sections, directory.offset)?;
        let read = |tag| read_section(source, &sections, directory.offset, tag);
        let (offset, bytes) = read(COLUMNS)?;
        let columns = index::decode_columns(&bytes).map_err(source.malformed(offset))?;
        let (offset, bytes) = read(ROW_GROUPS)?;
        let groups = index::decode_groups(&bytes).map_err(source.malformed(offset))?;
        let footer = Self { sections, columns, groups, directory: directory.offset };
        footer.check(source, info)?;
        Ok(footer)
    }

    /// Offset and bytes of a section that has to be there.
    pub(super) fn section<'a>(&self, source: &'a Source, tag: Tag) -> Result<(u64, Cow<'a, [u8]>)> {
        read_section(source, &self.sections, self.directory, tag)
    }

    /// The same of one that may be missing, or of a version that this build does not know.
    pub(super) fn optional(&self, source: &Source, tag: Tag) -> Result<Option<(u64, Vec<u8>)>> {
        let found = self.sections.iter().find(|s| s.tag == tag && directory::is_known(s));
        found.map(|s| Ok((s.extent.offset, source.read_checked(s.extent)?.into_owned()))).transpose()
    }

    /// Where a section begins, for errors; 0 for one that is missing.
    pub(super) fn place(&self, tag: Tag) -> u64 {
        self.sections.iter().find(|s| s.tag == tag).map_or(0, |s| s.extent.offset)
    }

    /// Where pages may lie.
    pub(super) fn body(&self) -> std::ops::Range<u64> {
        Self::body_of(&self.sections, self.directory)
    }

    /// The same of sections whose directory begins at `directory`.
    pub(super) fn body_of(sections: &[Section], directory: u64) -> std::ops::Range<u64> {
        let end = sections.iter().map(|s| s.extent.offset).min();
        HEADER_BYTES as u64..end.unwrap_or(directory)
    }

    /// The manifest and the file have to tell the same.
    fn check(&self, source: &Source, info: &SegmentInfo) -> Result<()> {
        let all = self.groups.iter().map(|g| g.info);
        let rows: u64 = all.clone().map(|g| g.rows as u64).sum();
        let keys = all.clone().next().zip(all.clone().next_back()).map(|(a, z)| (a.first_key, z.last_key));
        let time = all.map(|g| g.time).reduce(TimeRange::union);
        if (rows, time, keys) == (info.rows, Some(info.time()), Some((info.first_key, info.last_key))) {
            return Ok(());
        }
        let SegmentInfo { rows, min_time, max_time, first_key, last_key, .. } = info;
        let expected = format!(
            "{rows} rows from {min_time} to {max_time}, {first_key:?} to {last_key:?}, as in the manifest"
        );
        Err(source.corrupt(0, expected))
    }
}

fn read_section<'a>(
    source: &'a Source,
    sections: &[Section],
    directory: u64,
    tag: Tag,
) -> Result<(u64, Cow<'a, [u8]>)> {
    let section = directory::find(sections, tag).map_err(source.malformed(directory))?;
    Ok((section.extent.offset, source.read_checked(section.extent)?))
}

/// Checks header and trailer, and says where the directory lies.
fn read_frame(source: &Source, info: &SegmentInfo) -> Result<Extent> {
    let bytes = source.read(0, HEADER_BYTES as u64)?;
    let header = Header::decode(source.path(), source.at(0), &bytes)?;
    let expected = Header { segment: info.id, table: info.table, schema_version: info.schema_version };
    if header != expected {
        return Err(source.corrupt(0, format!("{expected:?} as in the manifest")));
    }
    let at = info.bytes.saturating_sub(TRAILER_BYTES as u64);
    let bytes = source.read(at, TRAILER_BYTES as u64)?;
    let trailer = Trailer::decode(source.path(), source.at(at), &bytes)?;
    check_trailer(source, info, &trailer, at)?;
    let bytes = u64::from(trailer.directory_bytes);
    Ok(Extent { offset: trailer.directory_offset, bytes, crc: trailer.directory_crc })
}

fn check_trailer(source: &Source, info: &SegmentInfo, trailer: &Trailer, at: u64) -> Result<()> {
    if (trailer.segment, trailer.segment_bytes) != (info.id, info.bytes) {
        return Err(source.corrupt(at, format!("segment {} of {} bytes", info.id, info.bytes)));
    }
    if trailer.directory_crc != info.footer_crc {
        return Err(source.corrupt(at, format!("a footer with checksum {:08x}", info.footer_crc)));
    }
    let directory_end = trailer.directory_offset.checked_add(u64::from(trailer.directory_bytes));
    if directory_end != Some(at) || trailer.directory_bytes as usize > DIRECTORY_BYTES_MAX {
        return Err(source.corrupt(at, "the directory right before the trailer"));
    }
    Ok(())
}

fn check_extents(source: &Source, sections: &[Section], directory: u64) -> Result<()> {
    let within = |e: &Extent| e.offset >= HEADER_BYTES as u64 && e.end().is_some_and(|end| end <= directory);
    if sections.iter().all(|s| within(&s.extent)) {
        return Ok(());
    }
    Err(source.corrupt(directory, "sections between the header and their directory"))
}
