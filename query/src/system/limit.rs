//! `system.limits`.

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use driftline_storage::limits::{self, Limit};

use super::build::{count, rows, text};
use crate::error::Result;
use crate::govern::QueryLimits;

/// The columns of `system.limits`. What a table's options set instead is not shown.
pub(super) const LIMITS: [&str; 4] = ["name", "value", "unit", "what"];

/// One row a limit of the engine or of queries; those of one query as they are set.
pub(super) fn limits(set: &QueryLimits) -> Result<RecordBatch> {
    let set = of_queries(set);
    let all = || limits::LIMITS.iter().chain(&crate::limits::LIMITS).chain(&set);
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

fn of_queries(set: &QueryLimits) -> [Limit; 7] {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let limit = |name, value, unit, what| Limit { name, value, unit, what };
    [
        limit(
            "query_memory_bytes_max",
            set.memory_bytes as u64,
            "bytes",
            "what one query may hold in memory; what can goes to disk before",
        ),
        limit(
            "query_time_ms_max",
            millis(set.time),
            "milliseconds",
            "how long one query may take, its wait included; 0: no limit",
        ),
        limit("query_rows_max", set.rows, "rows", "rows of the answer of one query; 0: no limit"),
        limit("queries_running_max", set.running as u64, "queries", "how many run at once; 0: no limit"),
        limit("queries_queued_max", set.queued as u64, "queries", "how many may wait until they can run"),
        limit("query_queued_ms_max", millis(set.queued_time), "milliseconds", "how long each may wait"),
        limit(
            "query_slow_ms",
            millis(set.slow),
            "milliseconds",
            "from when on a query is logged with what it cost; 0: none is",
        ),
    ]
}
