//! `system.storage`: the whole engine in one row.

use arrow::record_batch::RecordBatch;
use driftline_storage::EngineStatus;

use super::build::{boolean, count, double, optional_text, rows};
use crate::error::Result;

/// The columns of `system.storage`: bytes on disk by kind of file, memory, what waits to be flushed and compacted, and
/// how often writers had to wait. Counters begin with the process.
pub(super) const STORAGE: [&str; 25] = [
    "segments",
    "wal",
    "manifest",
    "series_files",
    "patches",
    "total",
    "memtable_bytes",
    "memory_used_bytes",
    "memory_limit_bytes",
    "series",
    "series_memory_bytes",
    "unflushed_writes",
    "uncompacted_segments",
    "uncompacted_bytes",
    "flushes",
    "flush_failures",
    "compactions",
    "compaction_failures",
    "compacted_bytes",
    "expired_bytes",
    "stalls",
    "stall_seconds",
    "refused_writes",
    "reserve_is_full",
    "last_error",
];

/// One row.
pub(super) fn storage(status: &EngineStatus) -> Result<RecordBatch> {
    let disk = status.disk;
    let total = [disk.segments, disk.wal, disk.manifest, disk.series, disk.patches]
        .into_iter()
        .fold(0, u64::saturating_add);
    let counts = [
        disk.segments,
        disk.wal,
        disk.manifest,
        disk.series,
        disk.patches,
        total,
        status.memtable_bytes,
        status.memory_used_bytes,
        status.memory_limit_bytes,
        status.series,
        status.series_memory_bytes,
        status.unflushed_writes,
        status.uncompacted_segments,
        status.uncompacted_bytes,
        status.flushes,
        status.flush_failures,
        status.compactions,
        status.compaction_failures,
        status.compacted_bytes,
        status.expired_bytes,
        status.stalls,
    ];
    let mut columns: Vec<_> = counts.map(|value| count([value])).into();
    columns.push(double([status.stall_nanos as f64 / 1e9]));
    columns.push(count([status.refused_writes]));
    columns.push(boolean([status.reserve_is_full]));
    columns.push(optional_text([status.last_error.as_deref()]));
    rows(&STORAGE, columns)
}
