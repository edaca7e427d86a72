//! `system.storage`.

use arrow::record_batch::RecordBatch;
use driftline_storage::DiskUsage;

use super::build::{count, rows};
use crate::error::Result;

/// The columns of `system.storage`: bytes on disk by kind of file.
pub(super) const STORAGE: [&str; 4] = ["segments", "wal", "manifest", "total"];

/// One row.
pub(super) fn storage(usage: DiskUsage) -> Result<RecordBatch> {
    let DiskUsage { segments, wal, manifest } = usage;
    let total = segments.saturating_add(wal).saturating_add(manifest);
    rows(&STORAGE, [segments, wal, manifest, total].map(|bytes| count([bytes])).to_vec())
}
