//! `system.continuous_queries`.

use arrow::record_batch::RecordBatch;

use super::build::{count, double, optional_text, rows, text, time};
use crate::catalog::CatalogView;
use crate::continuous::{Definition, definitions};
use crate::error::Result;
use crate::runner::{Board, Work};

/// The columns of `system.continuous_queries`. `state` is running, paused or failing, then `error` says why; `watermark` is
/// how far the time of its source has come, less its delay, and windows that end up to `closed_until` are closed; the last of
/// them was there at `closed_at`, unless nothing fell into it. Of those `pending_windows` wait to be computed, and the oldest has been closed for `lag_ms`; 0 and 0 is up to date. What it did
/// since the process began is counted: windows (computed again for late rows too), rows, and milliseconds.
pub(super) const CONTINUOUS: [&str; 20] = [
    "name",
    "state",
    "source",
    "into_table",
    "bucket_ms",
    "every_ms",
    "delay_ms",
    "lateness_ms",
    "watermark",
    "closed_until",
    "closed_at",
    "pending_windows",
    "lag_ms",
    "windows",
    "rows",
    "took_ms",
    "ran_at",
    "expose",
    "error",
    "sql",
];

/// One row a query.
pub(super) fn continuous(view: &CatalogView, board: &Board) -> Result<RecordBatch> {
    let all = definitions(view.snapshot())?;
    let works: Vec<Work> = all.iter().map(|query| board.query(&query.name).unwrap_or_default()).collect();
    let millis = |of: fn(&Definition) -> i64| double(all.iter().map(move |query| of(query) as f64 / 1e6));
    let number = |of: fn(&Work) -> u64| count(works.iter().map(of));
    let columns = vec![
        text(all.iter().map(|query| &query.name)),
        text(all.iter().zip(&works).map(|(query, work)| state(query, work))),
        text(all.iter().map(|query| &query.source)),
        text(all.iter().map(|query| &query.into)),
        millis(|query| query.bucket.typical()),
        millis(|query| query.every.max(query.bucket.typical())),
        millis(|query| query.delay),
        millis(|query| query.lateness),
        time(works.iter().map(|work| work.watermark)),
        time(works.iter().map(|work| work.closed)),
        time(works.iter().map(|work| work.closed_at)),
        number(|work| work.pending_windows),
        double(works.iter().map(|work| work.lag_nanos as f64 / 1e6)),
        number(|work| work.windows),
        number(|work| work.rows),
        double(works.iter().map(|work| work.took_nanos as f64 / 1e6)),
        time(works.iter().map(|work| work.ran_at)),
        optional_text(all.iter().map(|query| query.options.get("expose"))),
        optional_text(works.iter().map(|work| work.error.as_deref())),
        text(all.iter().map(|query| &query.query)),
    ];
    rows(&CONTINUOUS, columns)
}

fn state(query: &Definition, work: &Work) -> &'static str {
    match (query.paused, &work.error) {
        (true, _) => "paused",
        (false, Some(_)) => "failing",
        (false, None) => "running",
    }
}
