//! The functions `drift` and `drift_over_time`: what they take.

use std::sync::Arc;

use datafusion::catalog::{TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::sql::sqlparser::ast::Ident;

use super::arguments::Arguments;
use super::provider::{DriftTable, Request, catalog};
use super::windows::{Span, Windows};
use crate::function::scalar::BINS_DEFAULT;
use crate::stats::binning::BINS_MAX;

/// What makes one function different from another.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name.
    pub name: &'static str,
    /// The names of its arguments; the first may be given without its name.
    pub arguments: &'static [&'static str],
    windows: fn(&Arguments<'_>) -> Result<When>,
}

/// The windows of a call, where that can depend on when the query began.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// `drift`.
    Span(Span),
    /// `drift_over_time`.
    Windows(Windows),
}

/// The functions.
pub(super) static DEFINITIONS: [Definition; 2] = [
    Definition {
        name: "drift",
        arguments: &["model", "baseline", "from", "to", "window", "at", "bins"],
        windows: |arguments| Span::new(arguments).map(When::Span),
    },
    Definition {
        name: "drift_over_time",
        arguments: &["model", "window", "baseline", "from", "to", "bins"],
        windows: |arguments| Windows::every(arguments).map(When::Windows),
    },
];

/// The functions as DataFusion sees them.
pub(in crate::function) fn functions() -> impl Iterator<Item = TableFunction> {
    DEFINITIONS
        .iter()
        .map(|definition| TableFunction::new(definition.name.into(), Arc::new(Drift { definition })))
}

impl When {
    /// The windows when the query began at `now`.
    pub(super) fn at(self, now: i64) -> Result<Windows> {
        match self {
            Self::Span(span) => span.at(now),
            Self::Windows(windows) => Ok(windows),
        }
    }
}

impl Definition {
    /// The place of a named argument.
    pub(super) fn slot(&self, name: &Ident, matches: fn(&Ident, &str) -> bool) -> Result<usize> {
        match self.arguments.iter().position(|known| matches(name, known)) {
            Some(slot) => Ok(slot),
            None => {
                plan_err!("{}: there is no argument {name}; {} takes {}", self.name, self.name, self.usage())
            }
        }
    }

    /// What to say of an argument that is no constant.
    pub(super) fn not_constant(&self, name: &str, given: &impl std::fmt::Display) -> String {
        let function = self.name;
        format!(
            "{function}: argument `{name}` must be a constant, not {given} (a name is written in single quotes)"
        )
    }

    /// The names of the arguments, for messages.
    pub(super) fn usage(&self) -> String {
        self.arguments.join(", ")
    }
}

/// A function.
#[derive(Debug)]
struct Drift {
    definition: &'static Definition,
}

impl TableFunctionImpl for Drift {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments::new(self.definition, args.exprs())?;
        let request = Request {
            function: self.definition.name,
            model: arguments.required_text("model")?,
            baseline: arguments.text("baseline")?,
            bins: arguments.count("bins", 2, BINS_MAX)?.unwrap_or(BINS_DEFAULT),
            when: (self.definition.windows)(&arguments)?,
        };
        // What is wrong is said while planning; the plan itself is made anew for each run.
        request.resolve(catalog(self.definition.name, args.session())?.as_ref())?;
        Ok(Arc::new(DriftTable::new(request)))
    }
}
