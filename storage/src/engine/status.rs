//! What the engine has done and what it is behind with, for people who operate it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{DiskUsage, Engine, Expired, Inner};
use crate::error::{Result, StorageError};
use crate::patch::PATCH_DIR;
use crate::series::SERIES_DIR;
use crate::wal::WAL_DIR;

/// Counters since the engine was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    flushes: AtomicU64,
    flush_failures: AtomicU64,
    compactions: AtomicU64,
    compaction_failures: AtomicU64,
    compacted_bytes: AtomicU64,
    expired_bytes: AtomicU64,
    stalls: AtomicU64,
    stall_nanos: AtomicU64,
    refused: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// The state of the engine at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStatus {
    /// Bytes on disk by kind of file.
    pub disk: DiskUsage,
    /// Bytes of rows that are in the log and in memory, but in no segment yet.
    pub memtable_bytes: u64,
    /// Bytes held under the memory budget, and its limit.
    pub memory_used_bytes: u64,
    /// What the memory budget allows.
    pub memory_limit_bytes: u64,
    /// Series known.
    pub series: u64,
    /// Bytes the series take in memory.
    pub series_memory_bytes: u64,
    /// Writes that are in no segment yet: how far flushing is behind.
    pub unflushed_writes: u64,
    /// Segments that wait to be compacted: how far compaction is behind.
    pub uncompacted_segments: u64,
    /// Bytes of them.
    pub uncompacted_bytes: u64,
    /// Flushes since the start.
    pub flushes: u64,
    /// Flushes that failed.
    pub flush_failures: u64,
    /// Compactions since the start.
    pub compactions: u64,
    /// Compactions that failed; one that was cancelled did not fail.
    pub compaction_failures: u64,
    /// Bytes that compactions wrote.
    pub compacted_bytes: u64,
    /// Bytes of segments that retention took away.
    pub expired_bytes: u64,
    /// Writes that had to wait for memory.
    pub stalls: u64,
    /// How long they waited together, in nanoseconds.
    pub stall_nanos: u64,
    /// Writes that were refused after waiting.
    pub refused_writes: u64,
    /// Threads of its own, whatever the number of tables.
    pub threads: u64,
    /// Whether the room for a full disk is there.
    pub reserve_is_full: bool,
    /// What failed last in the background.
    pub last_error: Option<String>,
}

impl Counters {
    pub(super) fn flushed(&self, result: &Result<()>) {
        self.count(&self.flushes, &self.flush_failures, result.as_ref().err());
    }

    pub(super) fn compacted(&self, result: &Result<u64>) {
        if let Ok(bytes) = result {
            self.compacted_bytes.fetch_add(*bytes, Ordering::Relaxed);
        }
        if !matches!(result, Err(StorageError::Cancelled)) {
            self.count(&self.compactions, &self.compaction_failures, result.as_ref().err());
        }
    }

    fn count(&self, done: &AtomicU64, failed: &AtomicU64, error: Option<&StorageError>) {
        match error {
            None => done.fetch_add(1, Ordering::Relaxed),
            Some(error) => {
                *self.last_error.lock() = Some(error.to_string());
                failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    /// Retention took segments away.
    pub(super) fn expired(&self, expired: Expired) {
        self.expired_bytes.fetch_add(expired.bytes, Ordering::Relaxed);
    }

    /// Something in the background failed and will be tried again.
    pub(super) fn failed(&self, error: &StorageError) {
        *self.last_error.lock() = Some(error.to_string());
    }

    /// A write waited for memory.
    pub(super) fn stalled(&self, nanos: i64, refused: bool) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
        self.stall_nanos.fetch_add(u64::try_from(nanos).unwrap_or(0), Ordering::Relaxed);
        self.refused.fetch_add(u64::from(refused), Ordering::Relaxed);
    }
}

impl Engine {
    /// What the engine holds, has done, and is behind with.
    pub fn status(&self) -> Result<EngineStatus> {
        let threads = self.threads.lock().len() as u64;
        Ok(EngineStatus { threads, ..self.inner.status_now()? })
    }

    /// Bytes on disk by kind of file.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        self.inner.disk_usage()
    }
}

impl Inner {
    fn status_now(&self) -> Result<EngineStatus> {
        let disk = self.disk_usage()?;
        let (flushed_seq, uncompacted) = {
            let files = self.files.lock();
            let fresh = files.manifest.segments.iter().filter(|s| s.level == 0);
            let sizes = fresh.fold((0, 0), |(count, bytes), s| (count + 1, bytes + s.bytes));
            (files.manifest.catalog_seq, sizes)
        };
        let (seq, memtable_bytes) = {
            let state = self.state.lock();
            (state.seq, state.memtable_bytes() as u64)
        };
        let counter = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let status = &self.counters;
        Ok(EngineStatus {
            disk,
            memtable_bytes,
            memory_used_bytes: self.budget.used() as u64,
            memory_limit_bytes: self.budget.limit() as u64,
            series: self.registry.len() as u64,
            series_memory_bytes: self.registry.memory_bytes() as u64,
            unflushed_writes: seq.saturating_sub(flushed_seq),
            uncompacted_segments: uncompacted.0,
            uncompacted_bytes: uncompacted.1,
            flushes: counter(&status.flushes),
            flush_failures: counter(&status.flush_failures),
            compactions: counter(&status.compactions),
            compaction_failures: counter(&status.compaction_failures),
            compacted_bytes: counter(&status.compacted_bytes),
            expired_bytes: counter(&status.expired_bytes),
            stalls: counter(&status.stalls),
            stall_nanos: counter(&status.stall_nanos),
            refused_writes: counter(&status.refused),
            threads: 0,
            reserve_is_full: self.reserve.is_full(),
            last_error: status.last_error.lock().clone(),
        })
    }

    fn disk_usage(&self) -> Result<DiskUsage> {
        let files = self.files.lock();
        Ok(DiskUsage {
            segments: files.manifest.segments.iter().map(|s| s.bytes).sum(),
            wal: self.bytes_in(WAL_DIR)?,
            manifest: files.manifest_bytes,
            patches: self.bytes_in(PATCH_DIR)?,
            series: self.bytes_in(SERIES_DIR)?,
        })
    }

    fn bytes_in(&self, dir: &str) -> Result<u64> {
        let mut bytes = 0;
        for name in self.disk.list(dir).map_err(|e| StorageError::io("list", dir, e))? {
            let path = format!("{dir}/{name}");
            let length = self.disk.open(&path).and_then(|f| f.len());
            bytes += length.map_err(|e| StorageError::io("read", &path, e))?;
        }
        Ok(bytes)
    }
}
