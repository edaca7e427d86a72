//! Aggregates over cells.
//!
//! Rows lie by interval and series, so a group by `date_bin(time)` and tags is a group of cells: none of its rows has to
//! be looked up in a hash table, and where statistics of cells say enough, no row has to be read. A physical rule
//! ([`CellAggregates`]) puts a node of ours in the place of the partial aggregation right above a scan; DataFusion's final
//! aggregation adds up what comes out, whichever way it was found.

mod exec;
mod fold;
mod groups;
mod last;
mod latest;
mod newest;
mod rule;
mod shape;
mod state;
mod whole;
mod work;

pub(crate) use rule::CellAggregates;
