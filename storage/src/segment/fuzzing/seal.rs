//! Sets right what stands in the way of the decoders: checksums, and what the manifest repeats.

use super::super::bloom::FilterIndex;
use super::super::directory::{
    self, BLOOM, CELL_STATISTICS, CELLS, COLUMNS, PAGE_INDEX, ROW_GROUPS, Section, Tag,
};
use super::super::footer::Footer;
use super::super::header::{HEADER_BYTES, TRAILER_BYTES};
use super::super::source::Extent;
use super::super::summary::{Head, PREFIX_BYTES, SUMMARIES};
use super::super::{SegmentInfo, TimeRange, cells, index, statistics};
use crate::fuzzing::put_crc;

/// Sections whose extents have checksums of their own come before the directory, which has theirs.
pub(super) fn seal(bytes: &mut [u8], info: SegmentInfo) -> Option<SegmentInfo> {
    let mut info = seal_frame(bytes, info)?;
    let directory = directory_of(bytes)?;
    let mut sections = directory::decode(bytes.get(directory.clone())?).ok()?;
    take_over_groups(bytes, &sections, &mut info);
    seal_pages(bytes, &sections, directory.start as u64);
    seal_filters(bytes, &sections);
    seal_statistics(bytes, &sections);
    seal_summaries(bytes, &sections, &info);
    for section in &mut sections {
        section.extent.crc = crc_of(bytes, section.extent);
    }
    put(bytes, directory.start, directory.len(), &directory::encode(&sections));
    let trailer = bytes.len().checked_sub(TRAILER_BYTES)?;
    put_crc(bytes, trailer + 28, directory);
    put_crc(bytes, trailer + 36, trailer..trailer + 36);
    info.footer_crc = u32::from_le_bytes(*bytes.get(trailer + 28..)?.first_chunk()?);
    Some(info)
}

/// Header and trailer as the manifest has them.
fn seal_frame(bytes: &mut [u8], info: SegmentInfo) -> Option<SegmentInfo> {
    let trailer = bytes.len().checked_sub(TRAILER_BYTES).filter(|at| *at >= HEADER_BYTES)?;
    put(bytes, 12, 4, &info.table.to_le_bytes());
    put(bytes, 16, 8, &info.id.to_le_bytes());
    put(bytes, 24, 4, &info.schema_version.to_le_bytes());
    put_crc(bytes, 28, 0..28);
    put(bytes, trailer + 8, 8, &(bytes.len() as u64).to_le_bytes());
    put(bytes, trailer + 16, 8, &info.id.to_le_bytes());
    let directory = directory_start(bytes, trailer)?;
    put(bytes, trailer + 24, 4, &((trailer - directory) as u32).to_le_bytes());
    Some(info)
}

fn directory_start(bytes: &[u8], trailer: usize) -> Option<usize> {
    let offset = u64::from_le_bytes(*bytes.get(trailer..)?.first_chunk()?);
    usize::try_from(offset).ok().filter(|offset| (HEADER_BYTES..=trailer).contains(offset))
}

fn directory_of(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let trailer = bytes.len().checked_sub(TRAILER_BYTES)?;
    Some(directory_start(bytes, trailer)?..trailer)
}

/// Rows, times and keys.
fn take_over_groups(bytes: &[u8], sections: &[Section], info: &mut SegmentInfo) {
    let Some(groups) = find(bytes, sections, ROW_GROUPS).and_then(|(_, b)| index::decode_groups(b).ok())
    else {
        return;
    };
    let all = groups.iter().map(|group| group.info);
    info.rows = all.clone().map(|group| group.rows as u64).sum();
    if let Some(time) = all.clone().map(|group| group.time).reduce(TimeRange::union) {
        (info.min_time, info.max_time) = (time.min, time.max);
    }
    if let Some((first, last)) = all.clone().next().zip(all.clone().next_back()) {
        (info.first_key, info.last_key) = (first.first_key, last.last_key);
    }
}

fn seal_pages(bytes: &mut [u8], sections: &[Section], directory: u64) {
    let decoded = || {
        let columns = index::decode_columns(find(bytes, sections, COLUMNS)?.1).ok()?;
        let groups = index::decode_groups(find(bytes, sections, ROW_GROUPS)?.1).ok()?;
        let (at, pages) = find(bytes, sections, PAGE_INDEX)?;
        let body = Footer::body_of(sections, directory);
        Some((at, pages.len(), index::decode_chunks(pages, &columns, &groups, &body).ok()?))
    };
    let Some((at, length, mut chunks)) = decoded() else { return };
    for chunk in chunks.iter_mut().flatten() {
        chunk.meta.crc = crc_of(bytes, chunk.meta);
        chunk.pages.iter_mut().for_each(|page| page.extent.crc = crc_of(bytes, page.extent));
    }
    put(bytes, at, length, &index::encode_chunks(&chunks));
}

fn seal_filters(bytes: &mut [u8], sections: &[Section]) {
    let decoded = || {
        let groups = index::decode_groups(find(bytes, sections, ROW_GROUPS)?.1).ok()?.len();
        let (at, filters) = find(bytes, sections, BLOOM)?;
        Some((at, filters.len(), FilterIndex::decode(filters, groups, &(0..bytes.len() as u64)).ok()?))
    };
    let Some((at, length, mut filters)) = decoded() else { return };
    for filter in filters.groups.iter_mut().flatten() {
        filter.extent.crc = crc_of(bytes, filter.extent);
    }
    put(bytes, at, length, &filters.encode().unwrap_or_default());
}

fn seal_statistics(bytes: &mut [u8], sections: &[Section]) {
    let decoded = || {
        let (at, index) = find(bytes, sections, CELL_STATISTICS)?;
        Some((at, index.len(), statistics::decode_index(index, &(0..bytes.len() as u64)).ok()?))
    };
    let Some((at, length, mut index)) = decoded() else { return };
    index.iter_mut().for_each(|(_, extent)| extent.crc = crc_of(bytes, *extent));
    put(bytes, at, length, &statistics::encode_index(&index));
}

/// The head has the checksums of the pieces, and itself one that stands before it.
fn seal_summaries(bytes: &mut [u8], sections: &[Section], info: &SegmentInfo) {
    let decoded = || {
        let (at, summaries) = find(bytes, sections, SUMMARIES)?;
        let length = u32::from_le_bytes(*summaries.first_chunk()?) as usize;
        let cells = cells::decode(find(bytes, sections, CELLS)?.1, info.width, info.rows).ok()?;
        let head = summaries.get(PREFIX_BYTES..PREFIX_BYTES.checked_add(length)?)?;
        let rest = summaries.len() - PREFIX_BYTES - length;
        let head = Head::decode(head, info.width, cells.len(), rest as u64).ok()?;
        Some((at, PREFIX_BYTES + length, head))
    };
    let Some((at, length, mut head)) = decoded() else { return };
    let pieces = (at + length) as u64;
    head.seal(|extent| crc_of(bytes, Extent { offset: extent.offset + pieces, ..extent }));
    put(bytes, at, length, &head.encode(info.width));
}

/// The bytes of a section, and where they begin.
fn find<'a>(bytes: &'a [u8], sections: &[Section], tag: Tag) -> Option<(usize, &'a [u8])> {
    let extent = directory::find(sections, tag).ok()?.extent;
    Some((usize::try_from(extent.offset).ok()?, slice(bytes, extent)?))
}

fn slice(bytes: &[u8], extent: Extent) -> Option<&[u8]> {
    bytes.get(usize::try_from(extent.offset).ok()?..usize::try_from(extent.end()?).ok()?)
}

fn crc_of(bytes: &[u8], extent: Extent) -> u32 {
    slice(bytes, extent).map_or(extent.crc, crc32fast::hash)
}

/// Puts other bytes in the place of some, if they are as many: numbers may be written longer than need be.
fn put(bytes: &mut [u8], at: usize, length: usize, with: &[u8]) {
    if let Some(place) =
        bytes.get_mut(at..at.saturating_add(length)).filter(|place| place.len() == with.len())
    {
        place.copy_from_slice(with);
    }
}
