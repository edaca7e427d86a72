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
    /// Bytes appended to segments.
    pub segments: AtomicU64,
    /// Bytes appended to patch files.
    pub patches: AtomicU64,
    /// Bytes appended to manifests.
    pub manifests: AtomicU64,
    /// Bytes appended to all other files: series, the reserve.
    pub other: AtomicU64,
    /// Syncs of files.
    pub syncs: AtomicU64,
}

impl Written {
    /// Where the bytes of a file are counted.
    fn count(&self, path: &str) -> &AtomicU64 {
        match path.split(['/', '.']).next() {
            Some("wal") => &self.wal,
            Some("seg") => &self.segments,
            Some("patch") => &self.patches,
            Some("manifest") => &self.manifests,
            _ => &self.other,
        }
    }

    /// Bytes appended to all but WAL files.
    pub fn beside_wal(&self) -> u64 {
        let all = [&self.segments, &self.patches, &self.manifests, &self.other];
        all.into_iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
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
    path: String,
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
        Ok(Arc::new(CountingFile { inner, written: self.written.clone(), path: path.to_owned() }))
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
        self.written.count(&self.path).fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.inner.append(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.written.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }
}
