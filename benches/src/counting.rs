//! A disk that counts what is written, so that bytes are known that a later flush or compaction has removed again.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use driftline_storage::{AppendFile, Disk, ReadFile};

/// What was written so far.
#[derive(Debug, Default)]
pub struct Written {
    /// Bytes appended to WAL files.
    pub wal: AtomicU64,
    /// Bytes appended to all other files: segments, manifests, series.
    pub other: AtomicU64,
    /// Syncs of files.
    pub syncs: AtomicU64,
}

/// Another disk, counted.
#[derive(Debug)]
pub struct CountingDisk<D> {
    inner: D,
    written: Arc<Written>,
}

#[derive(Debug)]
struct CountingFile {
    inner: Arc<dyn AppendFile>,
    written: Arc<Written>,
    is_wal: bool,
}

impl<D: Disk> CountingDisk<D> {
    /// Counts what is written through it to `inner`.
    pub fn new(inner: D) -> Self {
        Self { inner, written: Arc::default() }
    }

    /// The counts, which go on growing.
    pub fn written(&self) -> Arc<Written> {
        self.written.clone()
    }
}

impl<D: Disk> Disk for CountingDisk<D> {
    fn create(&self, path: &str) -> io::Result<Arc<dyn AppendFile>> {
        let inner = self.inner.create(path)?;
        let is_wal = path.starts_with("wal/");
        Ok(Arc::new(CountingFile { inner, written: self.written.clone(), is_wal }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        self.inner.open(path)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.inner.create_dir(dir)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.inner.lock(path)
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    fn root(&self) -> String {
        self.inner.root()
    }
}

impl AppendFile for CountingFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let count = if self.is_wal { &self.written.wal } else { &self.written.other };
        count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.inner.append(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.written.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }
}
