//! The Page-Hinkley test (Page 1954).

use super::mean::Mean;
use super::{Signal, demand};
use crate::stats::{StatsError, exact};

/// Which changes of the mean count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PageHinkleyMode {
    /// Increases.
    Up,
    /// Decreases.
    Down,
    /// Either.
    #[default]
    Both,
}

/// What can be set of [`PageHinkley`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PageHinkleyParameters {
    /// No detection before so many rows.
    pub min_instances: u64,
    /// What a value may be off the mean, in the unit of the values.
    #[serde(with = "exact")]
    pub delta: f64,
    /// What the sum of deviations may reach, in the unit of the values.
    #[serde(with = "exact")]
    pub threshold: f64,
    /// What is left of the sums after a row, 0..=1.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// Which changes count.
    pub mode: PageHinkleyMode,
}

impl Default for PageHinkleyParameters {
    fn default() -> Self {
        let mode = PageHinkleyMode::Both;
        Self { min_instances: 30, delta: 0.005, threshold: 50.0, alpha: 1.0 - 0.0001, mode }
    }
}

/// The detector. Each value `x` moves the mean first; with `d = x - mean`, the sums become `up = alpha up + d - delta` and
/// `down = alpha down + d + delta`. It is an increase where `up` is more than `threshold` above its least value, a
/// decrease where `down` is as far below its greatest.
///
/// Delta and threshold are in the unit of the values: bring the values to one scale, or set both. river starts the
/// greatest value of `down` at -1; the first row lifts it to `delta`, so that nothing is to be seen of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PageHinkley {
    parameters: PageHinkleyParameters,
    sums: Sums,
    signal: Signal,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Sums {
    mean: Mean,
    #[serde(with = "exact")]
    up: f64,
    #[serde(with = "exact")]
    down: f64,
    #[serde(with = "exact")]
    up_least: f64,
    #[serde(with = "exact")]
    down_greatest: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            mean: Mean::default(),
            up: 0.0,
            down: 0.0,
            up_least: f64::INFINITY,
            down_greatest: f64::NEG_INFINITY,
        }
    }
}

impl PageHinkley {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: PageHinkleyParameters) -> Result<Self, StatsError> {
        demand(parameters.delta.is_finite() && parameters.delta >= 0.0, "delta", "0 or more")?;
        demand(parameters.threshold.is_finite() && parameters.threshold >= 0.0, "threshold", "0 or more")?;
        demand((0.0..=1.0).contains(&parameters.alpha), "alpha", "0 to 1")?;
        Ok(Self { parameters, sums: Sums::default(), signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            self.sums = Sums::default();
        }
        self.sums.add(value, &self.parameters);
        let grown = self.sums.mean.rows >= self.parameters.min_instances;
        self.signal = Signal::drift_if(grown && self.has_change());
        self.signal
    }

    /// How far the sums are from their ends so far: the one that is farther, of those that count.
    pub fn distance(&self) -> f64 {
        let (up, down) = (self.sums.up - self.sums.up_least, self.sums.down_greatest - self.sums.down);
        match self.parameters.mode {
            PageHinkleyMode::Up => up,
            PageHinkleyMode::Down => down,
            PageHinkleyMode::Both => up.max(down),
        }
    }

    fn has_change(&self) -> bool {
        let up = self.sums.up - self.sums.up_least > self.parameters.threshold;
        let down = self.sums.down_greatest - self.sums.down > self.parameters.threshold;
        match self.parameters.mode {
            PageHinkleyMode::Up => up,
            PageHinkleyMode::Down => down,
            PageHinkleyMode::Both => up || down,
        }
    }
}

impl Sums {
    fn add(&mut self, value: f64, parameters: &PageHinkleyParameters) {
        self.mean.add(value);
        let apart = value - self.mean.value;
        self.up = parameters.alpha * self.up + apart - parameters.delta;
        self.down = parameters.alpha * self.down + apart + parameters.delta;
        self.up_least = self.up_least.min(self.up);
        self.down_greatest = self.down_greatest.max(self.down);
    }
}
