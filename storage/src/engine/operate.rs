//! Backup and verification of an engine at work.

use std::sync::Arc;

use super::flush::Choice;
use super::open::Files;
use super::{Engine, Inner};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::ledger::Ledger;
use crate::limits::BACKUPS_KNOWN_MAX;
use crate::operations::{self, BackupReport, LogPiece, Pinned, Report, Verification};
use crate::wal;

impl Engine {
    /// Flushes, and copies this moment to the directory behind `target`, which is empty or holds an earlier backup of
    /// this database: then only what is new is copied. Writers and readers go on meanwhile. The copy opens as a data
    /// directory, and is read by [`crate::restore`].
    ///
    /// # Errors
    /// [`StorageError::InUse`] where another backup has the directory, [`StorageError::Invalid`] where it holds
    /// something else, [`StorageError::Corrupt`] where what is to be copied is damaged. The earlier backup stays.
    pub fn backup(&self, target: &Arc<dyn Disk>, report: &mut Report<'_>) -> Result<BackupReport> {
        self.expect_open()?;
        operations::expect_backup(&**target)?;
        self.inner.flush(Choice::All)?;
        let ledger = self.inner.remember_backup(&target.root())?;
        let pinned = self.inner.flush_and_pin()?;
        operations::backup(&pinned, &ledger, target, report)
    }

    /// Reads every byte of this moment and checks every checksum, while writers and readers go on. With `deep`
    /// summaries are compared with a count of the rows too.
    pub fn verify(&self, deep: bool, report: &mut Report<'_>) -> Result<Verification> {
        self.expect_open()?;
        let (pinned, log) = self.inner.pin_with_log()?;
        operations::verify_open(&pinned, &log, deep, report)
    }

    /// The same as [`Engine::compact`] for one table.
    ///
    /// # Errors
    /// [`StorageError::UnknownTable`] where there is none of this name.
    pub fn compact_table(&self, name: &str) -> Result<()> {
        let table = self.snapshot().table(name).map(|schema| schema.id);
        let table = table.ok_or_else(|| StorageError::UnknownTable(name.to_owned()))?;
        self.flush()?;
        self.inner.compact_all(Some(table))
    }

    pub(super) fn expect_open(&self) -> Result<()> {
        if self.inner.is_closed() { Err(StorageError::Closed) } else { Ok(()) }
    }
}

impl Inner {
    /// Notes in the manifest where a backup is about to be, before it is one: whatever is erased from now on is told
    /// there. Gives the ledger that the backup takes along, made where there is none yet.
    fn remember_backup(&self, directory: &str) -> Result<Ledger> {
        let _alone = self.erasing.lock();
        let ledger = match Ledger::load(&*self.disk)? {
            Some(ledger) => ledger,
            None => {
                let ledger = Ledger::new(&*self.disk);
                ledger.publish(&*self.disk)?;
                ledger
            }
        };
        let no_flush = self.flushing.lock();
        let known = self.files.lock().manifest.erasures.backups.clone();
        if known.iter().any(|known| known == directory) {
            return Ok(ledger);
        }
        if known.len() >= BACKUPS_KNOWN_MAX {
            return Err(StorageError::TooLarge {
                what: "the number of directories with backups",
                size: known.len() as u64 + 1,
                limit: BACKUPS_KNOWN_MAX as u64,
                remedy: "back up to a directory that has an earlier backup",
            });
        }
        let next = |files: &Files| {
            let mut next = (*files.manifest).clone();
            next.erasures.backups.push(directory.to_owned());
            Ok(next)
        };
        self.publish(&no_flush, next, |_| Vec::new())?;
        Ok(ledger)
    }

    /// A moment whose rows are all in segments. Flushes again, under the lock: another flush since may have taken some
    /// tables only.
    fn flush_and_pin(&self) -> Result<Pinned> {
        let mut series = self.flushing.lock();
        self.try_flush(&mut series, Choice::All)?;
        self.pin()
    }

    /// What the manifest in force names. To be called with `flushing` held: series files go in a flush.
    fn pin(&self) -> Result<Pinned> {
        let files = self.files.lock();
        let segments = self.state.lock().named_segments();
        Pinned::new(&self.disk, files.manifest.clone(), segments)
    }

    /// A moment, and what its log holds, with the number of bytes of each file that count.
    fn pin_with_log(&self) -> Result<(Pinned, Vec<LogPiece>)> {
        let _series = self.flushing.lock();
        let committer = self.committer.lock();
        let pinned = self.pin()?;
        let mut log = Vec::new();
        for (number, _) in &committer.wal_files {
            let path = wal::path_of(*number);
            let file = self.disk.open(&path).map_err(|e| StorageError::io("open", &path, e))?;
            let is_last = *number == committer.wal.number();
            log.push(LogPiece { number: *number, file, end: is_last.then(|| committer.wal.len()) });
        }
        Ok((pinned, log))
    }
}
