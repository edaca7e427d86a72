//! The functions `drift`, `drift_summary` and `drift_over_time`: what they take.

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;

use super::arguments::Arguments;
use super::definition::Definition;
use super::provider::{Answer, DriftTable, Judging, Request, catalog};
use super::windows::{Span, Windows};
use crate::function::scalar::BINS_DEFAULT;
use crate::stats::binning::BINS_MAX;

/// The windows of a call, where that can depend on when the query began.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// `drift` and `drift_summary`.
    Span(Span),
    /// `drift_over_time`.
    Windows(Windows),
}

/// What a report of one window takes.
const OF_ONE_WINDOW: &[&str] = &[
    "model", "baseline", "from", "to", "window", "at", "rows", "bins", "features", "segment", "alpha",
    "effect", "min_rows", "weights", "exact", "labels",
];

/// `drift`.
pub(super) static DRIFT: Definition = Definition {
    name: "drift",
    arguments: OF_ONE_WINDOW,
    table: |arguments, session| table(&DRIFT, arguments, session),
};
/// `drift_summary`.
pub(super) static DRIFT_SUMMARY: Definition = Definition {
    name: "drift_summary",
    arguments: OF_ONE_WINDOW,
    table: |arguments, session| table(&DRIFT_SUMMARY, arguments, session),
};
/// `drift_over_time`.
pub(super) static DRIFT_OVER_TIME: Definition = Definition {
    name: "drift_over_time",
    arguments: &[
        "model", "window", "baseline", "from", "to", "rows", "bins", "features", "segment", "alpha",
        "effect", "min_rows", "weights", "exact", "labels",
    ],
    table: |arguments, session| table(&DRIFT_OVER_TIME, arguments, session),
};

impl When {
    fn new(definition: &'static Definition, arguments: &Arguments<'_>) -> Result<Self> {
        match definition.name {
            "drift_over_time" => Windows::every(arguments).map(Self::Windows),
            name => Span::new(arguments, name).map(Self::Span),
        }
    }

    /// The windows when the query began at `now`.
    pub(super) fn at(self, now: i64) -> Result<Windows> {
        match self {
            Self::Span(span) => span.at(now),
            Self::Windows(windows) => Ok(windows),
        }
    }
}

/// Rows from which on a column, or a segment of it, is judged where none are asked for.
const ROWS_MIN: usize = 30;

fn table(
    definition: &'static Definition,
    arguments: &Arguments<'_>,
    session: &dyn Session,
) -> Result<Arc<dyn TableProvider>> {
    let rows_min = arguments.count("min_rows", 1, usize::MAX)?.unwrap_or(ROWS_MIN);
    let request = Request {
        function: definition.name,
        model: arguments.required_text("model")?,
        baseline: arguments.text("baseline")?,
        bins: arguments.count("bins", 2, BINS_MAX)?.unwrap_or(BINS_DEFAULT),
        when: When::new(definition, arguments)?,
        features: arguments.names("features")?,
        segment: arguments.text("segment")?,
        judging: Judging {
            alpha: arguments.share("alpha")?,
            effect: arguments.least("effect")?,
            rows_min: rows_min as u64,
            is_exact: arguments.flag("exact")?.unwrap_or(false),
        },
        has_labels: arguments.flag("labels")?.unwrap_or(false),
        ignores_weights: arguments.one_of("weights", "ignore")?,
        answer: if definition.name == "drift_summary" { Answer::Verdict } else { Answer::Columns },
    };
    // What is wrong is said while planning; the plan itself is made anew for each run.
    request.resolve(catalog(definition.name, session)?.as_ref(), session)?;
    Ok(Arc::new(DriftTable::new(request)))
}
