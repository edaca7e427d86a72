//! What goes wrong, and at which calls.

use std::io;

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call does nothing and answers that the device failed.
    Eio,
    /// The call does nothing and answers that the disk is full.
    Enospc,
    /// Part of the bytes land, then the disk is full. Calls other than `append` do nothing, as with `Enospc`.
    ShortWrite,
    /// A sync fails and some of what it should have made durable is lost, though it stays readable until the power
    /// goes; the next sync reports success. Other calls do nothing, as with `Eio`.
    FailedSync,
}

/// A call to a [`super::SimDisk`], as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimCall {
    /// Its number since boot.
    pub number: u64,
    /// What was asked for.
    pub action: SimAction,
    /// The file or directory; of a rename the new name.
    pub path: String,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimAction {
    /// `Disk::create`.
    Create,
    /// `AppendFile::append`.
    Append,
    /// `AppendFile::sync`.
    Sync,
    /// `Disk::rename`.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::sync_dir`.
    SyncDir,
    /// `Disk::create_dir`.
    CreateDir,
    /// `Disk::lock`.
    Lock,
    /// A call that changes nothing: open, list, length, read.
    Read,
}

/// A fault that meets every call on the paths it is meant for.
pub(super) struct Outage {
    pub(super) fault: Fault,
    pub(super) meets: Box<dyn Fn(&str) -> bool + Send>,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Eio | Self::FailedSync => io::Error::other("simulated failure of the device"),
            Self::Enospc | Self::ShortWrite => {
                io::Error::new(io::ErrorKind::StorageFull, "simulated full disk")
            }
        }
    }
}
