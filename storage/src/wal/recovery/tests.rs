use std::sync::Arc;

use super::*;
use crate::disk::SimDisk;
use crate::wal::{Piece, WalWriter};

/// The payloads of a log, or why it is refused.
fn read(disk: &SimDisk) -> Result<Vec<Vec<u8>>> {
    let mut payloads = Vec::new();
    recover(disk, 1, 1, &SeriesRegistry::new(), &mut |Logged { payload, .. }| {
        payloads.push(payload.to_vec());
        Ok(())
    })?;
    Ok(payloads)
}

fn log() -> (SimDisk, WalWriter) {
    let disk = SimDisk::new(7);
    disk.create_dir(WAL_DIR).unwrap();
    let writer = WalWriter::create(Arc::new(disk.clone()), 1, None, 1).unwrap();
    (disk, writer)
}

fn append(writer: &mut WalWriter, payload: &[u8]) {
    let piece = Piece { definitions: b"", batch: payload, has_changes: false };
    writer.append([piece].into_iter()).unwrap();
    writer.sync().unwrap();
}

/// A directory with the same names and one file's bytes changed.
fn altered(disk: &SimDisk, path: &str, change: impl Fn(&mut Vec<u8>)) -> SimDisk {
    let copy = SimDisk::new(8);
    copy.create_dir(WAL_DIR).unwrap();
    for name in disk.list(WAL_DIR).unwrap() {
        let name = format!("{WAL_DIR}/{name}");
        let mut bytes = disk.read(&name).unwrap();
        if name == path {
            change(&mut bytes);
        }
        let file = copy.create(&name).unwrap();
        file.append(&bytes).unwrap();
    }
    copy
}

#[test]
fn reads_back_over_rotations() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    writer.rotate(2).unwrap();
    append(&mut writer, b"two");
    writer.rotate(5).unwrap();
    append(&mut writer, b"three");
    assert_eq!(read(&disk).unwrap(), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
}

#[test]
fn cuts_a_torn_tail() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    append(&mut writer, b"two");
    let torn = altered(&disk, &path_of(1), |bytes| bytes.truncate(bytes.len() - 3));
    assert_eq!(read(&torn).unwrap(), [b"one".to_vec()]);
}

#[test]
fn refuses_when_a_later_frame_proves_an_acknowledgement() {
    let (disk, mut writer) = log();
    for payload in [b"one", b"two", b"six"] {
        append(&mut writer, payload);
    }
    // The third frame was written when the second was durable, so the second's damage is not a torn tail.
    let at = HEADER_BYTES + 40 + 8;
    let damaged = altered(&disk, &path_of(1), |bytes| bytes[at] ^= 1);
    let error = read(&damaged).unwrap_err();
    assert!(
        matches!(&error, StorageError::Corrupt { path, offset, .. } if *path == path_of(1) && *offset == (HEADER_BYTES + 40) as u64),
        "{error}"
    );
}

#[test]
fn refuses_damage_in_a_file_that_has_a_successor() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    writer.rotate(2).unwrap();
    let damaged = altered(&disk, &path_of(1), |bytes| bytes[HEADER_BYTES + 33] ^= 1);
    assert!(matches!(read(&damaged), Err(StorageError::Corrupt { .. })));
    let cut = altered(&disk, &path_of(1), |bytes| bytes.truncate(HEADER_BYTES + 8));
    assert!(matches!(read(&cut), Err(StorageError::Corrupt { .. })));
}

#[test]
fn ignores_what_a_failed_append_left_once_the_next_file_says_so() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    writer.rotate(2).unwrap();
    append(&mut writer, b"two");
    let with_rest = altered(&disk, &path_of(1), |bytes| bytes.extend_from_slice(b"half a frame of nothing"));
    assert_eq!(read(&with_rest).unwrap(), [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn passes_by_a_file_whose_birth_was_cut_short() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    disk.create(&path_of(2)).unwrap().append(b"half a header").unwrap();
    assert_eq!(read(&disk).unwrap(), [b"one".to_vec()]);
    writer.rotate(3).unwrap();
    append(&mut writer, b"two");
    assert_eq!(read(&disk).unwrap(), [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn names_a_missing_file_and_a_newer_format() {
    let (disk, mut writer) = log();
    append(&mut writer, b"one");
    writer.rotate(2).unwrap();
    append(&mut writer, b"two");
    disk.remove(&path_of(1)).unwrap();
    let error = read(&disk).unwrap_err();
    assert!(error.to_string().contains(&path_of(1)), "{error}");

    let (disk, _writer) = log();
    let newer = altered(&disk, &path_of(1), |bytes| {
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    });
    assert!(matches!(read(&newer), Err(StorageError::NewerFormat { found: 9, .. })));
}
