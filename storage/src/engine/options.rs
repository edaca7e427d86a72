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
    /// How long a writer over the budget waits for a flush to free some before it is refused.
    pub room_wait: Duration,
    /// Whether a thread flushes when a limit is reached; else only `flush` does.
    pub background_flush: bool,
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
            room_wait: Duration::from_millis(limits::ROOM_WAIT_STEP_MS) * limits::ROOM_WAIT_STEPS_MAX,
            background_flush: true,
            clock: Arc::new(SystemClock),
        }
    }
}
