//! The segments: which are whole, and what is lost with the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::report::Loss;
use super::{is_damage, table_name};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::manifest::Manifest;
use crate::operations::files::NamedFile;
use crate::schema::SeriesId;
use crate::segment::{SegmentInfo, SegmentReader};
use crate::series::SeriesRegistry;

/// A segment that cannot stay, and why.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) info: SegmentInfo,
    pub(super) damage: Vec<StorageError>,
}

/// Reads every byte of the segments of a file; those that are damaged.
pub(super) fn look(disk: &Arc<dyn Disk>, file: &NamedFile) -> Result<Vec<Bad>> {
    let mut bad = Vec::new();
    let missing = file.open(&**disk).err();
    for reader in file.readers(disk) {
        let damage = match &missing {
            Some(error) => vec![error.again()],
            None => reader.damage(),
        };
        if let Some(error) = damage.iter().find(|error| !is_damage(error)) {
            // Not damaged but newer: another build has to look at it.
            return Err(error.again());
        }
        if !damage.is_empty() {
            bad.push(Bad { info: reader.info().clone(), damage });
        }
    }
    Ok(bad)
}

/// Takes over the tags that a compacted segment has of its series. Those that contradict what is known are left.
pub(super) fn take_tags(reader: &SegmentReader, registry: &SeriesRegistry) -> Result<()> {
    let Some(tags) = reader.tags()? else { return Ok(()) };
    for (series, tags) in tags.iter() {
        let tags: Vec<_> = tags.collect();
        if !tags.is_empty() {
            let _ = registry.define_one(series, reader.info().table, &tags);
        }
    }
    Ok(())
}

/// A segment with rows whose tags nobody knows any more: they would pass for rows without tags.
pub(super) fn look_for_unknown(reader: &SegmentReader, registry: &SeriesRegistry) -> Result<Option<Bad>> {
    let series: BTreeSet<SeriesId> = reader.cells()?.series.iter().copied().collect();
    let unknown: Vec<SeriesId> = series.into_iter().filter(|id| !registry.is_known(*id)).collect();
    let Some(first) = unknown.first() else { return Ok(None) };
    let info = reader.info().clone();
    let expected =
        format!("rows whose tags are known, found {} series without (the first: {first})", unknown.len());
    let damage = vec![StorageError::corrupt(info.path(), info.offset, expected)];
    Ok(Some(Bad { info, damage }))
}

impl Bad {
    pub(super) fn lost(&self, manifest: &Manifest) -> Loss {
        Loss {
            table: table_name(manifest, self.info.table),
            rows: self.info.rows - manifest.hidden.get(&self.info.id).map_or(0, |hidden| hidden.rows),
            time: Some(self.info.time()),
        }
    }
}
