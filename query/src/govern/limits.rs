//! What one statement may take, and how many run at once.

use std::time::Duration;

use super::query::Query;
use crate::error::QueryError;
use crate::limits::{
    QUERIES_QUEUED, QUERIES_RUNNING_LEAST, QUERY_MEMORY_BYTES_LEAST, QUERY_QUEUED_TIME, QUERY_ROWS,
    QUERY_SLOW, QUERY_TIME,
};

/// What one statement may take, and how many run at once. 0 sets no limit, unless it says something else.
///
/// A query that reaches one ends with [`QueryError::Limit`], never with fewer rows than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Bytes that one query may hold in memory. What can go to disk does so before; what cannot is an error. 0 is
    /// half of what all queries may hold together, but not less than 64 MiB of it.
    pub memory_bytes: usize,
    /// From the moment a query came to the last of its rows, the wait for a place and for a slow reader included. A
    /// statement that changes something is under it until it begins to write.
    pub time: Duration,
    /// Rows of an answer.
    pub rows: u64,
    /// How many run at once. Those that read nothing but `system` and `information_schema` do not count.
    pub running: usize,
    /// How many may wait for that. With 0 nobody waits.
    pub queued: usize,
    /// How long each may wait. With 0 nobody waits.
    pub queued_time: Duration,
    /// What takes so long is logged with what it cost. With 0 nothing is.
    pub slow: Duration,
}

impl Default for QueryLimits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory_bytes: 0,
            time: QUERY_TIME,
            rows: QUERY_ROWS,
            running: (4 * threads).max(QUERIES_RUNNING_LEAST),
            queued: QUERIES_QUEUED,
            queued_time: QUERY_QUEUED_TIME,
            slow: QUERY_SLOW,
        }
    }
}

impl QueryLimits {
    /// With the memory of one query as it comes to, where all together may hold `all_bytes`.
    pub(crate) fn within(self, all_bytes: usize) -> Self {
        let memory_bytes = match self.memory_bytes {
            0 => (all_bytes / 2).max(QUERY_MEMORY_BYTES_LEAST),
            bytes => bytes,
        };
        Self { memory_bytes: memory_bytes.min(all_bytes), ..self }
    }
}

/// Why a query is ended that took too long.
pub(super) fn over_time(query: &Query, limits: &QueryLimits) -> String {
    let record = query.record();
    format!(
        "the query reached the time limit of {} s for one query, after {:.1} s in the queue, {:.1} s of running and {} \
         rows; ask for a shorter time range, or raise it: --query-time-s of driftline serve, QueryLimits::time of a \
         program",
        limits.time.as_secs_f64(),
        record.queued.as_secs_f64(),
        record.ran.as_secs_f64(),
        record.rows
    )
}

/// Why a query is ended that answers too much.
pub(super) fn over_rows(limits: &QueryLimits, reached: u64) -> QueryError {
    QueryError::Limit(format!(
        "the answer has more rows than the limit of {} for one query, {reached} so far; add LIMIT or group the rows, or \
         raise it: --query-rows-max of driftline serve, QueryLimits::rows of a program",
        limits.rows
    ))
}
