//! Patch files: a header, and one block up to the end.

use crate::disk::ReadFile;
use crate::overlay::HiddenPlace;
use crate::patch::{self, Block, PatchFile, Place};

use super::{disk_of, put_crc};

const HEADER_BYTES: usize = 16;
const BLOCK_HEAD: usize = 16;

/// The file as a manifest would name its one block, first as it is, then with true checksums.
pub fn decode(data: &[u8]) {
    look(data);
    let mut sealed = data.to_vec();
    put_crc(&mut sealed, 12, 0..12);
    look(&sealed);
}

fn look(bytes: &[u8]) {
    let disk = disk_of([(patch::path_of(1), bytes)]);
    let Some(block) = bytes.get(HEADER_BYTES..) else { return };
    let [table, segment] = [block_number(block, 4..8), block_number(block, 8..16)];
    let rows = roaring::RoaringBitmap::deserialize_from(block.get(BLOCK_HEAD..).unwrap_or_default());
    let rows = rows.map_or(1, |rows| rows.len());
    let crc = crc32fast::hash(block);
    let place = Place { file: 1, offset: HEADER_BYTES as u64, bytes: block.len() as u64, crc };
    let hidden = HiddenPlace { place, rows };
    let found = PatchFile::new(disk.clone(), 1).read_hidden(hidden, table as u32, segment);
    let Ok(file) = disk.open(&patch::path_of(1)) else { return };
    check(&*file, Block { table: table as u32, segment, place: hidden }, found.is_ok());
    if let Ok(rows) = found {
        write_again(&rows, table as u32, segment);
    }
    // What a damaged manifest might ask for: memory for it must not be taken before the file is known to have it.
    let absurd = HiddenPlace { place: Place { bytes: crate::limits::PATCH_BLOCK_BYTES_MAX, ..place }, rows };
    assert!(PatchFile::new(disk, 1).read_hidden(absurd, table as u32, segment).is_err());
}

/// Both ways to read a block judge it alike.
fn check(file: &dyn ReadFile, block: Block, is_good: bool) {
    let damage = patch::check(&patch::path_of(1), file, &[block]);
    assert_eq!(damage.is_empty(), is_good, "{damage:?}");
}

fn write_again(rows: &roaring::RoaringBitmap, table: u32, segment: u64) {
    let disk = disk_of([]);
    let written = patch::PatchWriter::create(&*disk, 1).and_then(|mut writer| {
        let place = writer.hidden(table, segment, rows)?;
        writer.finish()?;
        PatchFile::new(disk, 1).read_hidden(place, table, segment)
    });
    assert!(written.is_ok_and(|again| again == *rows), "rows written again read otherwise");
}

fn block_number(block: &[u8], at: std::ops::Range<usize>) -> u64 {
    let bytes = block.get(at).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
