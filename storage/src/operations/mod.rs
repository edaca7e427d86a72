//! What people who operate a database do with its directory: back it up and restore it, look whether every byte of it
//! is what it must be, and bring a damaged one to open again.
//!
//! All of it goes from [`Disk`](crate::Disk) to `Disk`. [`files`] says which files a manifest names, for all of them.

mod backup;
mod copy;
mod counts;
mod files;
mod log;
mod pin;
mod progress;
mod repair;
mod restore;
mod unmapped;
mod verify;

pub use self::backup::BackupReport;
pub(crate) use self::backup::MARKER as BACKUP_MARKER;
pub(crate) use self::backup::{backup, expect_backup};
pub(crate) use self::files::NAMED_DIRS;
pub(crate) use self::log::LogPiece;
pub(crate) use self::pin::Pinned;
pub use self::progress::{Progress, Report};
pub(crate) use self::repair::QUARANTINE_DIR;
pub use self::repair::{RepairLoss, RepairReport, RepairedPlace, repair};
pub(crate) use self::restore::RESTORING_FILE;
pub use self::restore::{RestoreLedger, RestoreReport, restore};
pub(crate) use self::verify::verify_open;
pub use self::verify::{Damage, Garbage, Verification, verify};
