//! Opening a directory: manifest, segments, WAL, and a flush that makes all of it one again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::commit::Committer;
use super::flush::{
    Context, Fresh, frozen, next_manifest, remove_superfluous, remove_unnamed_patches, remove_wal_below,
    write_segments,
};
use super::options::EngineOptions;
use super::replay::{Replay, Replayed};
use super::reserve;
use super::state::State;
use crate::budget::MemoryBudget;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::patch::{self, PATCH_DIR, PatchFile};
use crate::schema::TableId;
use crate::segment::{self, SegmentInfo};
use crate::series::{SERIES_DIR, SeriesFiles, SeriesRegistry};
use crate::wal::{self, Recovered, WAL_DIR, WalWriter};

/// Where segments lie, and where those go that no manifest names.
pub(super) const SEGMENT_DIR: &str = "seg";
pub(crate) const TRASH_DIR: &str = "trash";
/// How long a file stays in the trash: a day, in nanoseconds.
const TRASH_NANOS: i64 = 86_400 * 1_000_000_000;

/// What is durable, as the engine remembers it.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) manifest: Arc<Manifest>,
    pub(super) manifest_bytes: u64,
    /// The greatest version ever tried: a publication that failed may still be there after a crash.
    pub(super) manifest_version: u64,
    /// The patch files it names.
    patches: BTreeMap<u64, Arc<PatchFile>>,
}

impl Files {
    /// These patch files are named now; each that is not any more goes with its last reader.
    pub(super) fn keep_patches(&mut self, named: BTreeMap<u64, Arc<PatchFile>>) {
        let before = std::mem::replace(&mut self.patches, named);
        let gone = before.iter().filter(|(number, _)| !self.patches.contains_key(number));
        gone.for_each(|(_, file)| file.obsolete());
    }
}

/// A directory, read whole.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) committer: Committer,
    pub(super) files: Files,
    pub(super) series: SeriesFiles,
    pub(super) next_table_id: TableId,
}

/// What outlives a mending: ids given away by one state hold in the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lasting<'a> {
    pub(super) disk: &'a Arc<dyn Disk>,
    pub(super) options: &'a EngineOptions,
    pub(super) budget: &'a Arc<MemoryBudget>,
    pub(super) registry: &'a Arc<SeriesRegistry>,
    pub(super) next_segment_id: &'a AtomicU64,
}

impl Lasting<'_> {
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            disk: self.disk,
            registry: self.registry,
            next_id: self.next_segment_id,
            threads: self.options.threads,
            taken: Mutex::default(),
        }
    }
}

/// Makes the directories, and a first WAL and manifest where there is none.
pub(super) fn prepare(disk: &dyn Disk) -> Result<()> {
    for dir in [WAL_DIR, SEGMENT_DIR, SERIES_DIR, PATCH_DIR] {
        disk.create_dir(dir).map_err(|e| StorageError::io("create directory", dir, e))?;
    }
    Ok(())
}

/// Reads the directory; where there is no room to end that, once more with the room kept for it.
pub(super) fn load(lasting: &Lasting<'_>) -> Result<Loaded> {
    try_load(lasting).or_else(|error| match error.is_disk_full() && reserve::give_up(&**lasting.disk) {
        true => try_load(lasting),
        false => Err(error),
    })
}

/// Reads the directory. Ends with a manifest that names a fresh WAL file and no other: whatever the log held is in
/// segments then, so recovery can be cut short and repeated any number of times.
///
/// What is read here need not be durable: a process that was killed leaves bytes and names that were never synced, a
/// failed sync leaves bytes that never will be. So until that manifest is published, nothing is removed that an
/// earlier one names, and the fresh WAL file says nothing of the one before.
fn try_load(lasting: &Lasting<'_>) -> Result<Loaded> {
    let disk = lasting.disk;
    let (before, before_bytes) = match manifest::load(&**disk)? {
        Some(found) => found,
        None => begin(disk)?,
    };
    lasting.next_segment_id.fetch_max(before.next_segment_id, Ordering::Relaxed);
    lasting.next_segment_id.fetch_max(unused_segment_id(&**disk)?, Ordering::Relaxed);
    check_segment_files(&**disk, &before)?;
    lasting.registry.forget_logged();
    let series = SeriesFiles::open(disk, &before.series, lasting.registry)?;
    let (log, replayed) = replay(lasting, &before)?;
    let number = log.greatest_number.saturating_add(1);
    let wal = WalWriter::create(disk.clone(), number, None, log.last_seq + 1)?;
    let files = Files {
        manifest_version: before.version,
        manifest: Arc::new(before),
        manifest_bytes: before_bytes,
        patches: BTreeMap::new(),
    };
    let Replayed { state, writers, next_table_id, spilled } = replayed;
    let committer = Committer {
        wal_files: vec![(number, log.last_seq + 1)],
        wal,
        writers,
        greatest_number: number,
        unsynced_since: None,
        failed: None,
    };
    let mut loaded = Loaded { state, committer, files, series, next_table_id };
    loaded.flush(lasting, spilled)?;
    Ok(loaded)
}

/// Plays the log onto what the manifest says.
fn replay(lasting: &Lasting<'_>, before: &Manifest) -> Result<(Recovered, Replayed)> {
    std::thread::scope(|scope| {
        let mut replay = Replay::new(lasting, before);
        let mut take = |logged: wal::Logged<'_>| {
            replay.apply(logged, wal::decode_batch(logged)?)?;
            replay.spill(scope)
        };
        let log = wal::recover(
            &**lasting.disk,
            before.wal_first,
            before.wal_first_seq,
            lasting.registry,
            &mut take,
        )?;
        Ok((log, replay.finish(log.last_seq)?))
    })
}

/// Every segment that the manifest names has its file; what is in it is checked when it is first read.
fn check_segment_files(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let present: HashSet<String> = segment_files(disk)?.into_iter().collect();
    let missing = |s: &&SegmentInfo| !present.contains(&s.path()[SEGMENT_DIR.len() + 1..]);
    match manifest.segments.iter().find(missing) {
        None => Ok(()),
        Some(info) => Err(StorageError::corrupt(info.path(), 0, "the file that the manifest names")),
    }
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
        if length > wal::HEADER_BYTES as u64 {
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
    let segments = segment_files(disk)?;
    let patches = disk.list(PATCH_DIR).map_err(|e| StorageError::io("list", PATCH_DIR, e))?;
    let patches = patches.iter().filter_map(|name| patch::number_of(name));
    Ok(segments
        .iter()
        .filter_map(|name| segment::number_of(name))
        .chain(patches)
        .max()
        .map_or(0, |id| id.saturating_add(1)))
}

/// Removes WAL files that are no longer needed, and moves segments that no manifest names to the trash, where a
/// person can still find them for a day.
pub(super) fn sweep(disk: &dyn Disk, manifest: &Manifest, now: i64) -> Result<()> {
    remove_wal_below(disk, manifest.wal_first)?;
    crate::series::remove_unnamed(disk, &manifest.series)?;
    remove_unnamed_patches(disk, manifest)?;
    let named: HashSet<String> = manifest.segments.iter().map(SegmentInfo::path).collect();
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

/// Writes all memtables of a state into segments and puts these in their place.
fn write_state(
    lasting: &Lasting<'_>,
    state: &mut State,
    manifest: &Manifest,
    spilled: &Fresh,
) -> Result<Fresh> {
    let tables: Vec<TableId> = state.tables.keys().copied().collect();
    state.freeze(&tables);
    let context = lasting.context();
    let fresh = write_segments(&context, &state.frozen_tables(&tables)?, manifest, spilled)
        .inspect_err(|_| context.discard())?;
    state.flushed(&tables, &fresh);
    Ok(fresh)
}

impl Loaded {
    /// Writes what the log held into segments and publishes the manifest that names the new WAL file; only then the
    /// old one goes.
    fn flush(&mut self, lasting: &Lasting<'_>, mut spilled: Fresh) -> Result<()> {
        let places = self.series.store(lasting.registry)?;
        let fresh = write_state(lasting, &mut self.state, &self.files.manifest, &spilled)?;
        spilled.extend(fresh);
        let frozen = frozen(&self.state, &[], &mut self.committer, self.next_table_id)?;
        self.files.manifest_version += 1;
        let mut next = next_manifest(&self.files, frozen, &spilled, places);
        next.version = self.files.manifest_version;
        next.next_segment_id = lasting.next_segment_id.load(Ordering::Relaxed);
        self.files.manifest_bytes = manifest::publish(&**lasting.disk, &next)?;
        self.series.published(lasting.registry);
        remove_superfluous(&**lasting.disk, &next);
        self.files.keep_patches(self.state.patches());
        self.files.manifest = Arc::new(next);
        Ok(())
    }
}
