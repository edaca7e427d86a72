//! The machine's own file system.
#![expect(clippy::disallowed_methods, reason = "this is the one place that calls the file system")]

use std::any::Any;
use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AppendFile, Disk, Mapped, ReadFile, path};

#[cfg(test)]
mod tests;

/// The machine's file system below one directory.
///
/// Durable means: `fdatasync` or `fsync` returned well. A drive that lies about that is not defended against.
#[derive(Debug)]
pub struct OsDisk {
    root: PathBuf,
}

impl OsDisk {
    /// The directory `root`, made with those above it where it is missing.
    ///
    /// # Errors
    /// What the system says where the directory cannot be made, or `AlreadyExists` where a file is in its place.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = std::path::absolute(root.into())?;
        make_root(&root)?;
        Ok(Self { root })
    }

    /// Where `path` lies on this machine.
    fn at(&self, path: &str) -> io::Result<PathBuf> {
        path::check(path)?;
        Ok(if path.is_empty() { self.root.clone() } else { self.root.join(path) })
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn AppendFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(self.at(path)?)?;
        Ok(Arc::new(OsAppend(file)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(OsRead(File::open(self.at(path)?)?)))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.at(dir)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // All our names are ASCII: one that is not UTF-8 is somebody else's file.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        path::check(dir)?;
        // Also where it exists: whoever made it may have died before the sync of the directory above.
        path::with_parents(dir).try_for_each(|dir| make_dir(&self.root.join(dir)))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        sync_directory(&self.at(dir)?)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(self.at(path)?)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })?;
        // For people who ask whose it is. The lock itself goes with the process, so a stale number does no harm.
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Box::new(file))
    }

    fn random(&self) -> u64 {
        // A salt need only differ from those of older files, so a system without randomness is no reason to stop.
        getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(std::process::id()))
    }

    fn root(&self) -> String {
        self.root.display().to_string()
    }
}

/// A file opened with `O_APPEND`.
#[derive(Debug)]
struct OsAppend(File);

impl AppendFile for OsAppend {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// A file opened for reading.
#[derive(Debug)]
struct OsRead(File);

impl ReadFile for OsRead {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn map(&self) -> io::Result<Option<Mapped>> {
        Mapped::of(&self.0)
    }
}

/// Makes the data directory. Only what is missing is made and synced: the directories above belong to others, who
/// may not let us read them.
fn make_root(root: &Path) -> io::Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    if let Some(above) = root.parent() {
        make_root(above)?;
    }
    make_dir(root)
}

/// Makes one directory durably; well where it exists.
fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        other => other?,
    }
    dir.parent().map_or(Ok(()), sync_directory)
}

/// Makes the names in a directory durable.
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
