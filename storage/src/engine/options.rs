//! How an engine is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::limits;

/// When a write counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After the fdatasync of its group. Loses nothing that was acknowledged.
    Always,
    /// After write(2); the log is made durable at most this long after. A crash of the process loses nothing; a power
    /// cut loses at most what was acknowledged in that time.
    Interval(Duration),
    /// After write(2). A crash of the process loses nothing; a power cut loses what the system had not yet written.
    Os,
}

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// When a write counts as done.
    pub sync: SyncPolicy,
    /// Bytes at which a WAL file is sealed.
    pub wal_file_bytes_max: u64,
    /// Bytes of all WAL files at which a flush is due.
    pub wal_total_bytes_max: u64,
    /// Bytes of all memtables at which a flush is due; writers wait at twice as many.
    pub memtable_bytes_max: usize,
    /// Bytes that memtables and queries may hold together; over it writers wait.
    pub memory_bytes_max: usize,
    /// How long a writer waits for memory before it is refused.
    pub room_wait: Duration,
    /// Whether a thread flushes when a limit is reached; else only `flush` does.
    pub background_flush: bool,
    /// Whether a thread compacts what flushes leave; else only `compact` does.
    pub background_compaction: bool,
    /// Flushed segments of a partition at which they are compacted.
    pub compaction_runs_max: usize,
    /// Bytes at which a compacted run ends and the next begins.
    pub run_bytes_max: u64,
    /// Row groups that a flush or a compaction encodes at once. One keeps the order of calls to the disk the same.
    pub threads: usize,
    /// Bytes kept free on the disk for the day it is full; 0 keeps none.
    pub reserve_bytes: usize,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Always,
            wal_file_bytes_max: limits::WAL_FILE_BYTES_MAX,
            wal_total_bytes_max: limits::WAL_TOTAL_BYTES_MAX,
            memtable_bytes_max: limits::MEMTABLE_BYTES_MAX,
            memory_bytes_max: limits::MEMORY_BYTES_MAX,
            room_wait: limits::ROOM_WAIT,
            background_flush: true,
            background_compaction: true,
            compaction_runs_max: limits::COMPACTION_RUNS_MAX,
            run_bytes_max: limits::RUN_BYTES_MAX,
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(limits::THREADS_MAX),
            reserve_bytes: limits::RESERVE_BYTES,
            clock: Arc::new(SystemClock),
        }
    }
}
