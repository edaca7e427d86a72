//! # driftline-benches
//!
//! Measurements of Driftline, with the peer in the same run on the same rows. `benches/run` is the way in; the README
//! of this crate says what each figure is, how long it takes and what it needs.
//!
//! The parts: [`workload`] makes the rows, the same for every run of the same seed; [`figures`] measure one thing each,
//! in a process of its own; [`report`] writes what was measured as lines of JSON, which `peers/report.py` sets beside
//! the peers' lines. [`shim`] is the one place that follows the engine's interface where that is still moving.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes))]

pub mod check;
pub mod counting;
pub mod engine;
pub mod figures;
pub mod nab;
pub mod process;
pub mod report;
pub mod shim;
pub mod workload;

#[cfg(test)]
mod tests;

/// Whatever went wrong ends the measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
