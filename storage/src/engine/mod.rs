//! The engine: one data directory, open.

use std::sync::Arc;

use crate::batch::{WriteAck, WriteBatch};
use crate::clock::{Clock, SystemClock};
use crate::disk::Disk;
use crate::error::Result;
use crate::limits;
use crate::schema::TableId;
use crate::snapshot::Snapshot;

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
    /// Bytes of all memtables at which a flush is due.
    pub memtable_bytes_max: usize,
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
            background_flush: true,
            clock: Arc::new(SystemClock),
        }
    }
}

/// One data directory, open for reading and writing.
#[derive(Debug)]
pub struct Engine {}

/// Bytes on disk by kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Segment files.
    pub segments: u64,
    /// WAL files.
    pub wal: u64,
    /// The manifest in force.
    pub manifest: u64,
}

impl Engine {
    /// Opens the directory behind `disk`, replays the WAL, flushes what it held.
    pub fn open(_disk: Arc<dyn Disk>, _options: EngineOptions) -> Result<Arc<Self>> {
        todo!()
    }

    /// Writes a batch; returns once it is durable (by the policy) and visible to the next snapshot. Blocks.
    pub fn write(&self, _batch: WriteBatch) -> Result<WriteAck> {
        todo!()
    }

    /// This moment of all tables.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// A table id that nobody else gets.
    pub fn allocate_table_id(&self) -> TableId {
        todo!()
    }

    /// The newest sequence applied for a writer, if it is known.
    pub fn writer_sequence(&self, _writer: &str) -> Option<u64> {
        todo!()
    }

    /// Moves all memtables into segments.
    pub fn flush(&self) -> Result<()> {
        todo!()
    }

    /// Bytes on disk by kind of file.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        todo!()
    }

    /// Flushes nothing, stops the threads, gives the lock back. Acknowledged writes are in the WAL.
    pub fn close(&self) -> Result<()> {
        todo!()
    }
}
