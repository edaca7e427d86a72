//! What `driftline serve` lets one query take, and how many run at once.

use std::time::Duration;

use driftline_query::QueryLimits;

/// 0 sets no limit, unless it says something else.
#[derive(Debug, clap::Args)]
pub struct QueryArgs {
    /// Memory that one query may take, in MiB; what can goes to disk before, what cannot is an error. 0: half of
    /// `--memory-mb`.
    #[arg(long, env = "DRIFTLINE__QUERY_MEMORY_MB", value_name = "MIB", default_value_t = 0)]
    query_memory_mb: u64,
    /// How long one query may take, its wait for a place and for a slow client included. A statement that changes
    /// something is under it until it begins to write.
    #[arg(long, env = "DRIFTLINE__QUERY_TIME_S", value_name = "SECONDS", default_value_t = seconds(defaults().time))]
    query_time_s: u64,
    /// Rows of one answer; one with more is an error, never cut.
    #[arg(long, env = "DRIFTLINE__QUERY_ROWS_MAX", value_name = "ROWS", default_value_t = defaults().rows)]
    query_rows_max: u64,
    /// How many queries run at once; the default is four a processor, at least 16.
    #[arg(long, env = "DRIFTLINE__QUERY_CONCURRENCY", value_name = "QUERIES", default_value_t = defaults().running)]
    query_concurrency: usize,
    /// How many may wait until they can run; with 0 nobody waits.
    #[arg(long, env = "DRIFTLINE__QUERY_QUEUE", value_name = "QUERIES", default_value_t = defaults().queued)]
    query_queue: usize,
    /// How long each of them may wait.
    #[arg(long, env = "DRIFTLINE__QUERY_QUEUE_S", value_name = "SECONDS", default_value_t = seconds(defaults().queued_time))]
    query_queue_s: u64,
    /// What takes so long is logged with what it cost; 0 logs nothing.
    #[arg(long, env = "DRIFTLINE__QUERY_SLOW_MS", value_name = "MS", default_value_t = defaults().slow.as_secs() * 1_000)]
    query_slow_ms: u64,
}

impl QueryArgs {
    /// What was asked for.
    pub fn limits(&self) -> QueryLimits {
        QueryLimits {
            memory_bytes: usize::try_from(self.query_memory_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
            time: Duration::from_secs(self.query_time_s),
            rows: self.query_rows_max,
            running: self.query_concurrency,
            queued: self.query_queue,
            queued_time: Duration::from_secs(self.query_queue_s),
            slow: Duration::from_millis(self.query_slow_ms),
        }
    }
}

fn defaults() -> QueryLimits {
    QueryLimits::default()
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        queries: QueryArgs,
    }

    fn limits(line: &[&str]) -> QueryLimits {
        Line::parse_from(std::iter::once(&"serve").chain(line)).queries.limits()
    }

    #[test]
    fn what_is_not_said_is_as_in_a_program() {
        assert_eq!(limits(&[]), QueryLimits::default());
        let said = limits(&["--query-memory-mb", "3", "--query-slow-ms", "250", "--query-queue", "0"]);
        let slow = Duration::from_millis(250);
        assert_eq!(said, QueryLimits { memory_bytes: 3 << 20, slow, queued: 0, ..QueryLimits::default() });
    }
}
