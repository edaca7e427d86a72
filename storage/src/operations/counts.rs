//! Counts of late labels against the labels themselves (C7).

use std::sync::Arc;

use super::unmapped::Unmapped;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::label::{Counter, Entries, LabelCounts};
use crate::manifest::Manifest;
use crate::patch::{self, LabelBlock, LabelPlace, LabelsOf, PatchFile};
use crate::schema::{ColumnId, TableSchema};
use crate::segment::{SegmentFile, SegmentInfo, SegmentReader};
use crate::series::SeriesRegistry;

/// Reads all late labels and counts them anew; an error for each segment and column whose blocks say something else.
/// Of files without other damage.
pub(super) fn recount_labels(manifest: &Manifest, disk: &Arc<dyn Disk>) -> Vec<StorageError> {
    let recount = |((segment, column), places): (&(u64, ColumnId), &Vec<LabelPlace>)| {
        let info = manifest.segments.iter().find(|info| info.id == *segment)?;
        let schema = manifest.tables.iter().find(|schema| schema.id == info.table)?;
        differs(disk, info, schema, *column, places).unwrap_or_else(Some)
    };
    manifest.labels.iter().filter_map(recount).collect()
}

fn differs(
    disk: &Arc<dyn Disk>,
    info: &SegmentInfo,
    schema: &TableSchema,
    column: ColumnId,
    places: &[LabelPlace],
) -> Result<Option<StorageError>> {
    let (Some(label), Some(newest)) = (schema.column(column), places.last()) else { return Ok(None) };
    let of = LabelsOf { table: info.table, segment: info.id, column };
    let file = |place: &LabelPlace| PatchFile::new(disk.clone(), place.place.file);
    let blocks: Vec<_> = places.iter().map(|place| LabelBlock::new(of, *place, file(place))).collect();
    let (mut written, mut entries) = (LabelCounts::default(), Vec::new());
    for block in &blocks {
        written.merge(block.counts()?);
        entries.extend(block.read(&(0..u32::MAX), true)?);
    }
    let file = SegmentFile::new(Arc::new(Unmapped(disk.clone())), info.file);
    let segment = SegmentReader::new(file, info.clone(), Arc::new(SeriesRegistry::new()));
    let counter = Counter::new(&segment, schema, label)?;
    let counted = match Entries::join(&entries)? {
        Some(entries) => counter.change(&[], &entries)?,
        None => LabelCounts::default(),
    };
    let (path, at) = (patch::path_of(newest.place.file), newest.place.offset);
    let expected = format!("the counts that the labels of segment {} in column {} give", info.id, label.name);
    Ok((!counted.agrees(&written)).then(|| StorageError::corrupt(&*path, at, expected)))
}
