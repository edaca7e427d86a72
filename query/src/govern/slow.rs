//! The log of slow statements.

use std::time::Duration;

use super::query::Record;
use super::text;
use crate::limits::QUERY_LOG_TEXT_BYTES_MAX;

/// One line of a statement that took as long as `slow` or longer, its wait included.
pub(super) fn log(record: &Record, slow: Duration) {
    let took = record.queued + record.ran;
    if slow.is_zero() || took < slow {
        return;
    }
    tracing::warn!(
        id = %record.id,
        state = record.state.name(),
        took_ms = millis(took),
        queued_ms = millis(record.queued),
        rows = record.rows,
        bytes = record.bytes,
        peak_memory_bytes = record.peak_memory_bytes,
        cells_from_summary = record.cost.cells_from_summary,
        cells_from_rows = record.cost.cells_from_rows,
        pages_read = record.cost.pages_read,
        pages_skipped = record.cost.pages_skipped,
        sql = text::cut(&record.sql, QUERY_LOG_TEXT_BYTES_MAX),
        "slow query"
    );
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
