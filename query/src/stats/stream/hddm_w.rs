//! HDDM with weights: McDiarmid's bound on the change of a weighted mean (Frías-Blanco and others 2015).

use super::{Signal, demand, is_open_share};
use crate::stats::{StatsError, exact};

/// What can be set of [`HddmW`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HddmWParameters {
    /// Confidence of a detection.
    #[serde(with = "exact")]
    pub drift_confidence: f64,
    /// Confidence of a warning.
    #[serde(with = "exact")]
    pub warning_confidence: f64,
    /// The weight of the newest value in a mean.
    #[serde(with = "exact")]
    pub lambda: f64,
    /// Whether a fall of the mean counts as well as a rise.
    pub two_sided: bool,
}

impl Default for HddmWParameters {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, lambda: 0.05, two_sided: false }
    }
}

/// The detector. Values lie in 0..=1 (an error is 1). It keeps an exponentially weighted mean of all rows, and cuts
/// the stream where that mean's upper bound was lowest (for a fall: its lower bound highest): the mean up to the cut
/// against one of the rows after it. A mean whose squared weights sum to `w` has the bound
/// `sqrt(w ln(1 / confidence) / 2)`; a difference of two has their `w` together.
///
/// river's quirks: the cut points are found with the confidence of a detection, for warnings too; and `w` starts at 1
/// before the first row, so that it is a little less than the sum after it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HddmW {
    parameters: HddmWParameters,
    all: Weighted,
    rise: Cut,
    fall: Cut,
    signal: Signal,
}

impl HddmW {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: HddmWParameters) -> Result<Self, StatsError> {
        demand(is_open_share(parameters.drift_confidence), "drift_confidence", "above 0 and below 1")?;
        demand(is_open_share(parameters.warning_confidence), "warning_confidence", "above 0 and below 1")?;
        demand((0.0..=1.0).contains(&parameters.lambda), "lambda", "0 to 1")?;
        let (all, rise, fall) = Default::default();
        Ok(Self { parameters, all, rise, fall, signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            (self.all, self.rise, self.fall) = Default::default();
        }
        let lambda = self.parameters.lambda;
        self.all.add(value, lambda);
        let margin = bound(self.all.squared_weights, self.parameters.drift_confidence);
        self.rise.add(value, lambda, &self.all, self.all.mean() + margin);
        self.fall.add(value, lambda, &self.all, -(self.all.mean() - margin));
        self.signal = if self.has_changed(self.parameters.drift_confidence) {
            Signal::Drift
        } else if self.has_changed(self.parameters.warning_confidence) {
            Signal::Warning
        } else {
            Signal::None
        };
        self.signal
    }

    /// The weighted mean of all rows; 0 before the first.
    pub fn mean(&self) -> f64 {
        self.all.mean()
    }

    fn has_changed(&self, confidence: f64) -> bool {
        let fallen = || self.fall.change(confidence).is_some_and(|(change, bound)| -change > bound);
        let risen = self.rise.change(confidence).is_some_and(|(change, bound)| change > bound);
        risen || self.parameters.two_sided && fallen()
    }
}

/// A weighted mean, and the sum of the squares of its weights.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Weighted {
    #[serde(with = "exact")]
    mean: Option<f64>,
    #[serde(with = "exact")]
    squared_weights: f64,
}

impl Default for Weighted {
    fn default() -> Self {
        Self { mean: None, squared_weights: 1.0 }
    }
}

impl Weighted {
    fn add(&mut self, value: f64, lambda: f64) {
        let kept = 1.0 - lambda;
        self.mean = Some(self.mean.map_or(value, |mean| lambda * value + kept * mean));
        self.squared_weights = lambda * lambda + kept * kept * self.squared_weights;
    }

    fn mean(&self) -> f64 {
        self.mean.unwrap_or(0.0)
    }
}

/// The stream in two: up to where a bound was lowest, and after it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Cut {
    #[serde(with = "exact")]
    lowest: Option<f64>,
    before: Weighted,
    after: Weighted,
}

impl Cut {
    fn add(&mut self, value: f64, lambda: f64, all: &Weighted, bound: f64) {
        if self.lowest.is_none_or(|lowest| bound < lowest) {
            *self = Self { lowest: Some(bound), before: all.clone(), after: Weighted::default() };
        } else {
            self.after.add(value, lambda);
        }
    }

    /// How far the mean after the cut is above the one before it, and what it may be.
    fn change(&self, confidence: f64) -> Option<(f64, f64)> {
        let change = self.after.mean? - self.before.mean?;
        Some((change, bound(self.before.squared_weights + self.after.squared_weights, confidence)))
    }
}

fn bound(squared_weights: f64, confidence: f64) -> f64 {
    (squared_weights * (1.0 / confidence).ln() / 2.0).sqrt()
}
