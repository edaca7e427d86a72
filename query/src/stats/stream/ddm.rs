//! DDM: the error rate against its lowest level (Gama, Medas, Castillo and Rodrigues 2004).

use super::mean::Mean;
use super::{Signal, demand};
use crate::stats::{StatsError, exact};

/// What can be set of [`Ddm`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DdmParameters {
    /// No signal within so many rows.
    pub warm_start: u64,
    /// Standard deviations above the lowest level at which it warns.
    #[serde(with = "exact")]
    pub warning_threshold: f64,
    /// Standard deviations above the lowest level at which it detects.
    #[serde(with = "exact")]
    pub drift_threshold: f64,
}

impl Default for DdmParameters {
    fn default() -> Self {
        Self { warm_start: 30, warning_threshold: 2.0, drift_threshold: 3.0 }
    }
}

/// The detector. A value is 1 for an error and 0 for none (a share between is an error in part). With `p` the rate since
/// the start and `s = sqrt(p (1 - p) / n)`, the level is `p + s`; where it was lowest it had `p0` and `s0`. It warns above
/// `p0 + 2 s0` and detects above `p0 + 3 s0`.
///
/// river's quirk: where the first 31 rows are free of errors, `p0` and `s0` are 0 and the first error is a detection.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ddm {
    parameters: DdmParameters,
    rate: Mean,
    lowest: Option<Level>,
    signal: Signal,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Level {
    #[serde(with = "exact")]
    rate: f64,
    #[serde(with = "exact")]
    deviation: f64,
}

impl Level {
    fn sum(&self) -> f64 {
        self.rate + self.deviation
    }
}

impl Ddm {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: DdmParameters) -> Result<Self, StatsError> {
        demand(parameters.warning_threshold >= 0.0, "warning_threshold", "0 or more")?;
        demand(parameters.drift_threshold >= 0.0, "drift_threshold", "0 or more")?;
        Ok(Self { parameters, rate: Mean::default(), lowest: None, signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, error: f64) -> Signal {
        if self.signal == Signal::Drift {
            (self.rate, self.lowest) = (Mean::default(), None);
        }
        self.rate.add(error);
        self.signal = if self.rate.rows > self.parameters.warm_start { self.judge() } else { Signal::None };
        self.signal
    }

    /// The error rate since the start; 0 before the first row.
    pub fn error_rate(&self) -> f64 {
        self.rate.value
    }

    fn judge(&mut self) -> Signal {
        let rate = self.rate.value;
        // Rounding may carry a rate of all errors past 1.
        let deviation = (rate * (1.0 - rate) / self.rate.rows as f64).max(0.0).sqrt();
        let now = Level { rate, deviation };
        let level = now.sum();
        let lowest = match self.lowest.take() {
            Some(lowest) if level > lowest.sum() => lowest,
            _ => now,
        };
        let above = |deviations: f64| level > lowest.rate + deviations * lowest.deviation;
        let signal = match (above(self.parameters.drift_threshold), above(self.parameters.warning_threshold))
        {
            (true, _) => Signal::Drift,
            (false, true) => Signal::Warning,
            (false, false) => Signal::None,
        };
        self.lowest = Some(lowest);
        signal
    }
}
