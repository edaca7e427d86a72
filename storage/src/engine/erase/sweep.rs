//! What is left of erased rows outside of what is in force: the log before, older manifests, the trash.

use std::collections::HashSet;

use super::{EraseReport, ErasedPlace, PlaceState};
use crate::disk::Disk;
use crate::engine::Inner;
use crate::engine::flush::remove_wal_below;
use crate::engine::open::{SEGMENT_DIR, TRASH_DIR};
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::operations::QUARANTINE_DIR;
use crate::patch::{self, PATCH_DIR};
use crate::segment::SegmentInfo;
use crate::series::SERIES_DIR;
use crate::wal::WAL_DIR;

impl Inner {
    /// Removes every file that the manifest in force does not name, readers or not: whoever has one open reads on. Makes
    /// durable that they are gone. `before` was in force when all began.
    pub(super) fn sweep(&self, before: &Manifest, log_bytes: u64, report: &mut EraseReport) -> Result<()> {
        let no_flush = self.flushing.lock();
        let files = self.files.lock();
        let (disk, now) = (&*self.disk, &*files.manifest);
        remove_wal_below(disk, now.wal_first)?;
        let log_files = now.wal_first.saturating_sub(before.wal_first);
        report.places.push(note("log", WAL_DIR, format!("{log_files} files removed"), log_bytes));
        let (segments, bytes) = remove_unnamed_segments(disk, now)?;
        report.places.push(note(
            "segments not in force",
            SEGMENT_DIR,
            format!("{segments} files removed"),
            bytes,
        ));
        let named: HashSet<String> = now.patch_files().into_iter().map(patch::path_of).collect();
        let (patches, bytes) = remove_all(disk, PATCH_DIR, |path| !named.contains(path))?;
        report.places.push(note(
            "patches not in force",
            PATCH_DIR,
            format!("{patches} files removed"),
            bytes,
        ));
        crate::series::remove_unnamed(disk, &now.series)?;
        let kept = "looked at no closer: they hold tags, by which nothing is erased".to_owned();
        report.places.push(ErasedPlace { state: PlaceState::Kept, ..note("series", SERIES_DIR, kept, 0) });
        let manifests = manifest::remove_others(disk, now.version)?;
        report.places.push(note("older manifests", "manifest.*", format!("{manifests} removed"), 0));
        for dir in [TRASH_DIR, QUARANTINE_DIR] {
            let (files, bytes) = empty(disk, dir)?;
            report.places.push(note("put aside", dir, format!("{files} files removed"), bytes));
        }
        for dir in ["", WAL_DIR, SEGMENT_DIR, PATCH_DIR, SERIES_DIR] {
            disk.sync_dir(dir).map_err(|e| StorageError::io("sync directory", dir, e))?;
        }
        drop(no_flush);
        Ok(())
    }
}

fn note(place: &'static str, path: &str, what: String, bytes_before: u64) -> ErasedPlace {
    ErasedPlace { place, path: path.to_owned(), what, bytes_before, ..ErasedPlace::default() }
}

/// While no flush and no compaction runs, what no manifest names is garbage, or is read by somebody for the last time.
fn remove_unnamed_segments(disk: &dyn Disk, now: &Manifest) -> Result<(usize, u64)> {
    let named: HashSet<String> = now.segments.iter().map(SegmentInfo::path).collect();
    remove_all(disk, SEGMENT_DIR, |path| !named.contains(path))
}

/// Removes what lies in a directory, which need not be there; durably.
fn empty(disk: &dyn Disk, dir: &str) -> Result<(usize, u64)> {
    let removed = remove_all(disk, dir, |_| true)?;
    if removed.0 > 0 {
        disk.sync_dir(dir).map_err(|e| StorageError::io("sync directory", dir, e))?;
    }
    Ok(removed)
}

fn remove_all(disk: &dyn Disk, dir: &str, is_meant: impl Fn(&str) -> bool) -> Result<(usize, u64)> {
    let names = disk.list(dir).map_err(|e| StorageError::io("list", dir, e))?;
    let paths: Vec<String> =
        names.iter().map(|name| format!("{dir}/{name}")).filter(|p| is_meant(p)).collect();
    let mut bytes = 0;
    for path in &paths {
        bytes += disk.open(path).and_then(|file| file.len()).unwrap_or(0);
        match disk.remove(path) {
            // Its last reader may have removed it just now.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StorageError::io("remove", path, error));
            }
            _ => {}
        }
    }
    Ok((paths.len(), bytes))
}
