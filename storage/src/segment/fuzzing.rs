//! A segment from bytes of any kind.

mod read;
mod seal;

use std::sync::Arc;

use super::SegmentFile;
use super::index::Chunk;
use super::reader::SegmentReader;
use super::{SegmentInfo, index};
use crate::disk::Disk;
use crate::encoding;
use crate::error::Result;
use crate::fuzzing::disk_of;
use crate::manifest::fuzzing::{RECORD_BYTES, record_of, segment_of};
use crate::series::SeriesRegistry;

/// The number of the file.
const FILE: u64 = 1;

/// The manifest's record of the segment, then the segment: opened as it is, and with true checksums.
pub fn open(data: &[u8]) {
    let Some((record, bytes)) = data.split_at_checked(RECORD_BYTES) else { return };
    let Some(info) = segment_of(record) else { return };
    let info = SegmentInfo { file: FILE, offset: 0, bytes: bytes.len() as u64, ..info };
    look(bytes, info.clone());
    let mut sealed = bytes.to_vec();
    if let Some(info) = seal::seal(&mut sealed, info) {
        look(&sealed, info);
    }
}

fn look(bytes: &[u8], info: SegmentInfo) {
    read::all(&reader_of(bytes, info));
}

fn reader_of(bytes: &[u8], info: SegmentInfo) -> Arc<SegmentReader> {
    let disk = disk_of([(SegmentFile::path_of(FILE), bytes)]);
    SegmentReader::new(SegmentFile::new(disk, FILE), info, Arc::new(SeriesRegistry::new()))
}

/// An input for [`open`], of a segment on a disk.
pub(crate) fn case(disk: &dyn Disk, info: &SegmentInfo) -> Option<Vec<u8>> {
    let file = disk.read(&info.path()).ok()?;
    let (start, length) = (usize::try_from(info.offset).ok()?, usize::try_from(info.bytes).ok()?);
    let bytes = file.get(start..start.checked_add(length)?)?;
    Some([record_of(info), bytes.to_vec()].concat())
}

/// The pages of a segment as inputs for `page_decode`, at most one of each chunk.
pub(crate) fn pages(segment: &SegmentReader) -> Result<Vec<(String, Vec<u8>)>> {
    let columns = &segment.footer()?.columns.list;
    let mut cases = Vec::new();
    for group in 0..segment.row_groups()? {
        let (group, chunks) = segment.group_and_chunks(group)?;
        for (column, chunk) in columns.iter().zip(chunks) {
            let rows = group.page_rows.first().copied().unwrap_or_default();
            cases.extend(page(segment, column, chunk, rows)?);
        }
    }
    Ok(cases)
}

fn page(
    segment: &SegmentReader,
    column: &index::StoredColumn,
    chunk: &Chunk,
    rows: usize,
) -> Result<Option<(String, Vec<u8>)>> {
    let Some(page) = chunk.pages.first() else { return Ok(None) };
    let (meta, bytes) = (segment.read_checked(chunk.meta)?, segment.read_checked(page.extent)?);
    let name =
        format!("{}-{}", chunk.encoding.name(), column.ty.sql().to_lowercase().replace(['(', ')'], "-"));
    Ok(Some((name, encoding::fuzzing::case(chunk.encoding, column.ty, rows, page.nulls, &meta, &bytes))))
}
