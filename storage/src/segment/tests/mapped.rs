//! Segments of a disk that maps its files.

use std::borrow::Cow;
use std::sync::Arc;

use super::memory_disk::MemoryDisk;
use super::sample::{read_all, reader, rows, schema, write_segment};
use crate::disk::{Disk, OsDisk};
use crate::error::StorageError;
use crate::segment::{SegmentFile, SegmentInfo, SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

fn mapped(disk: &Arc<OsDisk>, info: &SegmentInfo) -> Arc<SegmentReader> {
    let file = SegmentFile::new(disk.clone(), info.file);
    SegmentReader::new(file, info.clone(), Arc::new(SeriesRegistry::new()))
}

#[test]
fn a_mapped_segment_reads_as_a_copied_one_and_is_not_copied() {
    let root = std::env::temp_dir().join(format!("driftline-mapped-{}", std::process::id()));
    let (schema, memory) = (schema(), MemoryDisk::default());
    let batch = rows(&schema, 0..9_000);
    let info = write_segment(&memory, 5, &schema, &[batch]).unwrap();
    let bytes = memory.bytes(&info.path());
    let disk = Arc::new(OsDisk::new(&root).unwrap());
    disk.create_dir("seg").unwrap();
    disk.publish(&info.path(), &bytes).unwrap();
    let (copied, mapped_one) = (reader(&memory, info.clone()), mapped(&disk, &info));
    let all = |reader: &SegmentReader| read_all(reader, &schema.columns, TimeRange::ALL);
    assert_eq!(all(&mapped_one), all(&copied));
    mapped_one.verify().unwrap();
    assert!(matches!(mapped_one.source().read(0, 16).unwrap(), Cow::Borrowed(_)));
    assert!(matches!(copied.source().read(0, 16).unwrap(), Cow::Owned(_)));

    // Cut before it is opened, it is damage; and so is a flipped byte.
    disk.publish(&info.path(), &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(mapped(&disk, &info).verify(), Err(StorageError::Corrupt { .. })));
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    disk.publish(&info.path(), &flipped).unwrap();
    assert!(matches!(mapped(&disk, &info).verify(), Err(StorageError::Corrupt { .. })));
    assert_eq!(all(&mapped_one), all(&copied), "a file in use stays what it was");
    std::fs::remove_dir_all(root).unwrap();
}
