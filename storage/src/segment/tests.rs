//! Round trips, pruning and damage, on a disk in memory.

mod cells;
mod damage;
pub(crate) mod forge;
mod mapped;
mod memory_disk;
mod pruning;
mod round_trip;
mod sample;
mod sections;
mod statistics;
mod summaries;
