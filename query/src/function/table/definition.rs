//! What a table function of ours takes, and what it stands for.

use std::sync::Arc;

use datafusion::catalog::{Session, TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::sql::sqlparser::ast::Ident;

use super::arguments::Arguments;
use super::as_of::AS_OF;
use super::drift::{DRIFT, DRIFT_OVER_TIME, DRIFT_SUMMARY};
use super::poisoning::POISONING;
use super::{series, stream};

/// What makes one function different from another.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name.
    pub name: &'static str,
    /// The names of its arguments; the first may be given without its name.
    pub arguments: &'static [&'static str],
    /// The table that a call stands for.
    pub table: fn(&Arguments<'_>, &dyn Session) -> Result<Arc<dyn TableProvider>>,
}

/// The functions.
pub(super) static DEFINITIONS: [&Definition; 16] = [
    &DRIFT,
    &DRIFT_SUMMARY,
    &DRIFT_OVER_TIME,
    &AS_OF,
    &POISONING,
    &stream::ADWIN,
    &stream::PAGE_HINKLEY,
    &stream::CUSUM,
    &stream::KSWIN,
    &stream::DDM,
    &stream::EDDM,
    &stream::HDDM_A,
    &stream::HDDM_W,
    &series::CHANGEPOINTS,
    &series::PERIOD,
    &series::FORECAST,
];

/// The functions as DataFusion sees them.
pub(in crate::function) fn functions() -> impl Iterator<Item = TableFunction> {
    let function = |definition: &&'static Definition| {
        TableFunction::new(definition.name.into(), Arc::new(Function { definition }))
    };
    DEFINITIONS.iter().map(function)
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
struct Function {
    definition: &'static Definition,
}

impl TableFunctionImpl for Function {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments::new(self.definition, args.exprs())?;
        (self.definition.table)(&arguments, args.session())
    }
}
