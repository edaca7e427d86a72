//! Patch files: a header, and one block up to the end.

use std::ops::Range;

use crate::disk::ReadFile;
use crate::label::{Entries, LabelCounts};
use crate::overlay::HiddenPlace;
use crate::patch::{
    self, Block, BlockContent, LabelBlock, LabelBuilder, LabelPlace, LabelsOf, PatchFile, Place, RANGE_ROWS,
};

use super::{disk_of, put_crc};

const HEADER_BYTES: usize = patch::HEADER_BYTES;
const BLOCK_HEAD: usize = 16;
const KIND_LABELS: u64 = 2;
/// Of a block of labels: its head up to the ranges, and one of these.
const LABELS_HEAD: usize = 40;
const RANGE_BYTES: usize = 24;

/// The file as a manifest would name its one block, first as it is, then with true checksums.
pub fn decode(data: &[u8]) {
    look(data);
    let mut sealed = data.to_vec();
    put_crc(&mut sealed, 12, 0..12);
    seal_ranges(&mut sealed);
    look(&sealed);
}

fn look(bytes: &[u8]) {
    let Some(block) = bytes.get(HEADER_BYTES..) else { return };
    match number(block, 0..4) {
        KIND_LABELS => look_at_labels(bytes, block),
        _ => look_at_hidden(bytes, block),
    }
}

fn look_at_hidden(bytes: &[u8], block: &[u8]) {
    let disk = disk_of([(patch::path_of(1), bytes)]);
    let (table, segment) = (number(block, 4..8) as u32, number(block, 8..16));
    let rows = roaring::RoaringBitmap::deserialize_from(block.get(BLOCK_HEAD..).unwrap_or_default());
    let rows = rows.map_or(1, |rows| rows.len());
    let place = place_of(block, block.len());
    let hidden = HiddenPlace { place, rows };
    let found = PatchFile::new(disk.clone(), 1).read_hidden(hidden, table, segment);
    let Ok(file) = disk.open(&patch::path_of(1)) else { return };
    let content = BlockContent::Hidden { rows };
    check(&*file, Block { table, segment, place, content }, found.is_ok());
    if let Ok(rows) = found {
        write_again(&rows, table, segment);
    }
    // What a damaged manifest might ask for: memory for it must not be taken before the file is known to have it.
    let absurd = HiddenPlace { place: Place { bytes: crate::limits::PATCH_BLOCK_BYTES_MAX, ..place }, rows };
    assert!(PatchFile::new(disk, 1).read_hidden(absurd, table, segment).is_err());
}

fn look_at_labels(bytes: &[u8], block: &[u8]) {
    let disk = disk_of([(patch::path_of(1), bytes)]);
    let of = LabelsOf {
        table: number(block, 4..8) as u32,
        segment: number(block, 8..16),
        column: number(block, 16..20) as u32,
    };
    let entries = ranges(block).map(|at| number(block, at + 4..at + 8)).sum();
    let labels = LabelPlace { place: place_of(block, head_bytes(block)), entries };
    let block = LabelBlock::new(of, labels, PatchFile::new(disk.clone(), 1));
    let (read, counts) = (block.read(&(0..u32::MAX), true), block.counts());
    let Ok(file) = disk.open(&patch::path_of(1)) else { return };
    let content = BlockContent::Labels { column: of.column, entries };
    let (table, segment, place) = (of.table, of.segment, labels.place);
    check(&*file, Block { table, segment, place, content }, read.is_ok() && counts.is_ok());
    if let Ok(counts) = counts {
        let again = LabelCounts::decode(&counts.clone().encode());
        assert!(again.is_ok_and(|again| again == counts), "counts written again read otherwise");
    }
    if let Ok(parts) = read {
        label_again(of, labels, &parts, &PatchFile::new(disk, 1));
    }
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

fn label_again(of: LabelsOf, labels: LabelPlace, parts: &[Entries], file: &std::sync::Arc<PatchFile>) {
    let Ok(ty) = LabelBlock::new(of, labels, file.clone()).ty() else { return };
    let Ok(Some(all)) = Entries::join(parts) else { return };
    let disk = disk_of([]);
    let mut builder = LabelBuilder::new(of, ty);
    for rows in all.rows.chunk_by(|a, b| a / RANGE_ROWS == b / RANGE_ROWS) {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
        builder.push(first / RANGE_ROWS, &all.within(&(*first..last.saturating_add(1))));
    }
    let written = patch::PatchWriter::create(&*disk, 1).and_then(|mut writer| {
        let place = writer.labels(builder)?.unwrap_or(labels);
        writer.finish()?;
        LabelBlock::new(of, place, PatchFile::new(disk, 1)).read(&(0..u32::MAX), true)
    });
    let again = written.and_then(|parts| Entries::join(&parts)).ok().flatten();
    let is_same = |again: &Entries| {
        (&again.rows, &again.arrivals) == (&all.rows, &all.arrivals)
            && again.values.to_data() == all.values.to_data()
    };
    assert!(again.as_ref().is_some_and(is_same), "labels written again read otherwise");
}

/// Where the block lies, with the checksum of its first so many bytes.
fn place_of(block: &[u8], head: usize) -> Place {
    let crc = crc32fast::hash(block.get(..head).unwrap_or(block));
    Place { file: 1, offset: HEADER_BYTES as u64, bytes: block.len() as u64, crc }
}

/// Where the ranges stand in the head of a block of labels, as far as the block goes.
fn ranges(block: &[u8]) -> impl Iterator<Item = usize> + use<> {
    let fit = block.len().saturating_sub(LABELS_HEAD) / RANGE_BYTES;
    let count = usize::try_from(number(block, 32..36)).unwrap_or(usize::MAX).min(fit);
    (0..count).map(|at| LABELS_HEAD + at * RANGE_BYTES)
}

fn head_bytes(block: &[u8]) -> usize {
    LABELS_HEAD + ranges(block).count() * RANGE_BYTES
}

/// Gives the ranges of a block of labels the checksums of what lies where they say.
fn seal_ranges(file: &mut [u8]) {
    let Some(block) = file.get_mut(HEADER_BYTES..) else { return };
    if number(block, 0..4) != KIND_LABELS {
        return;
    }
    let counts = head_bytes(block)..head_bytes(block) + number(block, 28..32) as usize;
    if let Some(crc) = block.get(counts).map(crc32fast::hash) {
        block[36..40].copy_from_slice(&crc.to_le_bytes());
    }
    for at in ranges(block) {
        let (offset, length) = (number(block, at + 12..at + 16), number(block, at + 16..at + 20));
        let (start, end) = (offset as usize, (offset + length) as usize);
        if let Some(crc) = block.get(start..end).map(crc32fast::hash) {
            block[at + 20..at + 24].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

fn number(block: &[u8], at: Range<usize>) -> u64 {
    let bytes = block.get(at).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
