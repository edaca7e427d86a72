//! Labels that arrive late: values of LABEL columns for rows of another table, which were written before or are still to
//! come.
//!
//! They are written to a table of their own, which says by an option whose labels it keeps ([`Relation`]). As long as
//! they are in memory, reads look their rows up ([`memory`]); a flush writes them beside the segments that have the rows
//! (`crate::patch`), and leaves in their own table only those whose row has not come yet. The rows are not rewritten.
//!
//! A label goes to the rows of its key: with the time of its row to those of that time, else to all that are there by
//! the flush that follows, or to the first that come later. Of several labels of a row the one written last stands; it
//! stands over what was written with the row itself. A row that replaces another takes over its labels; a row that is
//! deleted takes them along.

mod aim;
mod count;
mod counts;
mod join;
mod laid;
mod memory;
mod relation;
mod view;

pub(crate) use aim::NEAR_NANOS;
pub use aim::{embedded_time, is_far};
pub(crate) use count::Counter;
pub use counts::{ClassCounts, LabelCounts};
pub(crate) use join::{Keyed, Seekers};
pub(crate) use laid::{Entries, Laid};
pub(crate) use memory::{LabelCache, Pairs, Unflushed};
pub(crate) use relation::Relation;
pub use relation::{ARRIVAL_COLUMN, ID_TIME_ANY, ID_TIME_OPTION, LABELS_OF_OPTION};
pub(crate) use view::{LabelBlocks, LabelView, Met, Waiting};

#[cfg(test)]
mod tests;
