//! Table functions with named arguments: `drift`, `drift_over_time`, `as_of`.

mod arguments;
mod as_of;
mod counted;
mod definition;
mod drift;
mod exec;
mod planner;
mod provider;
mod report;
#[cfg(test)]
mod tests;
mod windows;

pub(super) use definition::functions;
pub(super) use planner::NamedArguments;
pub(crate) use provider::model_of;
