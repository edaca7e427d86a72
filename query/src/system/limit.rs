//! `system.limits`.

use arrow::record_batch::RecordBatch;
use driftline_storage::limits;

use super::build::{count, rows, text};
use crate::error::Result;

/// The columns of `system.limits`. What a table's options or the server's configuration sets instead is not shown.
pub(super) const LIMITS: [&str; 4] = ["name", "value", "unit", "what"];

/// One row a limit of the engine or of queries.
pub(super) fn limits() -> Result<RecordBatch> {
    let all = || limits::LIMITS.iter().chain(&crate::limits::LIMITS);
    rows(
        &LIMITS,
        vec![
            text(all().map(|limit| limit.name.to_lowercase())),
            count(all().map(|limit| limit.value)),
            text(all().map(|limit| limit.unit)),
            text(all().map(|limit| limit.what)),
        ],
    )
}
