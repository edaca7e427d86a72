//! The functions `drift` and `drift_over_time`: what they take.

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;

use super::arguments::Arguments;
use super::definition::Definition;
use super::provider::{DriftTable, Request, catalog};
use super::windows::{Span, Windows};
use crate::function::scalar::BINS_DEFAULT;
use crate::stats::binning::BINS_MAX;

/// The windows of a call, where that can depend on when the query began.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// `drift`.
    Span(Span),
    /// `drift_over_time`.
    Windows(Windows),
}

/// `drift`.
pub(super) static DRIFT: Definition = Definition {
    name: "drift",
    arguments: &["model", "baseline", "from", "to", "window", "at", "bins"],
    table: |arguments, session| {
        table(&DRIFT, arguments, session, |arguments| Span::new(arguments).map(When::Span))
    },
};
/// `drift_over_time`.
pub(super) static DRIFT_OVER_TIME: Definition = Definition {
    name: "drift_over_time",
    arguments: &["model", "window", "baseline", "from", "to", "bins"],
    table: |arguments, session| {
        table(&DRIFT_OVER_TIME, arguments, session, |arguments| Windows::every(arguments).map(When::Windows))
    },
};

impl When {
    /// The windows when the query began at `now`.
    pub(super) fn at(self, now: i64) -> Result<Windows> {
        match self {
            Self::Span(span) => span.at(now),
            Self::Windows(windows) => Ok(windows),
        }
    }
}

fn table(
    definition: &'static Definition,
    arguments: &Arguments<'_>,
    session: &dyn Session,
    windows: fn(&Arguments<'_>) -> Result<When>,
) -> Result<Arc<dyn TableProvider>> {
    let request = Request {
        function: definition.name,
        model: arguments.required_text("model")?,
        baseline: arguments.text("baseline")?,
        bins: arguments.count("bins", 2, BINS_MAX)?.unwrap_or(BINS_DEFAULT),
        when: windows(arguments)?,
    };
    // What is wrong is said while planning; the plan itself is made anew for each run.
    request.resolve(catalog(definition.name, session)?.as_ref())?;
    Ok(Arc::new(DriftTable::new(request)))
}
