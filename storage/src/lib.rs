//! # driftline-storage
//!
//! The bytes of Driftline.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;
mod bytes;
mod catalog;
mod clock;
mod disk;
pub mod distribution;
mod encoding;
mod engine;
mod error;
pub mod limits;
mod manifest;
mod memtable;
mod schema;
mod schema_codec;
mod segment;
mod snapshot;
mod wal;
mod writers;

pub use batch::{CatalogChange, WriteAck, WriteBatch, WriterSequence};
pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{AppendFile, Disk, Fault, OsDisk, ReadFile, SimDisk};
pub use engine::{DiskUsage, Engine, EngineOptions, SyncPolicy};
pub use error::{Result, StorageError};
pub use schema::{Column, ColumnId, ColumnType, Meaning, Role, TIME_COLUMN, TableId, TableSchema};
pub use segment::{ColumnSize, SegmentInfo, SegmentReader, TimeRange, write_segment};
pub use snapshot::{ScanPart, Snapshot, TableSize};
