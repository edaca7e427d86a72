//! Files from one disk to another.

use super::progress::Meter;
use crate::disk::{Disk, ReadFile};
use crate::error::{Result, StorageError};
use crate::limits::COPY_CHUNK_BYTES;

/// The name a file has while it is copied; nobody takes it for the file.
const TEMPORARY: &str = ".tmp";

/// Copies the first `bytes` of a file to `path`, in place of what may be there: the bytes are durable before they get
/// the name. The name is durable after `sync_dir`.
pub(super) fn copy(
    from: &dyn ReadFile,
    bytes: u64,
    to: &dyn Disk,
    path: &str,
    meter: &mut Meter<'_>,
) -> Result<()> {
    let temporary = format!("{path}{TEMPORARY}");
    match to.remove(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StorageError::io("remove", temporary, error));
        }
        _ => {}
    }
    let file = to.create(&temporary).map_err(|e| StorageError::io("create", &temporary, e))?;
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(COPY_CHUNK_BYTES)];
    let mut at = 0;
    while at < bytes {
        let count = (bytes - at).min(buffer.len() as u64);
        let chunk = &mut buffer[..count as usize];
        from.read_at(at, chunk).map_err(|e| StorageError::io("read", path, e))?;
        file.append(chunk).map_err(|e| StorageError::io("append to", &temporary, e))?;
        at += count;
        meter.add(path, count);
    }
    file.sync().map_err(|e| StorageError::io("sync", &temporary, e))?;
    to.rename(&temporary, path).map_err(|e| StorageError::io("rename", &temporary, e))
}

/// Makes directories, each with those above it.
pub(super) fn make_dirs(disk: &dyn Disk, dirs: &[&str]) -> Result<()> {
    let make = |dir: &&str| disk.create_dir(dir).map_err(|e| StorageError::io("create directory", *dir, e));
    dirs.iter().try_for_each(make)
}

/// Makes the names in directories durable.
pub(super) fn sync_dirs(disk: &dyn Disk, dirs: &[&str]) -> Result<()> {
    let sync = |dir: &&str| disk.sync_dir(dir).map_err(|e| StorageError::io("sync directory", *dir, e));
    dirs.iter().try_for_each(sync)
}

/// The names in a directory.
pub(super) fn list(disk: &dyn Disk, dir: &str) -> Result<Vec<String>> {
    disk.list(dir).map_err(|e| StorageError::io("list", dir, e))
}
