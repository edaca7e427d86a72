//! A backup becomes a data directory again.

use std::any::Any;
use std::sync::Arc;

use super::copy::{copy, list, make_dirs, sync_dirs};
use super::files::{NAMED_DIRS, named_files, newest_version};
use super::log::{LogPiece, check_log, log_pieces};
use super::progress::{Meter, Report};
use crate::disk::Disk;
use crate::engine::{Engine, EngineOptions, lock};
use crate::error::{Result, StorageError};
use crate::ledger::{LEDGER_FILE, Ledger};
use crate::manifest::{self, Manifest};
use crate::wal::{self, WAL_DIR};

/// What a restore brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// The last write that is in it.
    pub seq: u64,
    /// Tables.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Files copied.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Rows that were erased again, since they went from the database after the backup was made.
    pub erased_rows: u64,
}

/// What tells a restore which rows must not come back, beside the ledger that lies in the backup.
#[derive(Clone, Debug, Default)]
pub struct RestoreLedger {
    /// A newer ledger of the same database.
    pub ledger: Option<Ledger>,
    /// Whether to go on where there is none at all: then what was erased since the backup comes back.
    pub may_lack: bool,
}

/// Lies in a directory that is being restored and may still hold rows that were erased: nobody opens it.
pub(crate) const RESTORING_FILE: &str = "RESTORING";
const RESTORING_TEXT: &[u8] =
    b"A restore was cut short here, before it had erased what was erased after the backup. Empty this directory and \
      restore again.\n";

/// Copies the database behind `source` to the empty directory behind `target`, and checks every checksum of the copy.
///
/// The manifest comes last: a restore that is cut short leaves a directory that is no database. `source` is a backup,
/// or any data directory that nobody has open; what its log holds comes along. Rows that a ledger says were erased since
/// are erased again, before anybody can open the directory.
///
/// # Errors
/// [`StorageError::LedgerMissing`] where neither the source nor the caller has a ledger,
/// [`StorageError::Invalid`] where the target is not empty or the source is no database, [`StorageError::Corrupt`]
/// where the source is damaged.
pub fn restore(
    source: &Arc<dyn Disk>,
    target: &Arc<dyn Disk>,
    wanted: &RestoreLedger,
    report: &mut Report<'_>,
) -> Result<RestoreReport> {
    newest_version(&**source)?;
    let _source = lock_to_read(&**source)?;
    let (manifest, _) = manifest::read(&**source, newest_version(&**source)?)?;
    let ledger = ledger_for(&**source, &manifest, wanted)?;
    expect_empty(&**target)?;
    let held = lock(&**target)?;
    let is_newer = |ledger: &Ledger| !ledger.entries_after(manifest.erasures.entries).is_empty();
    let is_incomplete = ledger.as_ref().is_some_and(is_newer);
    if is_incomplete {
        publish(&**target, RESTORING_FILE, RESTORING_TEXT)?;
    }
    make_dirs(&**target, &NAMED_DIRS)?;
    make_dirs(&**target, &[WAL_DIR])?;
    let copied = copy_files(&**source, &manifest, target, report)?;
    check_log(&**target, &manifest)?;
    if let Some(ledger) = &ledger {
        ledger.publish(&**target)?;
    }
    manifest::publish(&**target, &manifest)?;
    let mut done = RestoreReport {
        seq: manifest.catalog_seq,
        tables: manifest.tables.len() as u64,
        rows: manifest.shown_rows(),
        ..copied
    };
    drop(held);
    if let Some(ledger) = ledger.filter(|_| is_incomplete) {
        done.erased_rows = erase_again(target, &ledger)?;
        done.rows = manifest::read(&**target, newest_version(&**target)?)?.0.shown_rows();
    }
    Ok(done)
}

/// The ledger of the source, with what the caller's knows beyond it.
fn ledger_for(source: &dyn Disk, manifest: &Manifest, wanted: &RestoreLedger) -> Result<Option<Ledger>> {
    let own = Ledger::load(source)?;
    let found = own.as_ref().map_or(0, Ledger::len) as u64;
    if found < manifest.erasures.entries && !wanted.may_lack {
        let expected = format!("{} entries at least, found {found}", manifest.erasures.entries);
        return Err(StorageError::corrupt(LEDGER_FILE, 0, expected));
    }
    match (own, &wanted.ledger) {
        (Some(mut own), Some(given)) => own.merge(given).map(|()| Some(own)),
        (None, None) if !wanted.may_lack => Err(StorageError::LedgerMissing { path: source.root() }),
        (own, given) => Ok(own.or_else(|| given.clone())),
    }
}

/// Erases what a ledger says from a directory that nobody else opens yet, and opens it to others; how many rows.
fn erase_again(target: &Arc<dyn Disk>, ledger: &Ledger) -> Result<u64> {
    let options =
        EngineOptions { background_flush: false, background_compaction: false, ..EngineOptions::default() };
    let engine = Engine::open_restored(target.clone(), options)?;
    let report = engine.erase_again(ledger)?;
    engine.close()?;
    target.remove(RESTORING_FILE).map_err(|e| StorageError::io("remove", RESTORING_FILE, e))?;
    sync_dirs(&**target, &[""])?;
    Ok(report.rows)
}

fn publish(disk: &dyn Disk, path: &'static str, bytes: &[u8]) -> Result<()> {
    disk.publish(path, bytes).map_err(|e| StorageError::io("publish", path, e))
}

/// Takes a directory that is only read. A medium that cannot be written takes no lock and needs none.
pub(super) fn lock_to_read(disk: &dyn Disk) -> Result<Option<Box<dyn Any + Send + Sync>>> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match lock(disk) {
        Err(StorageError::Io { source, .. })
            if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem) =>
        {
            Ok(None)
        }
        locked => locked.map(Some),
    }
}

fn expect_empty(target: &dyn Disk) -> Result<()> {
    if list(target, "")?.is_empty() {
        return Ok(());
    }
    Err(StorageError::Invalid(format!(
        "{} is not empty; restore into a directory that is empty or does not exist (what an earlier restore left \
         there when it was cut short can be removed)",
        target.root()
    )))
}

fn copy_files(
    source: &dyn Disk,
    manifest: &Manifest,
    target: &Arc<dyn Disk>,
    report: &mut Report<'_>,
) -> Result<RestoreReport> {
    let (files, log) = (named_files(manifest), log_pieces(source, manifest)?);
    let log_bytes = log.iter().map(LogPiece::len).sum::<Result<u64>>()?;
    let bytes = files.iter().map(|file| file.bytes).sum::<u64>() + log_bytes;
    let mut meter = Meter::new(report, bytes);
    for file in &files {
        let from = file.open(source)?;
        let found = from.len().map_err(|e| StorageError::io("read", &file.path, e))?;
        if found < file.bytes {
            let expected = format!("{} bytes, as the manifest says", file.bytes);
            return Err(StorageError::corrupt(&file.path, found, expected));
        }
        copy(&*from, file.bytes, &**target, &file.path, &mut meter)?;
        file.damage(target).into_iter().next().map_or(Ok(()), Err)?;
    }
    for piece in &log {
        copy(&*piece.file, piece.len()?, &**target, &wal::path_of(piece.number), &mut meter)?;
    }
    sync_dirs(&**target, &NAMED_DIRS)?;
    sync_dirs(&**target, &[WAL_DIR])?;
    let files = (files.len() + log.len()) as u64;
    Ok(RestoreReport { files, bytes, ..RestoreReport::default() })
}
