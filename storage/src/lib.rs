//! # driftline-storage
//!
//! The bytes of Driftline: a store for rows in time order that makes every acknowledged write durable, keeps what it
//! holds small, and shows each query one moment of it. No SQL, no network, no async runtime.
//!
//! A write takes this way: a [`WriteBatch`] (rows of several tables and changes of the catalog, all or nothing) is
//! checked against the [`TableSchema`]s in force, becomes one frame of the write-ahead log, and waits for the group it
//! travels in to be synced. Then it enters the memtable, is visible, and is acknowledged. When memtables or log grow
//! past their limits a flush sorts them into immutable segments, publishes a manifest that names these, and drops the
//! log before it. After a stop, [`Engine::open`] replays what the log still holds and ends with such a flush.
//!
//! A query takes a [`Snapshot`]: a moment of all tables that later writes do not change. It asks for the
//! [`ScanPart`]s of a table within a [`TimeRange`] and reads the columns it wants, part by part.
//!
//! All of it goes through the [`Disk`] trait, so that [`SimDisk`] can cut the power at any call.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{Float64Array, RecordBatch, TimestampNanosecondArray};
//! use driftline_storage::{
//!     CatalogChange, Column, ColumnType, Engine, EngineOptions, Role, SimDisk, TableSchema, TimeRange, WriteBatch,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::open(Arc::new(SimDisk::new(0)), EngineOptions::default())?;
//! let mut table = TableSchema::new(
//!     "latency",
//!     vec![
//!         Column::new("time", ColumnType::Timestamp, Role::Time),
//!         Column::new("value", ColumnType::Double, Role::Field),
//!     ],
//! );
//! table.id = engine.allocate_table_id();
//! let times = TimestampNanosecondArray::from(vec![1_000, 2_000]).with_timezone("UTC");
//! let values = Float64Array::from(vec![12.5, 14.0]);
//! let rows = RecordBatch::try_new(table.arrow(), vec![Arc::new(times), Arc::new(values)])?;
//!
//! // The table and its first rows become durable and visible together.
//! let batch = WriteBatch {
//!     catalog: vec![CatalogChange::CreateTable(table.clone())],
//!     rows: vec![(table.id, rows)],
//!     ..WriteBatch::default()
//! };
//! engine.write(batch)?;
//!
//! let snapshot = engine.snapshot();
//! let schema = snapshot.table("latency").ok_or("no table")?;
//! let mut found = 0;
//! for part in snapshot.scan(schema.id, TimeRange { min: 1_500, max: i64::MAX })? {
//!     for rows in part.read(&schema.columns, TimeRange { min: 1_500, max: i64::MAX })? {
//!         found += rows.num_rows();
//!     }
//! }
//! assert_eq!(found, 1);
//! # Ok(())
//! # }
//! ```
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;
mod budget;
mod bytes;
mod catalog;
mod change;
mod clock;
mod compaction;
mod disk;
pub mod distribution;
mod encoding;
mod engine;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
mod label;
mod ledger;
pub mod limits;
mod manifest;
mod memtable;
mod operations;
mod overlay;
mod partition;
mod patch;
mod read;
mod retention;
mod rows;
mod schema;
mod schema_codec;
mod segment;
mod series;
mod snapshot;
mod tables;
mod wal;
mod writers;

pub use batch::{CatalogChange, WriteAck, WriteBatch, WriterSequence};
pub use budget::MemoryBudget;
pub use change::{Change, Comparison, Predicate, Value};
pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{AppendFile, Disk, Fault, Mapped, OsDisk, ReadFile, SimAction, SimCall, SimDisk};
pub use engine::{
    DiskUsage, Engine, EngineOptions, EngineStatus, EraseReport, ErasedPlace, Erasure, Expired, LinkedRows,
    OpenBackup, PlaceState, SyncPolicy, mentions,
};
pub use error::{Result, StorageError};
pub use label::{
    ARRIVAL_COLUMN, ClassCounts, ID_TIME_ANY, ID_TIME_OPTION, LABELS_OF_OPTION, LabelCounts, embedded_time,
    is_far,
};
pub use ledger::Ledger;
pub use operations::{
    BackupReport, Damage, Garbage, Progress, RepairLoss, RepairReport, RepairedPlace, Report, RestoreLedger,
    RestoreReport, Verification, repair, restore, verify,
};
pub use partition::{CellKey, Partition, Width};
pub use read::{Bound, Filter, Piece, ReadCounts, Run, Want};
pub use retention::{
    COLUMN_RETENTION_PREFIX, RETENTION_BYTES_OPTION, RETENTION_OPTION, duration_nanos, size_bytes,
};
pub use schema::{
    Column, ColumnId, ColumnType, Meaning, NO_TAGS, Role, SERIES_MAX_OPTION, SeriesId, TAG_VALUES_MAX_OPTION,
    TIME_COLUMN, TableId, TableSchema,
};
pub use segment::{
    CellStatistics, CellSummaries, CellTable, CellValues, ColumnSize, EncodingSize, LastRows, SegmentInfo,
    SegmentReader, SegmentTags, Summaries, TimeRange, Unit, hash_boolean, hash_double, hash_integer,
    hash_text, hash_time,
};
pub use snapshot::{CatalogStamp, ScanPart, SeriesDirectory, Snapshot, TableSize};
