//! Backups that are told what was erased, so that none of them brings it back.

use super::{ErasedPlace, OpenBackup, PlaceState};
use crate::disk::Disk;
use crate::engine::lock;
use crate::error::{Result, StorageError};
use crate::ledger::Ledger;
use crate::operations::BACKUP_MARKER;

/// Puts the ledger into every backup that is known; which of them could not be reached.
pub(super) fn tell(ledger: &Ledger, known: &[String], open: &OpenBackup<'_>) -> Vec<ErasedPlace> {
    let tell = |directory: &String| {
        let outcome = open(directory).map_err(|e| StorageError::io("open", directory, e));
        let (what, state) = match outcome.and_then(|disk| tell_one(ledger, &*disk)) {
            Ok(()) => {
                ("told what was erased; what it holds goes when it is restored".to_owned(), PlaceState::Done)
            }
            Err(error) => {
                (format!("restore it with --ledger, or remove it: {error}"), PlaceState::NotReached)
            }
        };
        ErasedPlace { place: "backup", path: directory.clone(), what, state, ..ErasedPlace::default() }
    };
    known.iter().map(tell).collect()
}

fn tell_one(ledger: &Ledger, disk: &dyn Disk) -> Result<()> {
    disk.open(BACKUP_MARKER).map_err(|e| StorageError::io("find a backup by its", BACKUP_MARKER, e))?;
    let _lock = lock(disk)?;
    put(ledger, disk)
}

/// Puts the ledger into a backup, with what only that one's own knows.
pub(crate) fn put(ledger: &Ledger, disk: &dyn Disk) -> Result<()> {
    let mut all = ledger.clone();
    if let Some(known) = Ledger::load(disk)? {
        all.merge(&known)?;
        if known == all {
            return Ok(());
        }
    }
    all.publish(disk)
}
