//! A disk whose files are read by copies.

use std::any::Any;
use std::io;
use std::sync::Arc;

use crate::disk::{AppendFile, Disk, ReadFile};

/// The same disk, but that no file of it is mapped: a sector that cannot be read comes as an error, which a report can
/// name, where a look at mapped memory would kill the process.
#[derive(Debug)]
pub(super) struct Unmapped(pub(super) Arc<dyn Disk>);

#[derive(Debug)]
struct UnmappedFile(Arc<dyn ReadFile>);

impl Disk for Unmapped {
    fn create(&self, path: &str) -> io::Result<Arc<dyn AppendFile>> {
        self.0.create(path)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(UnmappedFile(self.0.open(path)?)))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.0.create_dir(dir)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.0.lock(path)
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    fn root(&self) -> String {
        self.0.root()
    }
}

impl ReadFile for UnmappedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}
