//! Segments that lie, with every checksum right.

use crate::segment::directory;
use crate::segment::header::{TRAILER_BYTES, Trailer};
use crate::segment::source::Extent;
use crate::segment::{SegmentInfo, SegmentReader};

fn bytes(segment: &SegmentReader) -> Vec<u8> {
    segment.source().read(0, segment.info().bytes).unwrap().into_owned()
}

fn sections(bytes: &[u8]) -> (Trailer, Vec<directory::Section>) {
    let (body, trailer) = bytes.split_at(bytes.len() - TRAILER_BYTES);
    let trailer = Trailer::decode("x", 0, trailer).unwrap();
    (trailer, directory::decode(&body[trailer.directory_offset as usize..]).unwrap())
}

/// The rows of a segment, and of another one with the same cells what it says of them.
pub(crate) fn with_summaries_of(rows: &SegmentReader, summaries: &SegmentReader) -> (SegmentInfo, Vec<u8>) {
    let (honest, other) = (bytes(rows), bytes(summaries));
    let is_summaries = |section: &&mut directory::Section| section.tag == *b"SUMM";
    let from = sections(&other).1.iter_mut().find(is_summaries).unwrap().extent;
    let payload = &other[from.offset as usize..][..from.bytes as usize];
    let (trailer, mut sections) = sections(&honest);
    let mut body = honest[..trailer.directory_offset as usize].to_vec();
    let extent = Extent { offset: body.len() as u64, ..from };
    sections.iter_mut().find(is_summaries).unwrap().extent = extent;
    body.extend(payload);
    let directory = directory::encode(&sections);
    let trailer = Trailer {
        directory_offset: body.len() as u64,
        directory_crc: crc32fast::hash(&directory),
        segment_bytes: (body.len() + directory.len() + TRAILER_BYTES) as u64,
        ..trailer
    };
    let info = SegmentInfo {
        bytes: trailer.segment_bytes,
        footer_crc: trailer.directory_crc,
        ..rows.info().clone()
    };
    (info, [body, directory, trailer.encode()].concat())
}
