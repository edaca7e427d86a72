//! Where damaged files are kept for people: under their own paths, below one directory. Nothing is ever removed there.

use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::operations::copy::{copy, make_dirs};
use crate::operations::progress::Meter;

/// The directory.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
/// Files of one path that are kept beside each other.
const NAMESAKES_MAX: u32 = 1_000;

/// Copies a file to the quarantine, durable when this returns; well where it is there already, as an earlier repair
/// that was cut short leaves it, and where it is gone or the disk cannot read it any more.
pub(super) fn keep(disk: &dyn Disk, path: &str, meter: &mut Meter<'_>) -> Result<()> {
    let Ok((file, bytes)) = disk.open(path).and_then(|file| Ok((file.clone(), file.len()?))) else {
        return Ok(());
    };
    let Some(to) = free_path(disk, path, bytes)? else { return Ok(()) };
    let dir = dir_of(&to);
    make_dirs(disk, &[dir])?;
    match copy(&*file, bytes, disk, &to, meter) {
        Err(StorageError::Io { action: "read", .. }) => Ok(()),
        copied => copied.and_then(|()| sync(disk, dir)),
    }
}

/// Takes a file away of which a copy is kept; the file itself, if it could not be copied.
pub(super) fn take_away(disk: &dyn Disk, path: &str) -> Result<()> {
    let bytes = match disk.open(path).and_then(|file| file.len()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        length => length.unwrap_or(u64::MAX),
    };
    let Some(to) = free_path(disk, path, bytes)? else {
        return disk.remove(path).map_err(|e| StorageError::io("remove", path, e));
    };
    make_dirs(disk, &[dir_of(&to)])?;
    disk.rename(path, &to).map_err(|e| StorageError::io("move to the quarantine", path, e))?;
    sync(disk, dir_of(&to))
}

fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(QUARANTINE_DIR, |(dir, _)| dir)
}

fn sync(disk: &dyn Disk, dir: &str) -> Result<()> {
    disk.sync_dir(dir).map_err(|e| StorageError::io("sync directory", dir, e))
}

/// Where a file goes; none where one of its length is there.
fn free_path(disk: &dyn Disk, path: &str, bytes: u64) -> Result<Option<String>> {
    for copy in 0..NAMESAKES_MAX {
        let to = match copy {
            0 => format!("{QUARANTINE_DIR}/{path}"),
            copy => format!("{QUARANTINE_DIR}/{path}.{copy}"),
        };
        match disk.open(&to).and_then(|file| file.len()) {
            Ok(length) if length == bytes => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(to)),
            Err(error) => return Err(StorageError::io("open", to, error)),
        }
    }
    Err(StorageError::Invalid(format!(
        "{QUARANTINE_DIR} holds {NAMESAKES_MAX} files of {path}; move them away"
    )))
}

/// Where a person finds it.
pub(super) fn place() -> &'static str {
    QUARANTINE_DIR
}
