//! Table functions with named arguments: `drift`, `drift_over_time`.

mod arguments;
mod drift;
mod exec;
mod planner;
mod provider;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod windows;

pub(super) use drift::functions;
pub(super) use planner::NamedArguments;
