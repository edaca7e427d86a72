//! EDDM: the distance between errors against its greatest (Baena-García and others 2006).

use super::mean::Variance;
use super::{Signal, demand};
use crate::stats::{StatsError, exact};

/// What can be set of [`Eddm`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EddmParameters {
    /// No signal within so many errors.
    pub warm_start: u64,
    /// The share of the greatest level below which it warns.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// The share of the greatest level below which it detects.
    #[serde(with = "exact")]
    pub beta: f64,
}

impl Default for EddmParameters {
    fn default() -> Self {
        Self { warm_start: 30, alpha: 0.95, beta: 0.9 }
    }
}

/// The detector. A value is 1 for an error; any other is none. With the mean and the standard deviation of the rows
/// between errors, the level is `mean + 2 deviation`. It warns where the level is less than `alpha` of its greatest, and
/// detects where it is less than `beta` of it.
///
/// river's quirks: the levels of the first `warm_start` rows (not errors) are not looked at; the first error counts its
/// distance from the start; between errors, and at an error with a new greatest level, a warning goes on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Eddm {
    parameters: EddmParameters,
    errors: Errors,
    signal: Signal,
}

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Errors {
    rows: u64,
    last: u64,
    distances: Variance,
    #[serde(with = "exact")]
    greatest: Option<f64>,
}

impl Eddm {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: EddmParameters) -> Result<Self, StatsError> {
        demand(parameters.beta > 0.0, "beta", "above 0")?;
        demand(parameters.alpha >= parameters.beta, "alpha", "beta or more")?;
        Ok(Self { parameters, errors: Errors::default(), signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, error: f64) -> Signal {
        if self.signal == Signal::Drift {
            (self.errors, self.signal) = (Errors::default(), Signal::None);
        }
        self.errors.rows += 1;
        if error == 1.0 {
            let share = self.errors.share_of_greatest(self.parameters.warm_start);
            self.signal = share.map_or(self.signal, |share| self.judge(share));
        }
        self.signal
    }

    fn judge(&self, share: f64) -> Signal {
        if share < self.parameters.beta {
            Signal::Drift
        } else if share < self.parameters.alpha {
            Signal::Warning
        } else {
            Signal::None
        }
    }
}

impl Errors {
    /// Counts an error at this row; the level it makes as a share of the greatest, where that is to be judged.
    fn share_of_greatest(&mut self, warm_start: u64) -> Option<f64> {
        self.distances.add((self.rows - self.last) as f64);
        self.last = self.rows;
        if self.rows <= warm_start {
            return None;
        }
        let level = self.distances.mean.value + 2.0 * self.distances.variance().sqrt();
        match self.greatest {
            Some(greatest) if level <= greatest => {
                (self.distances.mean.rows > warm_start).then_some(level / greatest)
            }
            _ => {
                self.greatest = Some(level);
                None
            }
        }
    }
}
