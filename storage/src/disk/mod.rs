//! The one way to the disk.
//!
//! Everything the engine keeps goes through [`Disk`], so that [`SimDisk`] can lose, tear and refuse it. Paths are
//! relative to the data directory, parts joined by `/`.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

mod os;
mod path;
mod sim;

pub use os::OsDisk;
pub use sim::{Fault, SimAction, SimCall, SimDisk};

/// A directory tree with the promises of a POSIX file system, and no more than those.
///
/// - Bytes appended are durable after `AppendFile::sync`, never before.
/// - A name created, renamed or removed is durable after `sync_dir` of its directory.
/// - After a failed `sync` the bytes are lost, although a later `sync` may succeed: never retry one.
pub trait Disk: Debug + Send + Sync {
    /// Creates an empty file to append to; fails where the name exists.
    fn create(&self, path: &str) -> io::Result<Arc<dyn AppendFile>>;

    /// Opens a file for reading.
    fn open(&self, path: &str) -> io::Result<Arc<dyn ReadFile>>;

    /// The names in a directory, sorted; none where it does not exist.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Makes a directory and those above it; well where it exists. Durable when it returns.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Removes a file; an open reader goes on reading it.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Gives a file another name at once, in place of what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes the names of a directory durable (`""` is the data directory itself).
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Takes the lock file for this process, until the guard is dropped; `WouldBlock` where another has it.
    fn lock(&self, path: &str) -> io::Result<Box<dyn Any + Send + Sync>>;

    /// A random number, for salts.
    fn random(&self) -> u64;

    /// The tree as a person names it, for messages.
    fn root(&self) -> String;

    /// Writes a whole file so that after any crash its name holds either nothing new or all of `bytes`:
    /// temporary file, sync, rename, sync of the directory.
    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!("{path}.tmp");
        if let Err(error) = self.remove(&temporary)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = self.create(&temporary)?;
        file.append(bytes)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path::parent(path))
    }

    /// Reads a whole file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

/// A file being written: it only grows.
pub trait AppendFile: Debug + Send + Sync {
    /// Adds bytes at the end. After an error the file may hold any part of them.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all bytes appended so far durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
}

/// A file being read.
pub trait ReadFile: Debug + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether it holds nothing.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset`; `UnexpectedEof` where the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}
