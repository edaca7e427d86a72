//! Opening a directory: manifest, segments, WAL, and a flush that makes all of it one again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commit::Committer;
use super::flush::{Frozen, next_manifest, remove_superfluous, remove_wal_below, write_segments};
use super::options::EngineOptions;
use super::state::State;
use crate::batch::CatalogChange;
use crate::catalog::Catalog;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::schema::TableId;
use crate::segment::SegmentReader;
use crate::snapshot::TableData;
use crate::wal::{self, LoggedBatch, WAL_DIR, WalWriter};
use crate::writers::Writers;

/// Where segments lie, and where those go that no manifest names.
const SEGMENT_DIR: &str = "seg";
const TRASH_DIR: &str = "trash";
/// How long a file stays in the trash: a day, in nanoseconds.
const TRASH_NANOS: i64 = 86_400 * 1_000_000_000;
/// A WAL file of at most this many bytes holds no frame.
const FRAMELESS_WAL_BYTES: u64 = 64;

/// What is durable, as the engine remembers it.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) manifest: Manifest,
    pub(super) manifest_bytes: u64,
    /// The greatest version ever tried: a publication that failed may still be there after a crash.
    pub(super) manifest_version: u64,
    pub(super) next_segment_id: u64,
}

/// A directory, read whole.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) committer: Committer,
    pub(super) files: Files,
    pub(super) next_table_id: TableId,
}

/// Makes the directories, and a first WAL and manifest where there is none.
pub(super) fn prepare(disk: &dyn Disk) -> Result<()> {
    for dir in [WAL_DIR, SEGMENT_DIR] {
        disk.create_dir(dir).map_err(|e| StorageError::io("create directory", dir, e))?;
    }
    Ok(())
}

/// Reads the directory. Ends with a manifest that names a fresh WAL file and no other: whatever the log held is in
/// segments then, so recovery can be cut short and repeated any number of times.
///
/// What is read here need not be durable: a process that was killed leaves bytes and names that were never synced, a
/// failed sync leaves bytes that never will be. So until that manifest is published, nothing is removed that an
/// earlier one names, and the fresh WAL file says nothing of the one before.
pub(super) fn load(disk: &Arc<dyn Disk>, options: &EngineOptions) -> Result<Loaded> {
    let (before, before_bytes) = match manifest::load(&**disk)? {
        Some(found) => found,
        None => begin(disk)?,
    };
    let mut replay = Replay::new(disk, &before)?;
    let log =
        wal::recover(&**disk, before.wal_first, before.wal_first_seq, &mut |seq, payload, path, offset| {
            replay.apply(seq, wal::decode_batch(payload, path, offset)?, path, offset)
        })?;
    let number = log.greatest_number.saturating_add(1);
    let wal = WalWriter::create(disk.clone(), number, None, log.last_seq + 1)?;
    let mut files = Files {
        manifest_version: before.version,
        next_segment_id: before.next_segment_id.max(unused_segment_id(&**disk)?),
        manifest: before,
        manifest_bytes: before_bytes,
    };
    let Replay { mut state, writers, next_table_id, .. } = replay;
    state.seq = log.last_seq;
    flush_replayed(disk, &mut files, &mut state, &writers, number, next_table_id)?;
    sweep(&**disk, &files.manifest, options.clock.now_nanos())?;
    let committer = Committer { wal, writers, greatest_number: number, failed: None };
    Ok(Loaded { state, committer, files, next_table_id })
}

/// The first manifest of a new directory. The WAL file comes before it, so that every manifest names one that is.
fn begin(disk: &Arc<dyn Disk>) -> Result<(Manifest, u64)> {
    if !segment_files(&**disk)?.is_empty() {
        return Err(StorageError::corrupt("manifest", 0, "a manifest beside the segments"));
    }
    for name in disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))? {
        let path = format!("{WAL_DIR}/{name}");
        let length =
            disk.open(&path).and_then(|f| f.len()).map_err(|e| StorageError::io("read", &path, e))?;
        if length > FRAMELESS_WAL_BYTES {
            return Err(StorageError::corrupt(
                "manifest",
                0,
                format!("a manifest beside {path}, which holds writes"),
            ));
        }
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    WalWriter::create(disk.clone(), 1, None, 1)?;
    let manifest = Manifest {
        version: 1,
        wal_first: 1,
        wal_first_seq: 1,
        next_table_id: 1,
        next_segment_id: 1,
        ..Manifest::default()
    };
    let bytes = manifest::publish(&**disk, &manifest)?;
    Ok((manifest, bytes))
}

fn segment_files(disk: &dyn Disk) -> Result<Vec<String>> {
    disk.list(SEGMENT_DIR).map_err(|e| StorageError::io("list", SEGMENT_DIR, e))
}

/// An id above those of all files, also of segments that no manifest names.
fn unused_segment_id(disk: &dyn Disk) -> Result<u64> {
    let id = |name: &String| u64::from_str_radix(name.strip_suffix(".seg")?, 16).ok();
    Ok(segment_files(disk)?.iter().filter_map(id).max().map_or(0, |id| id.saturating_add(1)))
}

/// Removes WAL files that are no longer needed, and moves segments that no manifest names to the trash, where a
/// person can still find them for a day.
fn sweep(disk: &dyn Disk, manifest: &Manifest, now: i64) -> Result<()> {
    remove_wal_below(disk, manifest.wal_first)?;
    let named: Vec<String> = manifest.segments.iter().map(crate::segment::SegmentInfo::path).collect();
    let present = segment_files(disk)?;
    let orphans: Vec<String> =
        present.into_iter().filter(|name| !named.contains(&format!("{SEGMENT_DIR}/{name}"))).collect();
    if !orphans.is_empty() {
        disk.create_dir(TRASH_DIR).map_err(|e| StorageError::io("create directory", TRASH_DIR, e))?;
    }
    for name in orphans {
        let (from, to) = (format!("{SEGMENT_DIR}/{name}"), format!("{TRASH_DIR}/{now}-{name}"));
        disk.rename(&from, &to).map_err(|e| StorageError::io("move to the trash", from, e))?;
    }
    for name in disk.list(TRASH_DIR).map_err(|e| StorageError::io("list", TRASH_DIR, e))? {
        let moved_at = name.split_once('-').and_then(|(at, _)| at.parse::<i64>().ok());
        if moved_at.is_none_or(|at| now.saturating_sub(at) > TRASH_NANOS) {
            let path = format!("{TRASH_DIR}/{name}");
            disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
        }
    }
    Ok(())
}

/// The state while the log is played onto what the manifest says.
struct Replay {
    state: State,
    writers: Writers,
    flushed_seq: BTreeMap<TableId, u64>,
    catalog_seq: u64,
    next_table_id: TableId,
}

impl Replay {
    fn new(disk: &Arc<dyn Disk>, manifest: &Manifest) -> Result<Self> {
        let mut state = State::at(manifest.catalog_seq);
        let mut catalog = Catalog { entries: Arc::new(manifest.entries.clone()), ..Catalog::default() };
        for schema in &manifest.tables {
            catalog.put(schema.clone());
        }
        state.catalog = catalog;
        for info in &manifest.segments {
            let data: &mut TableData = state.tables.entry(info.table).or_default();
            Arc::make_mut(&mut data.segments).push(SegmentReader::new(
                crate::segment::SegmentFile::new(disk.clone(), info.file),
                info.clone(),
                Arc::new(crate::series::SeriesRegistry::new()),
            ));
        }
        Ok(Self {
            state,
            writers: manifest.writers.clone(),
            flushed_seq: manifest.flushed_seq.clone(),
            catalog_seq: manifest.catalog_seq,
            next_table_id: manifest.next_table_id.max(1),
        })
    }

    /// Applies one logged batch, each part only above what the manifest already has of it.
    fn apply(&mut self, seq: u64, batch: LoggedBatch, path: &str, offset: u64) -> Result<()> {
        let damaged = |error: StorageError| {
            StorageError::corrupt(path, offset, format!("a batch that fits the catalog ({error})"))
        };
        let fresh = seq > self.catalog_seq;
        let changes = if fresh { batch.catalog } else { Vec::new() };
        self.state.apply(seq, &changes, Vec::new()).map_err(damaged)?;
        for change in &changes {
            if let CatalogChange::CreateTable(schema) | CatalogChange::AlterTable(schema) = change {
                self.next_table_id = self.next_table_id.max(schema.id.saturating_add(1));
            }
        }
        let mut rows = Vec::with_capacity(batch.rows.len());
        for logged in batch.rows.iter().filter(|r| seq > self.flushed_seq.get(&r.table).copied().unwrap_or(0))
        {
            let schema = self.state.catalog.table(logged.table).map_err(damaged)?.clone();
            rows.push((schema.clone(), logged.to_batch(&schema).map_err(damaged)?));
        }
        self.state.apply(seq, &[], rows).map_err(damaged)?;
        if let Some((id, fingerprint)) = batch.writer.filter(|_| fresh) {
            self.writers.applied(&id, fingerprint, batch.written_at);
        }
        Ok(())
    }
}

/// Writes what the log held into segments and publishes the manifest that names the new WAL file; only then the old
/// one goes.
fn flush_replayed(
    disk: &Arc<dyn Disk>,
    files: &mut Files,
    state: &mut State,
    writers: &Writers,
    wal_first: u64,
    next_table_id: TableId,
) -> Result<()> {
    state.freeze();
    let tables = state
        .tables
        .iter()
        .filter_map(|(id, data)| Some((state.catalog.by_id.get(id)?.clone(), data.frozen.clone())));
    let frozen = Frozen {
        seq: state.seq,
        catalog: state.catalog.clone(),
        writers: writers.clone(),
        tables: tables.collect(),
        wal_first,
        next_table_id,
    };
    let segments = write_segments(disk, &frozen, &mut files.next_segment_id)?;
    files.manifest_version += 1;
    let next =
        next_manifest(&files.manifest, files.manifest_version, files.next_segment_id, frozen, &segments);
    files.manifest_bytes = manifest::publish(&**disk, &next)?;
    state.flushed(segments);
    remove_superfluous(&**disk, &files.manifest, &next);
    files.manifest = next;
    Ok(())
}
