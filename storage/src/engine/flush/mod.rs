//! Flush: memtables become segments, the manifest names them, the WAL before them goes.

mod hide;
mod label;
mod layout;
mod order;
mod patch;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) use self::patch::{Counted, PatchOut};
pub(super) use self::write::{Context, Fresh, open_segments, write_segments};
use super::Inner;
use super::commit::Committer;
use super::open::Files;
use super::state::{FrozenTable, State};
use crate::catalog::Catalog;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits;
use crate::manifest::{self, Manifest};
use crate::overlay::HiddenPlace;
use crate::patch::{self as patches, LabelBlock, PATCH_DIR};
use crate::schema::TableId;
use crate::segment::{SegmentInfo, SegmentReader};
use crate::series::{SeriesFiles, SeriesPlaces};
use crate::wal::{self, WAL_DIR};
use crate::writers::Writers;

/// A moment set aside to be written: rows of some tables up to `seq`, and what the log must keep for the others.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) seq: u64,
    pub(super) catalog: Catalog,
    pub(super) writers: Writers,
    pub(super) tables: Vec<FrozenTable>,
    /// Up to which write the rows of each table will be in segments.
    pub(super) flushed_seq: BTreeMap<TableId, u64>,
    /// The first WAL file still needed, and the first sequence in it.
    pub(super) wal: (u64, u64),
    pub(super) next_table_id: u32,
}

/// The manifest after the flush.
pub(super) fn next_manifest(files: &Files, frozen: Frozen, fresh: &Fresh, series: SeriesPlaces) -> Manifest {
    let before = &*files.manifest;
    let is_there = |table: &TableId| frozen.catalog.by_id.contains_key(table);
    let mut hidden = before.hidden.clone();
    hidden.extend(fresh.hidden.iter().map(|h| (h.segment(), h.place)));
    let mut labels = before.labels.clone();
    let places = |blocks: &Vec<Arc<LabelBlock>>| blocks.iter().map(|block| block.place).collect();
    labels.extend(fresh.labels.iter().map(|(key, blocks)| (*key, places(blocks))));
    let is_emptied = |s: &SegmentInfo| hidden.get(&s.id).is_some_and(|hidden| hidden.rows == s.rows);
    let kept = before.segments.iter().filter(|s| is_there(&s.table) && !is_emptied(s)).cloned();
    let segments: Vec<SegmentInfo> = kept.chain(fresh_segments(fresh, &hidden)).collect();
    let mut lattices = before.lattices.clone();
    lattices.retain(|table, _| is_there(table));
    for (table, chosen) in &fresh.lattices {
        lattices.entry(*table).or_default().extend(chosen);
    }
    let mut next = Manifest {
        catalog_seq: frozen.seq,
        wal_first: frozen.wal.0,
        wal_first_seq: frozen.wal.1,
        next_table_id: frozen.next_table_id,
        tables: frozen.catalog.by_id.values().cloned().collect(),
        flushed_seq: frozen.flushed_seq,
        entries: (*frozen.catalog.entries).clone(),
        segments,
        hidden,
        labels,
        writers: frozen.writers,
        lattices,
        series,
        erasures: before.erasures.clone(),
        ..Manifest::default()
    };
    next.forget_others();
    next
}

/// The new segments of a flush. In a recovery, which flushes several times, one may have been emptied since.
fn fresh_segments(fresh: &Fresh, hidden: &BTreeMap<u64, HiddenPlace>) -> Vec<SegmentInfo> {
    let infos = fresh.segments.iter().map(|s| s.info().clone());
    infos.filter(|s| hidden.get(&s.id).is_none_or(|hidden| hidden.rows < s.rows)).collect()
}

/// Removes what a durable manifest has made superfluous. What cannot be removed now is removed at the next open.
pub(super) fn remove_superfluous(disk: &dyn Disk, now: &Manifest) {
    let _ = remove_wal_below(disk, now.wal_first);
    let _ = manifest::remove_old(disk);
    let _ = crate::series::remove_unnamed(disk, &now.series);
}

/// Removes patch files that no manifest names, while nothing else is under way: one being written has no name yet.
pub(super) fn remove_unnamed_patches(disk: &dyn Disk, now: &Manifest) -> Result<()> {
    let named = now.patch_files();
    let names = disk.list(PATCH_DIR).map_err(|e| StorageError::io("list", PATCH_DIR, e))?;
    for number in names.iter().filter_map(|name| patches::number_of(name)).filter(|n| !named.contains(n)) {
        let path = patches::path_of(number);
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    Ok(())
}

/// Gives up the files of segments that the manifest in force names no more: each goes with its last reader.
pub(super) fn retire(gone: &[Arc<SegmentReader>], now: &Manifest) {
    let in_use: HashSet<u64> = now.segments.iter().map(|s| s.file).collect();
    for segment in gone.iter().filter(|s| !in_use.contains(&s.info().file)) {
        segment.file().obsolete();
    }
}

/// Removes the WAL files below the first that is needed, unread.
pub(super) fn remove_wal_below(disk: &dyn Disk, first: u64) -> Result<()> {
    let names = disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))?;
    for number in names.iter().filter_map(|name| wal::number_of(name)).filter(|number| *number < first) {
        let path = wal::path_of(number);
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    Ok(())
}

/// Which tables a flush takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// All that have rows in memory.
    All,
    /// Those that hold up the oldest WAL file, and then the largest until half of all bytes is taken: small tables
    /// wait for company, so that they do not get a file every few seconds.
    Due,
    /// One table and the one that keeps its labels.
    Labelled(TableId),
}

impl Choice {
    /// The tables: of those with rows in memory, and beside labels the table of their rows. Labels that are flushed
    /// without it would be taken for ones whose row has not come.
    fn of(self, state: &State) -> Vec<TableId> {
        let mut tables = self.with_rows(state);
        let beside = |id: &TableId| state.catalog.by_id.get(id)?.labels_of();
        let mut others: Vec<TableId> = tables.iter().filter_map(beside).collect();
        others.retain(|id| state.tables.get(id).is_some() && !tables.contains(id));
        tables.extend(others);
        tables
    }

    fn with_rows(self, state: &State) -> Vec<TableId> {
        if let Self::Labelled(table) = self {
            let labels = state.catalog.labels_of(table).map(|labels| labels.id);
            return std::iter::once(table)
                .chain(labels)
                .filter(|id| state.tables.get(id).is_some())
                .collect();
        }
        let mut tables: Vec<_> = state.tables.iter().filter(|(_, data)| !data.is_flushed()).collect();
        if self == Self::Due {
            tables.sort_by_key(|(_, data)| std::cmp::Reverse(data.memtable_bytes()));
            let enough = state.memtable_bytes() / 2;
            let mut sum = 0;
            let oldest = tables.iter().filter_map(|(_, data)| data.first_seq()).min();
            tables.retain(|(_, data)| {
                let taken = sum < enough || data.first_seq() == oldest || !data.frozen.is_empty();
                sum += data.memtable_bytes();
                taken
            });
        }
        tables.into_iter().map(|(id, _)| *id).collect()
    }
}

impl Inner {
    /// Moves memtables into segments. Reads go on, and so do writes, into fresh memtables and a fresh WAL file.
    pub(super) fn flush(&self, choice: Choice) -> Result<()> {
        let mut series = self.flushing.lock();
        let result = self.try_flush(&mut series, choice).or_else(|error| {
            // The reserve is there for this: a full disk must not keep the log from being made shorter.
            self.spend_reserve(&error).ok_or(error)?;
            self.try_flush(&mut series, choice)
        });
        drop(series);
        self.counters.flushed(&result);
        if result.is_ok() {
            self.reserve.fill(&*self.disk);
        }
        self.flushed.notify_all();
        self.wake_compaction();
        result
    }

    pub(super) fn try_flush(&self, series: &mut SeriesFiles, choice: Choice) -> Result<()> {
        let before = self.files.lock().manifest.clone();
        let Some(frozen) = self.freeze(&before, choice)? else { return Ok(()) };
        let places = series.store(&self.registry)?;
        let context = Context::new(self);
        let fresh = write_segments(&context, &frozen.tables, &before, &Fresh::default())
            .inspect_err(|_| context.discard())?;
        let tables: Vec<TableId> = frozen.tables.iter().map(|table| table.schema.id).collect();
        let published = self.publish(
            series,
            |files| Ok(next_manifest(files, frozen, &fresh, places)),
            |state| state.flushed(&tables, &fresh),
        );
        if published.is_err() && self.is_unnamed() {
            context.discard();
        }
        published?;
        series.published(&self.registry);
        Ok(())
    }

    /// Gives the reserve up where the disk is full; none where that does not help.
    pub(super) fn spend_reserve(&self, error: &StorageError) -> Option<()> {
        (error.is_disk_full() && self.reserve.spend(&*self.disk)).then_some(())
    }

    /// Whether what was written for a manifest that failed is named by none, now and after a crash: the rename that gives
    /// a manifest its name is one step, so one that is not seen was not taken.
    pub(super) fn is_unnamed(&self) -> bool {
        let files = self.files.lock();
        files.manifest_version == files.manifest.version
            || manifest::present(&*self.disk).is_ok_and(|there| !there.contains(&files.manifest_version))
    }

    /// Publishes the manifest that follows the one in force, then changes what is visible; `change` gives the
    /// segments that left. Files that no manifest names any more go.
    ///
    /// Only for who holds the series files: what another flush has written and not yet named would be taken for garbage.
    pub(super) fn publish(
        &self,
        _held: &SeriesFiles,
        next: impl FnOnce(&Files) -> Result<Manifest>,
        change: impl FnOnce(&mut State) -> Vec<Arc<SegmentReader>>,
    ) -> Result<()> {
        let mut files = self.files.lock();
        files.manifest_version += 1;
        let mut next = next(&files)?;
        next.version = files.manifest_version;
        next.next_segment_id = self.next_segment_id.load(Ordering::Relaxed);
        files.manifest_bytes = manifest::publish(&*self.disk, &next)?;
        let gone = {
            let mut state = self.state.lock();
            let mut gone = change(&mut state);
            gone.extend(state.take_dropped(&next));
            files.keep_patches(state.patches());
            gone
        };
        retire(&gone, &next);
        remove_superfluous(&*self.disk, &next);
        self.wal_first.store(next.wal_first, Ordering::Relaxed);
        files.manifest = Arc::new(next);
        Ok(())
    }

    /// Sets a moment aside; none where the manifest already says all there is.
    fn freeze(&self, manifest: &Manifest, choice: Choice) -> Result<Option<Frozen>> {
        let mut committer = self.committer.lock();
        if let Some(reason) = &committer.failed {
            return Err(StorageError::OutcomeUnknown { reason: reason.clone() });
        }
        {
            let state = self.state.lock();
            let has_rows = state.tables.values().any(|data| !data.is_flushed());
            if state.seq == manifest.catalog_seq && !has_rows {
                return Ok(None);
            }
        }
        if !committer.wal.is_empty() {
            committer.rotate()?;
        }
        committer.writers.expire(self.options.clock.now_nanos());
        let mut state = self.state.lock();
        let chosen = choice.of(&state);
        state.freeze(&chosen);
        frozen(&state, &chosen, &mut committer, self.next_table_id.load(Ordering::Relaxed)).map(Some)
    }
}

/// The moment as it stands after `chosen` tables were frozen.
pub(super) fn frozen(
    state: &State,
    chosen: &[TableId],
    committer: &mut Committer,
    next_table_id: u32,
) -> Result<Frozen> {
    let taken: HashSet<TableId> = chosen.iter().copied().collect();
    let waiting =
        |id: &TableId| state.tables.get(id).filter(|_| !taken.contains(id)).and_then(|d| d.first_seq());
    let flushed = |id: &TableId| (*id, waiting(id).map_or(state.seq, |first| first - 1));
    let oldest = state.tables.keys().filter_map(waiting).min().unwrap_or(u64::MAX);
    let tables = state.frozen_tables(chosen)?;
    Ok(Frozen {
        seq: state.seq,
        catalog: state.catalog.clone(),
        writers: committer.writers.clone(),
        tables,
        flushed_seq: state.catalog.by_id.keys().map(flushed).collect(),
        wal: committer.first_needed(oldest),
        next_table_id,
    })
}

/// Segments of a flush below this size share a file.
pub(super) const SHARED_BYTES_MAX: usize = limits::SHARED_SEGMENT_BYTES_MAX;
