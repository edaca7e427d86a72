//! `gapfill(stride, time)` in GROUP BY: buckets of time, those without rows included; with `interpolate(..)` and
//! `locf(..)` in SELECT for what stands in them.
//!
//! The three are known to the planner as scalar functions ([`marker`]). Before anything else looks at a plan,
//! [`rewrite`] puts a [`node`] over the aggregation that has a gapfill among its groups, and columns of it in place of
//! the other two. The aggregation below groups by plain `date_bin` (or `date_bin_tz`), with all that is known of that.

mod bounds;
mod exec;
mod fill;
mod marker;
mod node;
mod rewrite;
#[cfg(test)]
mod tests;

pub(super) use marker::functions;
pub(super) use node::plan;
pub(super) use rewrite::Rule;
pub(crate) use rewrite::rewrite;

/// What stands in a bucket where an argument has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Hash)]
enum Fill {
    /// A number on the straight line between its neighbours.
    Interpolate,
    /// The last value before.
    Locf,
}

/// A column that is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Hash)]
struct Filled {
    column: usize,
    fill: Fill,
}
