//! A damaged segment gives the right rows or an error that names the file, and never a panic.

use arrow_array::RecordBatch;

use super::memory_disk::MemoryDisk;
use super::sample::{reader, rows, schema, write_segment};
use crate::error::{Result, StorageError};
use crate::schema::TableSchema;
use crate::segment::directory::{self, REQUIRED, Section};
use crate::segment::header::{TRAILER_BYTES, Trailer};
use crate::segment::source::Extent;
use crate::segment::{SegmentInfo, TimeRange};

fn small() -> (TableSchema, SegmentInfo, Vec<u8>) {
    let schema = schema();
    let disk = MemoryDisk::default();
    let info = write_segment(&disk, 5, &schema, &[rows(&schema, 0..60)]).unwrap();
    let bytes = disk.bytes(&info.path());
    (schema, info, bytes)
}

fn read(schema: &TableSchema, info: &SegmentInfo, bytes: Vec<u8>) -> Result<Vec<RecordBatch>> {
    let disk = MemoryDisk::with(&info.path(), bytes);
    let reader = reader(&disk, info.clone());
    reader.cells()?;
    reader.read(0, &schema.columns, TimeRange::ALL)
}

fn assert_damage(found: Result<Vec<RecordBatch>>, what: &str) {
    match found {
        Err(StorageError::Corrupt { path, .. }) => assert_eq!(path, "seg/0000000000000005.seg", "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let (schema, info, bytes) = small();
    for at in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            assert_damage(read(&schema, &info, damaged), &format!("byte {at} with {mask:02x}"));
        }
    }
}

#[test]
fn verify_notices_every_flipped_byte_under_an_open_reader() {
    let (_, info, bytes) = small();
    let disk = MemoryDisk::with(&info.path(), bytes.clone());
    reader(&disk, info.clone()).verify().unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let disk = MemoryDisk::with(&info.path(), damaged);
        let found = reader(&disk, info.clone()).verify();
        assert!(matches!(found, Err(StorageError::Corrupt { .. })), "byte {at}: {found:?}");
    }
}

#[test]
fn every_cut_is_noticed() {
    let (schema, info, bytes) = small();
    for length in 0..bytes.len() {
        assert_damage(read(&schema, &info, bytes[..length].to_vec()), &format!("cut to {length}"));
    }
}

#[test]
fn a_manifest_that_tells_otherwise_is_noticed() {
    let (schema, info, bytes) = small();
    let others = [
        SegmentInfo { table: 8, ..info.clone() },
        SegmentInfo { schema_version: 2, ..info.clone() },
        SegmentInfo { rows: 61, ..info.clone() },
        SegmentInfo { min_time: -1, ..info.clone() },
        SegmentInfo { max_time: 0, ..info.clone() },
        SegmentInfo { footer_crc: !info.footer_crc, ..info.clone() },
    ];
    for other in others {
        assert_damage(read(&schema, &other, bytes.clone()), &format!("{other:?}"));
    }
    let missing = reader(&MemoryDisk::default(), info).groups().unwrap_err();
    assert!(matches!(missing, StorageError::Io { path, .. } if path == "seg/0000000000000005.seg"));
}

#[test]
fn a_newer_file_says_so() {
    let (schema, info, mut bytes) = small();
    bytes[8] = 9;
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    let newer = read(&schema, &info, bytes).unwrap_err();
    assert!(matches!(newer, StorageError::NewerFormat { found: 9, known: 1, .. }), "{newer}");
}

/// The same file with one more section.
fn with_section(info: &SegmentInfo, bytes: &[u8], flags: u16) -> (SegmentInfo, Vec<u8>) {
    let trailer_at = bytes.len() - TRAILER_BYTES;
    let trailer = Trailer::decode("x", 0, &bytes[trailer_at..]).unwrap();
    let directory_at = trailer.directory_offset as usize;
    let mut sections = directory::decode(&bytes[directory_at..trailer_at]).unwrap();
    let payload = b"of a later day";
    let crc = crc32fast::hash(payload);
    let extent = Extent { offset: directory_at as u64, bytes: payload.len() as u64, crc };
    sections.push(Section { tag: *b"LATR", flags, version: 4, extent });
    let directory = directory::encode(&sections);
    let body = [&bytes[..directory_at], payload].concat();
    let trailer = Trailer {
        directory_offset: body.len() as u64,
        directory_bytes: directory.len() as u32,
        directory_crc: crc32fast::hash(&directory),
        segment_bytes: (body.len() + directory.len() + TRAILER_BYTES) as u64,
        ..trailer
    };
    let info =
        SegmentInfo { bytes: trailer.segment_bytes, footer_crc: trailer.directory_crc, ..info.clone() };
    (info, [body, directory, trailer.encode()].concat())
}

#[test]
fn an_unknown_section_is_passed_over_unless_it_is_required() {
    let (schema, info, bytes) = small();
    let (optional, extended) = with_section(&info, &bytes, 0);
    let rows = read(&schema, &optional, extended.clone()).unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 60);
    let disk = MemoryDisk::with(&optional.path(), extended);
    reader(&disk, optional).verify().unwrap();
    let (required, extended) = with_section(&info, &bytes, REQUIRED);
    let refused = read(&schema, &required, extended).unwrap_err();
    assert!(matches!(refused, StorageError::NewerFormat { found: 4, known: 0, .. }), "{refused}");
}
