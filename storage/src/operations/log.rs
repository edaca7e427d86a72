//! The log, looked at and not changed.

use std::sync::Arc;

use super::copy::list;
use super::progress::Meter;
use crate::disk::{Disk, ReadFile};
use crate::error::{Result, StorageError};
use crate::manifest::Manifest;
use crate::series::SeriesRegistry;
use crate::wal::{self, WAL_DIR, survey};

/// A file of the log, open.
#[derive(Debug)]
pub(crate) struct LogPiece {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn ReadFile>,
    /// How many of its bytes count, where that is known; else a later file says so, or it is the last.
    pub(crate) end: Option<u64>,
}

/// Reads the log as an opening would.
pub(super) fn check_log(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let mut decode = |logged: wal::Logged<'_>| wal::decode_batch(logged).map(drop);
    let registry = SeriesRegistry::new();
    wal::recover(disk, manifest.wal_first, manifest.wal_first_seq, &registry, &mut decode).map(drop)
}

/// The files of the log from the first that is needed.
pub(super) fn log_pieces(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<LogPiece>> {
    let numbers: Vec<u64> = list(disk, WAL_DIR)?.iter().filter_map(|name| wal::number_of(name)).collect();
    let piece = |number: u64| {
        let path = wal::path_of(number);
        let file = disk.open(&path).map_err(|e| StorageError::io("open", path, e))?;
        Ok(LogPiece { number, file, end: None })
    };
    numbers.into_iter().filter(|number| *number >= manifest.wal_first).map(piece).collect()
}

impl LogPiece {
    fn path(&self) -> String {
        wal::path_of(self.number)
    }

    pub(super) fn len(&self) -> Result<u64> {
        self.file.len().map_err(|e| StorageError::io("read", self.path(), e))
    }

    fn read(&self, bytes_max: u64) -> Result<Vec<u8>> {
        let count = self.len()?.min(bytes_max);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(usize::MAX)];
        self.file.read_at(0, &mut bytes).map_err(|e| StorageError::io("read", self.path(), e))?;
        Ok(bytes)
    }
}

/// Every damaged place in these files, which follow on one another.
pub(super) fn damage(pieces: &[LogPiece], meter: &mut Meter<'_>) -> Result<Vec<StorageError>> {
    let head = |piece: &LogPiece| Ok(survey::previous(piece.number, &piece.read(wal::HEADER_BYTES as u64)?));
    let heads = pieces.iter().map(head).collect::<Result<Vec<_>>>()?;
    // Of several files that go on where one ends the last counts: those before it were given up without a frame.
    let stated = |number: u64| heads.iter().rev().flatten().find(|(previous, _)| *previous == number);
    let mut damage = Vec::new();
    for piece in pieces {
        let end = piece.end.or_else(|| stated(piece.number).map(|(_, end)| *end));
        let bytes = piece.read(end.unwrap_or(u64::MAX))?;
        damage.extend(survey::damage(piece.number, &bytes, end));
        meter.add(&piece.path(), bytes.len() as u64);
    }
    Ok(damage)
}
