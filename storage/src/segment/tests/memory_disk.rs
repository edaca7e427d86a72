//! A disk in memory that counts what is read, and refuses to serve what was not synced.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::disk::{AppendFile, Disk, ReadFile};

#[derive(Debug, Default)]
struct File {
    bytes: Mutex<Vec<u8>>,
    synced: AtomicU64,
    largest_append: AtomicU64,
}

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, Arc<File>>>>,
    synced_dirs: Arc<Mutex<Vec<String>>>,
    read_bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Reader(Arc<File>, Arc<AtomicU64>);

impl MemoryDisk {
    /// A disk with one file.
    pub(super) fn with(path: &str, bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        let file =
            File { synced: AtomicU64::new(bytes.len() as u64), bytes: bytes.into(), ..File::default() };
        disk.files.lock().insert(path.into(), Arc::new(file));
        disk
    }

    pub(super) fn bytes(&self, path: &str) -> Vec<u8> {
        self.files.lock()[path].bytes.lock().clone()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.files.lock().contains_key(path)
    }

    pub(super) fn largest_append(&self, path: &str) -> u64 {
        self.files.lock()[path].largest_append.load(Ordering::Relaxed)
    }

    pub(super) fn synced_dirs(&self) -> Vec<String> {
        self.synced_dirs.lock().clone()
    }

    /// Bytes read since the last call.
    pub(super) fn take_read_bytes(&self) -> u64 {
        self.read_bytes.swap(0, Ordering::Relaxed)
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &str) -> Result<Arc<dyn AppendFile>> {
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(files.entry(path.into()).or_default().clone())
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        let file = self.files.lock().get(path).cloned().ok_or(Error::from(ErrorKind::NotFound))?;
        let length = file.bytes.lock().len() as u64;
        if file.synced.load(Ordering::Relaxed) != length {
            return Err(Error::other("read before sync"));
        }
        Ok(Arc::new(Reader(file, self.read_bytes.clone())))
    }

    fn list(&self, _dir: &str) -> Result<Vec<String>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn create_dir(&self, _dir: &str) -> Result<()> {
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.files.lock().remove(path).map(drop).ok_or(ErrorKind::NotFound.into())
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.synced_dirs.lock().push(dir.into());
        Ok(())
    }

    fn lock(&self, _path: &str) -> Result<Box<dyn Any + Send + Sync>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn random(&self) -> u64 {
        0
    }

    fn root(&self) -> String {
        "memory".into()
    }
}

impl AppendFile for File {
    fn append(&self, bytes: &[u8]) -> Result<()> {
        self.largest_append.fetch_max(bytes.len() as u64, Ordering::Relaxed);
        self.bytes.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.synced.store(self.bytes.lock().len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl ReadFile for Reader {
    fn len(&self) -> Result<u64> {
        Ok(self.0.bytes.lock().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.0.bytes.lock();
        let piece = bytes.get(offset as usize..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(piece.ok_or(Error::from(ErrorKind::UnexpectedEof))?);
        self.1.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
