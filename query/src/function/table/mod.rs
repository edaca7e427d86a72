//! Table functions with named arguments: of models (`drift`, `drift_summary`, `drift_over_time`, `as_of`), and of the values of a
//! column in the order of time: change detectors ([`stream`]), and what is said of a whole series ([`series`]).

mod arguments;
mod as_of;
mod compare;
mod counted;
mod definition;
mod drift;
mod exec;
mod planner;
mod poisoning;
mod provider;
mod report;
mod segment;
mod series;
mod stream;
mod summary;
#[cfg(test)]
mod tests;
mod values;
mod windows;

pub(crate) use compare::unusable;
pub(super) use definition::functions;
pub(super) use planner::NamedArguments;
pub(crate) use provider::PREVIOUS;

use datafusion::catalog::TableProvider;

/// The table or model that a table stands for which a function answers, as written; None of other tables.
pub(crate) fn model_of(provider: &dyn TableProvider) -> Option<&str> {
    provider::model_of(provider)
        .or_else(|| poisoning::model_of(provider))
        .or_else(|| values::source_of(provider))
}

/// Whether what a function says may depend on labels, which its text names and its plan does not.
pub(crate) fn may_read_labels(provider: &dyn TableProvider) -> bool {
    poisoning::model_of(provider).is_some() || values::source_of(provider).is_some()
}
