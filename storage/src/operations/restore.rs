//! A backup becomes a data directory again.

use std::any::Any;
use std::sync::Arc;

use super::copy::{copy, list, make_dirs, sync_dirs};
use super::files::{NAMED_DIRS, named_files, newest_version};
use super::log::{LogPiece, check_log, log_pieces};
use super::progress::{Meter, Report};
use crate::disk::Disk;
use crate::engine::lock;
use crate::error::{Result, StorageError};
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
}

/// Copies the database behind `source` to the empty directory behind `target`, and checks every checksum of the copy.
///
/// The manifest comes last: a restore that is cut short leaves a directory that is no database. `source` is a backup,
/// or any data directory that nobody has open; what its log holds comes along.
///
/// # Errors
/// [`StorageError::Invalid`] where the target is not empty or the source is no database, [`StorageError::Corrupt`]
/// where the source is damaged.
pub fn restore(
    source: &Arc<dyn Disk>,
    target: &Arc<dyn Disk>,
    report: &mut Report<'_>,
) -> Result<RestoreReport> {
    newest_version(&**source)?;
    let _source = lock_to_read(&**source)?;
    let (manifest, _) = manifest::read(&**source, newest_version(&**source)?)?;
    expect_empty(&**target)?;
    let _target = lock(&**target)?;
    make_dirs(&**target, &NAMED_DIRS)?;
    make_dirs(&**target, &[WAL_DIR])?;
    let copied = copy_files(&**source, &manifest, target, report)?;
    check_log(&**target, &manifest)?;
    // Here is the place for what must not come back: rows that were erased after the backup was made. All files are
    // there and checked, none counts before the manifest that is about to be published.
    manifest::publish(&**target, &manifest)?;
    Ok(RestoreReport {
        seq: manifest.catalog_seq,
        tables: manifest.tables.len() as u64,
        rows: manifest.shown_rows(),
        ..copied
    })
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
