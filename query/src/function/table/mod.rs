//! Table functions with named arguments: `drift`, `drift_summary`, `drift_over_time`, `as_of`.

mod arguments;
mod as_of;
mod compare;
mod counted;
mod definition;
mod drift;
mod exec;
mod planner;
mod provider;
mod report;
mod segment;
mod summary;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use compare::unusable;
pub(super) use definition::functions;
pub(super) use planner::NamedArguments;
pub(crate) use provider::model_of;
