//! Anomalies in a series of values: how strange each is by what came before it, never by what comes after.
//!
//! [`RobustScore`] is the plain measure, in deviations; [`AnomalyDetector`] is what an alert rests on: it weighs level,
//! jump and season together, and says each anomaly once. Both hold a bounded window and can be written down and continued
//! (`Serialize`, to the last bit). Values are finite, one a row and evenly spaced; NaN and nulls are the caller's to leave
//! out or to fill.

mod detector;
mod news;
mod phase;
mod robust;
mod sorted;
#[cfg(test)]
mod tests;

pub use detector::{AnomalyDetector, AnomalyParameters, Verdict};
pub use robust::{RobustParameters, RobustScore};

/// Values that a window holds at most.
pub const WINDOW_MAX: usize = 100_000;
/// Rows of a season at most.
pub const SEASON_MAX: usize = 100_000;
