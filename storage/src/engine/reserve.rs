//! Room on the disk that is kept for the day it is full.
//!
//! A full disk would otherwise be fatal: a flush, which is what makes the log shorter, itself needs room first.

use parking_lot::Mutex;

use crate::disk::Disk;

/// Where the room is kept.
const RESERVE_FILE: &str = "reserve";

/// Gives up the room that this engine or one before it kept; whether there was some.
pub(super) fn give_up(disk: &dyn Disk) -> bool {
    disk.remove(RESERVE_FILE).is_ok()
}

/// A file of zeros, given up when a flush finds the disk full and filled again after one that succeeds.
#[derive(Debug)]
pub(super) struct Reserve {
    bytes: usize,
    /// Whether the file is there in full.
    full: Mutex<bool>,
}

impl Reserve {
    /// Keeps `bytes` on the disk from the first [`Self::fill`] on; 0 keeps none.
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, full: Mutex::new(false) }
    }

    /// Whether the room is there.
    pub(super) fn is_full(&self) -> bool {
        *self.full.lock()
    }

    /// Gives the room up; whether there was some.
    pub(super) fn spend(&self, disk: &dyn Disk) -> bool {
        let mut full = self.full.lock();
        std::mem::take(&mut *full) && give_up(disk)
    }

    /// Looks whether the room is still there: what reads the directory anew may have given it up.
    pub(super) fn look(&self, disk: &dyn Disk) {
        let mut full = self.full.lock();
        *full = *full && disk.open(RESERVE_FILE).is_ok();
    }

    /// Keeps the room, where the disk has it. Nothing depends on it being durable or even there, so errors are not
    /// reported; a file that was cut short is written anew.
    pub(super) fn fill(&self, disk: &dyn Disk) {
        let mut full = self.full.lock();
        if *full || self.bytes == 0 {
            return;
        }
        let length = disk.open(RESERVE_FILE).and_then(|file| file.len());
        *full = length.is_ok_and(|length| length == self.bytes as u64) || self.write(disk).is_ok();
    }

    fn write(&self, disk: &dyn Disk) -> std::io::Result<()> {
        // Where nothing is there yet this fails, which is well.
        let _ = disk.remove(RESERVE_FILE);
        let file = disk.create(RESERVE_FILE)?;
        let written = file.append(&vec![0; self.bytes]).and_then(|()| file.sync());
        if written.is_err() {
            let _ = disk.remove(RESERVE_FILE);
        }
        written
    }
}
