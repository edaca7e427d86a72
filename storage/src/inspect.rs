//! Looks for a text in every byte of a directory, whatever form it has there: for people who want to see with their own
//! eyes that something is gone, and for tests that do.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;

use crate::disk::Disk;
use crate::distribution::Distribution;
use crate::engine::TRASH_DIR;
use crate::error::{Result, StorageError};
use crate::limits::INSPECTED_FRAME_BYTES_MAX;
use crate::manifest::{self, Manifest};
use crate::operations::{NAMED_DIRS, QUARANTINE_DIR};
use crate::patch::{self, BlockContent, LabelBlock, LabelPlace, LabelsOf, PatchFile};
use crate::schema::{Column, ColumnId, ColumnType, Role, TableSchema};
use crate::segment::{SegmentFile, SegmentReader};
use crate::series::{self, SeriesRegistry};
use crate::wal::WAL_DIR;

/// How a zstd frame begins.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The places where a text is, by file: among the bytes as they lie, in anything compressed among them, as hexadecimal
/// digits; and in every segment that any manifest of the directory names: in pages and their dictionaries, tags, last
/// rows, summaries and late labels. Reads everything, and takes no lock.
///
/// # Errors
/// What the disk refuses. A segment that cannot be read is looked at as bytes only.
pub fn find_text(disk: &Arc<dyn Disk>, text: &str) -> Result<Vec<String>> {
    let mut found = BTreeSet::new();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    for path in files(&**disk)? {
        let bytes = disk.read(&path).map_err(|e| StorageError::io("read", &path, e))?;
        if holds(&bytes, text.as_bytes()) || holds(&bytes, hex.as_bytes()) {
            found.insert(format!("{path}, as it lies"));
        }
        if is_in_frames(&bytes, text.as_bytes()) {
            found.insert(format!("{path}, compressed"));
        }
    }
    for version in manifest::present(&**disk)? {
        let Ok((manifest, _)) = manifest::read(&**disk, version) else { continue };
        find_in_segments(disk, &manifest, text, &mut found);
        find_in_labels(disk, &manifest, text, &mut found);
    }
    Ok(found.into_iter().collect())
}

/// Every file of the directories that the engine uses.
fn files(disk: &dyn Disk) -> Result<Vec<String>> {
    let dirs = ["", WAL_DIR, TRASH_DIR, QUARANTINE_DIR, "spill"].into_iter().chain(NAMED_DIRS);
    let mut paths = Vec::new();
    for dir in dirs {
        for name in disk.list(dir).map_err(|e| StorageError::io("list", dir, e))? {
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            // A directory has no length.
            if disk.open(&path).and_then(|file| file.len()).is_ok() && disk.read(&path).is_ok() {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// Wherever a frame may begin it is unpacked as far as it goes.
fn is_in_frames(bytes: &[u8], wanted: &[u8]) -> bool {
    let starts = bytes.windows(4).enumerate().filter(|(_, part)| *part == ZSTD_MAGIC);
    starts.into_iter().any(|(at, _)| {
        let mut plain = Vec::new();
        if let Ok(frame) = zstd::stream::read::Decoder::new(&bytes[at..]) {
            // What is no frame ends with an error; what came before counts.
            let _ = frame.single_frame().take(INSPECTED_FRAME_BYTES_MAX).read_to_end(&mut plain);
        }
        holds(&plain, wanted)
    })
}

fn find_in_segments(disk: &Arc<dyn Disk>, manifest: &Manifest, text: &str, found: &mut BTreeSet<String>) {
    let registry = Arc::new(SeriesRegistry::new());
    for (number, bytes) in &manifest.series.0 {
        let read = disk.read(&series::path_of(*number)).unwrap_or_default();
        let counted = usize::try_from(*bytes).unwrap_or(usize::MAX).min(read.len());
        let _ = series::survey(*number, &read[..counted], &registry);
    }
    for info in &manifest.segments {
        let Some(schema) = manifest.tables.iter().find(|schema| schema.id == info.table) else { continue };
        let file = SegmentFile::new(disk.clone(), info.file);
        let segment = SegmentReader::new(file, info.clone(), registry.clone());
        let mut note = |what: &str| {
            found.insert(format!("{}, {what} of segment {}", info.path(), info.id));
        };
        let columns: Vec<Column> = columns(schema);
        if is_in_pages(&segment, &columns, text).unwrap_or(false) {
            note("a page");
        }
        let last = segment.last_rows(&columns).ok().flatten();
        if last.is_some_and(|last| last.batch.columns().iter().any(|array| is_in(array, text))) {
            note("a last row");
        }
        if columns.iter().any(|column| is_in_summaries(&segment, column.id, text).unwrap_or(false)) {
            note("a summary");
        }
    }
}

fn find_in_labels(disk: &Arc<dyn Disk>, manifest: &Manifest, text: &str, found: &mut BTreeSet<String>) {
    for (number, blocks) in manifest.patch_blocks() {
        let file = PatchFile::new(disk.clone(), number);
        for block in blocks {
            let BlockContent::Labels { column, entries } = block.content else { continue };
            let of = LabelsOf { table: block.table, segment: block.segment, column };
            let block = LabelBlock::new(of, LabelPlace { place: block.place, entries }, file.clone());
            let read = block.read(&(0..u32::MAX), false).unwrap_or_default();
            let mut note = |what: &str| {
                found.insert(format!("{}, {what} of segment {}", patch::path_of(number), of.segment));
            };
            if read.iter().any(|labels| is_in(&labels.values, text)) {
                note("a label");
            }
            if block.counts().is_ok_and(|counts| counts.texts().any(|class| class.contains(text))) {
                note("a count of labels");
            }
        }
    }
}

/// Those whose values can be a text.
fn columns(schema: &TableSchema) -> Vec<Column> {
    let is_text = |column: &&Column| matches!(column.ty, ColumnType::Text | ColumnType::Json);
    schema.columns.iter().filter(is_text).filter(|column| column.role != Role::Time).cloned().collect()
}

fn is_in_pages(segment: &SegmentReader, columns: &[Column], text: &str) -> Result<bool> {
    for group in 0..segment.row_groups()? {
        let rows = segment.read_whole(group, columns)?;
        if rows.columns().iter().any(|array| is_in(array, text)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in(array: &ArrayRef, text: &str) -> bool {
    let values = array.as_string_opt::<i32>();
    values.is_some_and(|values| values.iter().flatten().any(|value| value.contains(text)))
}

fn is_in_summaries(segment: &SegmentReader, column: ColumnId, text: &str) -> Result<bool> {
    let Some(summaries) = segment.encoded_summaries(column)? else { return Ok(false) };
    for unit in summaries.units() {
        if let Some(Distribution::Categorical(counts)) = summaries.get(unit)?
            && counts.counts().keys().any(|category| category.contains(text))
        {
            return Ok(true);
        }
    }
    Ok(false)
}
