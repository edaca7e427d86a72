//! Summaries: for cells with rows enough, and for the rows of an interval's smaller cells together, what values each
//! column of interest has and how often. Counted while rows are encoded, taken over where row groups are.

mod builder;
mod copy;
mod count;
mod piece;
mod plan;
mod read;
mod recount;
mod section;
mod spans;
#[cfg(test)]
mod tests;

pub(super) use builder::SummaryBuilder;
pub(super) use count::{GroupSummaries, count_group};
pub(super) use plan::Plan;
pub use read::CellSummaries;
pub(crate) use read::EncodedSummaries;
pub(super) use section::{Head, PREFIX_BYTES, SUMMARIES};

use crate::distribution::{Distribution, Lattice};

/// Which rows of a segment a summary counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Those of a cell, by its place in the cell table.
    Cell(u32),
    /// Those of all cells of an interval that have no summary of their own; by where the interval begins.
    Interval(i64),
}

/// What one column of a segment holds, by unit.
///
/// Each cell with at least [`SUMMARY_ROWS_MIN`](crate::limits::SUMMARY_ROWS_MIN) rows is a unit; the other cells of an
/// interval are one together, if they have so many rows. Rows in no unit have to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Summaries {
    /// What numbers are counted on in this segment; none for categories.
    pub lattice: Option<Lattice>,
    /// Cells first, both in ascending order. The counts are those of the unit's rows, nulls included.
    pub units: Vec<(Unit, Distribution)>,
}
