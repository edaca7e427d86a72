//! `a ASOF JOIN b MATCH_CONDITION (a.time >= b.time) ON a.k = b.k`: to each row of `a` the one row of `b` that is
//! nearest in time on the side that the condition names. Rows of `a` without one stay, with NULLs.
//!
//! The parser gives the join as one of many in a row, and DataFusion plans none of its kind: [`crate::statement`]
//! wraps it and what stands before it in parentheses, and those are a relation that [`planner`] may plan. The
//! [`node`] runs as a merge ([`exec`], [`merge`]) of both sides sorted by keys and time, by DataFusion's own sort, which
//! spills.

mod exec;
mod merge;
mod node;
mod planner;
mod pushdown;
mod right;
#[cfg(test)]
mod tests;

pub(super) use node::plan;
pub(super) use planner::AsofJoins;
pub(super) use pushdown::PushIntoAsof;

/// Which row is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Hash)]
struct Nearest {
    /// The newest row that is not newer, else the oldest that is not older.
    before: bool,
    /// Whether one of the same time counts.
    same_time: bool,
}
