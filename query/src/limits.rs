//! Every limit of the query layer, by name. Those of the engine are in [`driftline_storage::limits`].

use std::time::Duration;

use driftline_storage::limits::Limit;

use crate::stats::binning::BINS_MAX;

/// How far ahead of the clock an event time may lie: clocks of senders differ. 10 minutes, in nanoseconds.
pub(crate) const AHEAD_NANOS_MAX: i64 = 600 * 1_000_000_000;
/// How deep expressions of a statement may nest.
pub(crate) const RECURSION_MAX: usize = 50;
/// Numbers in one VECTOR.
pub(crate) const VECTOR_NUMBERS_MAX: u32 = 1 << 16;
/// Bytes that queries together may write to disk while they run: 64 GiB.
pub(crate) const SPILL_BYTES_MAX: u64 = 64 << 30;
/// Windows of one call of `drift_over_time`: so many rows a column are more than anybody reads, and each holds counts.
pub(crate) const WINDOWS_MAX: usize = 100_000;

/// Rows of a side that `compat` goes through, where another tool goes by rows: some 32 MiB while it does.
pub(crate) const COMPAT_ROWS_MAX: u64 = 1 << 20;
/// Vectors of a side that a statistic of embeddings keeps: what it says hardly changes beyond some thousands.
pub(crate) const VECTORS_KEPT_MAX: usize = 100_000;

/// Buckets of one series of `gapfill`: a series is held whole while it is filled, and 11 days by the second fit.
pub(crate) const GAPFILL_BUCKETS_MAX: usize = 1_000_000;

/// Segments of one call of a table function over values, such as `adwin`: more rows than anybody reads.
pub(crate) const SEGMENTS_MAX: usize = 10_000;
/// Rows that such a function takes before it looks whether anybody still waits for them.
pub(crate) const VALUES_STEP_ROWS: usize = 256;
/// Buckets of one series of `period` and `forecast`: a series is held whole, and 11 days by the second fit.
pub(crate) const SERIES_BUCKETS_MAX: usize = 1_000_000;
/// The share of them that may be empty: with more, most of the series would be made up.
pub(crate) const SERIES_EMPTY_SHARE_MAX: f64 = 0.5;

/// Levels of a JSON text that a path is followed in: reading takes stack for each.
pub(crate) const JSON_DEPTH_MAX: usize = 128;

/// Bytes of statistics and summaries of cells that are kept from one query to the next: 64 MiB, statistics of some 1,600,000
/// cells and columns, summaries of some 60,000.
pub(crate) const STATISTICS_KEPT_BYTES_MAX: usize = 64 << 20;

/// Series of a table whose tags are kept from one query to the next.
pub(crate) const TAGGED_SERIES_KEPT_MAX: usize = 200_000;
/// Tables whose tags are kept so.
pub(crate) const TAGGED_TABLES_KEPT_MAX: usize = 1_000;
/// Rows from one end of time, for `ORDER BY time LIMIT n`, up to which a scan keeps their times to tell what need not be read.
pub(crate) const ENDS_ROWS_MAX: usize = 65_536;
/// Rows below which a scan is not worth a second thread.
pub(crate) const ROWS_OF_PARTITION_MIN: u64 = 131_072;

/// Groups that a partition of an aggregation keeps before it hands them on.
pub(crate) const AGGREGATE_GROUPS_KEPT_MAX: usize = 262_144;
/// Bytes of states that it keeps so: 64 MiB.
pub(crate) const AGGREGATE_BYTES_KEPT_MAX: usize = 64 << 20;
/// Groups or bytes from which on one that has all rows of its groups hands on those that are done: 64 or 1 MiB. Fewer are
/// not worth to wake whoever waits for them.
pub(crate) const AGGREGATE_DONE_GROUPS_MIN: usize = 64;
pub(crate) const AGGREGATE_DONE_BYTES_MIN: usize = 1 << 20;
/// Rows that one stretch of time may have for its groups to be kept until they are whole: percentiles keep eight bytes of each.
pub(crate) const AGGREGATE_WHOLE_ROWS_MAX: u64 = 4 << 20;
/// Texts of which a partition keeps what an aggregate makes of them.
pub(crate) const TEXTS_WEIGHED_KEPT_MAX: usize = 65_536;

/// Stretches of time that are noted of what writes touched; beyond, those that lie nearest become one.
pub(crate) const SPANS_MAX: usize = 4_096;
/// Keys of labelled predictions that are looked up one by one; more are the whole table.
pub(crate) const TOUCHED_KEYS_MAX: usize = 65_536;
/// How long no rows come before the clock carries the watermark on: clients that send a batch every few seconds have not
/// stopped. 10 seconds.
pub(crate) const WATERMARK_PAUSE_NANOS: i64 = 10_000_000_000;
/// How often windows are computed again that rows came too late for. 1 second.
pub(crate) const LATE_PAUSE_NANOS: i64 = 1_000_000_000;
/// Values of a dimension that EXPLAIN DRIFT tells apart.
pub(crate) const EXPLAINED_VALUES_MAX: usize = 1_000;
/// Rows of a baseline, the first in order of time, by which it is told how much rows are like those before them.
pub(crate) const DEPENDENCE_ROWS_MAX: usize = 262_144;
/// Windows of a continuous query that one statement computes.
pub(crate) const CONTINUOUS_WINDOWS_MAX: i64 = 1_000;
/// Rows of its answer that one statement is meant to give; one window may give more.
pub(crate) const CONTINUOUS_ROWS_AIMED: u64 = 50_000;
/// Windows that an alert is judged for at once when the database was down; those before are not judged.
pub(crate) const CATCH_UP_WINDOWS_MAX: i64 = 1_000;
/// Windows that BACKTEST and CALIBRATE judge of one alert.
pub(crate) const REPLAY_WINDOWS_MAX: i64 = 100_000;
/// How far behind the clock rows are of the past and not of now: of a replay all labels are seen. A day.
pub(crate) const REPLAY_NANOS: i64 = 86_400_000_000_000;
/// By how much rows of a table have to come later or earlier than before for that to be written down. 5 seconds.
pub(crate) const LAG_CHANGE_NANOS: u64 = 5_000_000_000;
/// Bytes of a text in the evidence of an alert.
pub(crate) const EVIDENCE_TEXT_BYTES_MAX: usize = 512;
/// Bytes of results that are written together.
pub(crate) const KEPT_BATCH_BYTES_MAX: usize = 4 << 20;
/// Between steps of continuous queries and alerts while there is more to do.
pub(crate) const RUNNER_PAUSE: Duration = Duration::from_millis(2);
/// Between steps when nothing asks for one.
pub(crate) const RUNNER_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Plans that are kept of statements of the embedding program, and likewise of those of the network.
pub(crate) const PLANS_KEPT_MAX: usize = 256;
/// Bytes of a statement whose plan is kept: what is longer brings its own rows, and does not come again.
pub(crate) const PLAN_TEXT_BYTES_MAX: usize = 16_384;

/// Statements that ended and are still shown in `system.queries`.
pub(crate) const QUERIES_KEPT_MAX: usize = 1_000;
/// Bytes of a statement's text that are kept of it.
pub(crate) const QUERY_TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of it that the log of slow queries shows.
pub(crate) const QUERY_LOG_TEXT_BYTES_MAX: usize = 512;

/// Unless `QueryLimits` says otherwise: what one query may hold at least, of what all may.
pub(crate) const QUERY_MEMORY_BYTES_LEAST: usize = 64 << 20;
/// How long one query may take.
pub(crate) const QUERY_TIME: Duration = Duration::from_secs(600);
/// How often a stretch of time has to be asked for in a step to be held in memory in the next.
pub(crate) const HELD_ASKED_MIN: u32 = 2;
/// Rows of a stretch up to which it is: a step that needs more reads them from where they lie.
pub(crate) const HELD_ROWS_MAX: usize = 2_000_000;
/// Steps after which a stretch that nobody asked for again is forgotten.
pub(crate) const HELD_STEPS_MAX: u32 = 32;
/// Answers that are held for a step.
pub(crate) const HELD_ANSWERS_MAX: usize = 1_000;
/// Rows a second of watched tables from which on writers go before continuous queries.
pub(crate) const FULL_SPEED_ROWS: f64 = 250_000.0;
/// How much longer than they worked these then wait: they work on all processors.
pub(crate) const FULL_SPEED_PAUSE: u32 = 4;
/// The longest that these wait for them between two steps.
pub(crate) const FULL_SPEED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Queries of a step that are asked side by side.
pub(crate) const ASKED_AT_ONCE_MAX: usize = 8;
/// Windows of continuous queries that are computed before they are written down.
pub(crate) const KEPT_AT_ONCE_MAX: usize = 256;
/// Values of one continuous query that are exposed; a scrape with more is a mistake.
pub(crate) const EXPOSED_SERIES_MAX: usize = 10_000;
/// Windows of an alert whose values are revised when rows come late.
pub(crate) const REVISED_KEPT_MAX: usize = 100;
/// Windows that are asked again in one step.
pub(crate) const REVISED_AT_ONCE_MAX: usize = 16;
/// Alerts that are asked before what they found is written down.
pub(crate) const ALERTS_AT_ONCE_MAX: usize = 64;
/// Rows that one query may answer: a mistake more often than a wish.
pub(crate) const QUERY_ROWS: u64 = 100_000_000;
/// Queries that may run at once on however few processors.
pub(crate) const QUERIES_RUNNING_LEAST: usize = 16;
/// Queries that may wait.
pub(crate) const QUERIES_QUEUED: usize = 256;
/// How long each may.
pub(crate) const QUERY_QUEUED_TIME: Duration = Duration::from_secs(30);
/// From when on a query is slow.
pub(crate) const QUERY_SLOW: Duration = Duration::from_secs(1);

/// All of them, as `system.limits` shows them.
pub(crate) const LIMITS: [Limit; 26] = [
    Limit {
        name: "ahead_nanos_max",
        value: AHEAD_NANOS_MAX as u64,
        unit: "nanoseconds",
        what: "how far ahead of the clock an event time may lie",
    },
    Limit {
        name: "tagged_series_kept_max",
        value: TAGGED_SERIES_KEPT_MAX as u64,
        unit: "series",
        what: "series of a table whose tags are kept from one query to the next",
    },
    Limit {
        name: "tagged_tables_kept_max",
        value: TAGGED_TABLES_KEPT_MAX as u64,
        unit: "tables",
        what: "tables whose tags are kept from one query to the next",
    },
    Limit {
        name: "recursion_max",
        value: RECURSION_MAX as u64,
        unit: "levels",
        what: "how deep expressions of a statement may nest",
    },
    Limit {
        name: "vector_numbers_max",
        value: VECTOR_NUMBERS_MAX as u64,
        unit: "numbers",
        what: "numbers in one VECTOR",
    },
    Limit {
        name: "spill_bytes_max",
        value: SPILL_BYTES_MAX,
        unit: "bytes",
        what: "what queries together write to disk while they run",
    },
    Limit {
        name: "windows_max",
        value: WINDOWS_MAX as u64,
        unit: "windows",
        what: "windows of one call of drift_over_time",
    },
    Limit {
        name: "compat_rows_max",
        value: COMPAT_ROWS_MAX,
        unit: "rows",
        what: "rows of a side that a comparison with compat => .. goes through",
    },
    Limit {
        name: "vectors_kept_max",
        value: VECTORS_KEPT_MAX as u64,
        unit: "vectors",
        what: "vectors of a side that a statistic of embeddings keeps",
    },
    Limit {
        name: "gapfill_buckets_max",
        value: GAPFILL_BUCKETS_MAX as u64,
        unit: "buckets",
        what: "buckets of one series of gapfill",
    },
    Limit {
        name: "segments_max",
        value: SEGMENTS_MAX as u64,
        unit: "segments",
        what: "segments of one call of a table function over values, such as adwin",
    },
    Limit {
        name: "series_buckets_max",
        value: SERIES_BUCKETS_MAX as u64,
        unit: "buckets",
        what: "buckets of one series of period and forecast",
    },
    Limit {
        name: "json_depth_max",
        value: JSON_DEPTH_MAX as u64,
        unit: "levels",
        what: "levels of a JSON text that a path is followed in; a deeper one counts as no JSON",
    },
    Limit {
        name: "plans_kept_max",
        value: PLANS_KEPT_MAX as u64,
        unit: "plans",
        what: "plans kept of statements of the network, and likewise of the embedding program",
    },
    Limit {
        name: "plan_text_bytes_max",
        value: PLAN_TEXT_BYTES_MAX as u64,
        unit: "bytes",
        what: "the longest statement whose plan is kept",
    },
    Limit {
        name: "queries_kept_max",
        value: QUERIES_KEPT_MAX as u64,
        unit: "statements",
        what: "statements that ended and are still shown in system.queries",
    },
    Limit {
        name: "query_text_bytes_max",
        value: QUERY_TEXT_BYTES_MAX as u64,
        unit: "bytes",
        what: "how much of a statement's text system.queries shows",
    },
    Limit {
        name: "statistics_kept_bytes_max",
        value: STATISTICS_KEPT_BYTES_MAX as u64,
        unit: "bytes",
        what: "statistics and summaries of cells that are kept from one query to the next",
    },
    Limit {
        name: "aggregate_groups_kept_max",
        value: AGGREGATE_GROUPS_KEPT_MAX as u64,
        unit: "groups",
        what: "groups that a partition of an aggregation keeps before it hands them on",
    },
    Limit {
        name: "aggregate_bytes_kept_max",
        value: AGGREGATE_BYTES_KEPT_MAX as u64,
        unit: "bytes",
        what: "states that a partition of an aggregation keeps before it hands them on",
    },
    Limit {
        name: "aggregate_whole_rows_max",
        value: AGGREGATE_WHOLE_ROWS_MAX,
        unit: "rows",
        what: "rows of one stretch of time whose groups are kept until they are whole",
    },
    Limit {
        name: "ends_rows_max",
        value: ENDS_ROWS_MAX as u64,
        unit: "rows",
        what: "rows of ORDER BY time LIMIT up to which parts are passed by that cannot have any of them",
    },
    Limit {
        name: "texts_weighed_kept_max",
        value: TEXTS_WEIGHED_KEPT_MAX as u64,
        unit: "texts",
        what: "texts of which a partition keeps what an aggregate makes of them",
    },
    Limit {
        name: "explained_values_max",
        value: EXPLAINED_VALUES_MAX as u64,
        unit: "values",
        what: "values of a dimension that EXPLAIN DRIFT tells apart",
    },
    Limit {
        name: "dependence_rows_max",
        value: DEPENDENCE_ROWS_MAX as u64,
        unit: "rows",
        what: "rows of a baseline by which it is told how much rows are like those before them",
    },
    Limit { name: "bins_max", value: BINS_MAX as u64, unit: "bins", what: "bins of a comparison" },
];
