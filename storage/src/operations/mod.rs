//! What people who operate a database do with its directory: back it up and restore it, look whether every byte of it
//! is what it must be, and bring a damaged one to open again.
//!
//! All of it goes from [`Disk`](crate::Disk) to `Disk`. [`files`] says which files a manifest names, for all of them.

mod backup;
mod copy;
mod files;
mod log;
mod pin;
mod progress;
mod repair;
mod restore;
mod unmapped;
mod verify;

pub use self::backup::BackupReport;
pub(crate) use self::backup::backup;
pub(crate) use self::log::LogPiece;
pub(crate) use self::pin::Pinned;
pub use self::progress::{Progress, Report};
pub use self::repair::{RepairLoss, RepairReport, RepairedPlace, repair};
pub use self::restore::{RestoreReport, restore};
pub(crate) use self::verify::verify_open;
pub use self::verify::{Damage, Garbage, Verification, verify};
