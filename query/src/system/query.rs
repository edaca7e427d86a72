//! `system.queries`.

use std::time::Duration;

use arrow::record_batch::RecordBatch;

use super::build::{boolean, count, double, optional_text, rows, text, time};
use crate::database::Access;
use crate::error::Result;
use crate::govern::Record;

/// The columns of `system.queries`: every statement that waits or runs, and the last that ended, in the order in which
/// they came.
///
/// `state` is queued, running, finished, failed, cancelled (whoever asked went) or killed; `access` embedded or network;
/// `started` when it came. `rows` and `bytes` are of the answer so far, or `rows` what was changed; `peak_memory_bytes` is
/// what operators said they hold. Cells and pages are those of `EXPLAIN ANALYZE`, so far. `plan_reused`: it was not planned
/// anew.
pub(super) const QUERIES: [&str; 16] = [
    "id",
    "state",
    "access",
    "sql",
    "started",
    "queued_ms",
    "ran_ms",
    "rows",
    "bytes",
    "peak_memory_bytes",
    "cells_from_summary",
    "cells_from_rows",
    "pages_read",
    "pages_skipped",
    "plan_reused",
    "error",
];

/// One row a statement.
pub(super) fn queries(all: &[Record]) -> Result<RecordBatch> {
    let millis = |of: fn(&Record) -> Duration| double(all.iter().map(move |r| of(r).as_secs_f64() * 1e3));
    let number = |of: fn(&Record) -> u64| count(all.iter().map(of));
    rows(
        &QUERIES,
        vec![
            text(all.iter().map(|record| &record.id)),
            text(all.iter().map(|record| record.state.name())),
            text(all.iter().map(|record| access(record.access))),
            text(all.iter().map(|record| &*record.sql)),
            time(all.iter().map(|record| Some(record.came_at))),
            millis(|record| record.queued),
            millis(|record| record.ran),
            number(|record| record.rows),
            number(|record| record.bytes),
            number(|record| record.peak_memory_bytes),
            number(|record| record.cost.cells_from_summary),
            number(|record| record.cost.cells_from_rows),
            number(|record| record.cost.pages_read),
            number(|record| record.cost.pages_skipped),
            boolean(all.iter().map(|record| record.plan_reused)),
            optional_text(all.iter().map(|record| record.error.as_deref())),
        ],
    )
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Embedded => "embedded",
        Access::Network => "network",
    }
}
