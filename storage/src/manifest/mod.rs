//! The manifest: which segments, tables and writers are in force, as one numbered, checksummed file.
//!
//! Byte map: `docs/format/manifest.md`. A named manifest is complete by construction (temporary file, sync, rename,
//! sync of the directory), so one that fails its checksum is damage, not a reason to fall back to an older one.

mod codec;
pub(crate) mod fuzzing;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::disk::Disk;
use crate::distribution::Lattice;
use crate::error::{Result, StorageError};
use crate::overlay::HiddenPlace;
use crate::patch::{Block, BlockContent, LabelPlace, Place};
use crate::schema::{ColumnId, TableId, TableSchema};
use crate::segment::SegmentInfo;
use crate::series::SeriesPlaces;
use crate::writers::Writers;

/// Manifests kept beside the one in force, for people who look.
const OLD_KEPT: usize = 2;

/// Everything that is durable outside the WAL.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// Its number; the greatest is in force.
    pub(crate) version: u64,
    /// Catalog and writers are those after this write.
    pub(crate) catalog_seq: u64,
    /// The first WAL file that is still needed.
    pub(crate) wal_first: u64,
    /// The first sequence in it.
    pub(crate) wal_first_seq: u64,
    pub(crate) next_table_id: TableId,
    pub(crate) next_segment_id: u64,
    pub(crate) tables: Vec<Arc<TableSchema>>,
    /// Rows of a table up to this write are in segments.
    pub(crate) flushed_seq: BTreeMap<TableId, u64>,
    pub(crate) entries: BTreeMap<String, Arc<[u8]>>,
    pub(crate) segments: Vec<SegmentInfo>,
    pub(crate) writers: Writers,
    /// On what lattices the summaries of a table's columns count.
    pub(crate) lattices: BTreeMap<TableId, BTreeMap<ColumnId, Lattice>>,
    /// Which bytes of which series files count.
    pub(crate) series: SeriesPlaces,
    /// Where the hidden rows of segments are written down, by segment.
    pub(crate) hidden: BTreeMap<u64, HiddenPlace>,
    /// Where labels of their rows are, by segment and column; those of one column in the order of writing.
    pub(crate) labels: BTreeMap<(u64, ColumnId), Vec<LabelPlace>>,
    /// What it knows of erasures.
    pub(crate) erasures: Erasures,
}

/// What a manifest knows of the ledger, and who must be told what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erasures {
    /// Entries that the ledger has at least.
    pub(crate) entries: u64,
    /// Directories with backups, as the machine that made them names them.
    pub(crate) backups: Vec<String>,
}

impl Manifest {
    /// Rows that queries can show once the log is replayed, its own left out.
    pub(crate) fn shown_rows(&self) -> u64 {
        let all: u64 = self.segments.iter().map(|segment| segment.rows).sum();
        all - self.hidden.values().map(|hidden| hidden.rows).sum::<u64>()
    }

    /// Forgets what is said of segments that are not named.
    pub(crate) fn forget_others(&mut self) {
        let named: HashSet<u64> = self.segments.iter().map(|segment| segment.id).collect();
        self.hidden.retain(|segment, _| named.contains(segment));
        self.labels.retain(|(segment, _), _| named.contains(segment));
    }

    /// The blocks of patch files it names, by the number of the file.
    pub(crate) fn patch_blocks(&self) -> BTreeMap<u64, Vec<Block>> {
        let tables: BTreeMap<u64, TableId> = self.segments.iter().map(|s| (s.id, s.table)).collect();
        let mut blocks: BTreeMap<u64, Vec<Block>> = BTreeMap::new();
        for (segment, place, content) in self.patches() {
            let Some(table) = tables.get(&segment) else { continue };
            blocks.entry(place.file).or_default().push(Block { table: *table, segment, place, content });
        }
        blocks
    }

    fn patches(&self) -> impl Iterator<Item = (u64, Place, BlockContent)> {
        let hidden = |(segment, hidden): (&u64, &HiddenPlace)| {
            (*segment, hidden.place, BlockContent::Hidden { rows: hidden.rows })
        };
        let labels = |(segment, column, place): (u64, ColumnId, &LabelPlace)| {
            (segment, place.place, BlockContent::Labels { column, entries: place.entries })
        };
        let all = self.labels.iter();
        let all = all.flat_map(|((segment, column), places)| {
            places.iter().map(move |place| (*segment, *column, place))
        });
        self.hidden.iter().map(hidden).chain(all.map(labels))
    }

    /// The numbers of the patch files it names.
    pub(crate) fn patch_files(&self) -> BTreeSet<u64> {
        self.patches().map(|(_, place, _)| place.file).collect()
    }
}

/// Where the manifest of a number lies.
pub(crate) fn path_of(version: u64) -> String {
    format!("manifest.{version:020}")
}

fn version_of(name: &str) -> Option<u64> {
    name.strip_prefix("manifest.")?.parse().ok()
}

/// The numbers of the manifests present, least first. Changes nothing.
pub(crate) fn present(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list("").map_err(|e| StorageError::io("list", disk.root(), e))?;
    Ok(versions_in(&names))
}

fn versions_in(names: &[String]) -> Vec<u64> {
    let mut versions: Vec<u64> = names.iter().filter_map(|name| version_of(name)).collect();
    versions.sort_unstable();
    versions
}

/// The manifest of a number, and its file's bytes. Changes nothing.
pub(crate) fn read(disk: &dyn Disk, version: u64) -> Result<(Manifest, Vec<u8>)> {
    let path = path_of(version);
    let bytes = disk.read(&path).map_err(|e| StorageError::io("read", &path, e))?;
    let manifest = codec::decode(&bytes, &path)?;
    if manifest.version != version {
        let expected = format!("version {version}, found {}", manifest.version);
        return Err(StorageError::corrupt(path, 16, expected));
    }
    Ok((manifest, bytes))
}

/// The file of a manifest.
pub(crate) fn encode(manifest: &Manifest) -> Vec<u8> {
    codec::encode(manifest)
}

/// The versions present, least first; leftovers of publications that were cut short are removed.
fn versions(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list("").map_err(|e| StorageError::io("list", disk.root(), e))?;
    for name in names.iter().filter(|name| name.starts_with("manifest.") && name.ends_with(".tmp")) {
        disk.remove(name).map_err(|e| StorageError::io("remove", name, e))?;
    }
    Ok(versions_in(&names))
}

/// The manifest in force, and the length of its file; none in a directory that has none.
pub(crate) fn load(disk: &dyn Disk) -> Result<Option<(Manifest, u64)>> {
    let Some(version) = versions(disk)?.pop() else { return Ok(None) };
    let (manifest, bytes) = read(disk, version)?;
    Ok(Some((manifest, bytes.len() as u64)))
}

/// Makes `manifest` the one in force; the length of its file. Its version must be above every version tried before.
pub(crate) fn publish(disk: &dyn Disk, manifest: &Manifest) -> Result<u64> {
    let bytes = codec::encode(manifest);
    let path = path_of(manifest.version);
    disk.publish(&path, &bytes).map_err(|e| {
        // On a full disk half a file would be in the way of the next.
        let _ = disk.remove(&format!("{path}.tmp"));
        StorageError::io("publish", &path, e)
    })?;
    Ok(bytes.len() as u64)
}

/// Removes all but that of this version.
pub(crate) fn remove_others(disk: &dyn Disk, kept: u64) -> Result<usize> {
    let others: Vec<u64> = versions(disk)?.into_iter().filter(|version| *version != kept).collect();
    for version in &others {
        let path = path_of(*version);
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    Ok(others.len())
}

/// Removes all but the newest few. Called only once a newer one is durable.
pub(crate) fn remove_old(disk: &dyn Disk) -> Result<()> {
    let versions = versions(disk)?;
    for version in versions.iter().rev().skip(OLD_KEPT + 1) {
        let path = path_of(*version);
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    Ok(())
}
