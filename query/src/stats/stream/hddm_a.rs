//! HDDM with averages: Hoeffding's bound on the change of a mean (Frías-Blanco and others 2015).

use super::mean::Mean;
use super::{Signal, demand, is_open_share};
use crate::stats::{StatsError, exact};

/// What can be set of [`HddmA`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HddmAParameters {
    /// Confidence of a detection.
    #[serde(with = "exact")]
    pub drift_confidence: f64,
    /// Confidence of a warning.
    #[serde(with = "exact")]
    pub warning_confidence: f64,
    /// Whether a fall of the mean counts as well as a rise.
    pub two_sided: bool,
}

impl Default for HddmAParameters {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, two_sided: false }
    }
}

/// The detector. Values lie in 0..=1 (an error is 1). It keeps the mean of all rows, and as cut points the mean where its
/// upper bound `mean + sqrt(ln(1 / drift_confidence) / 2n)` was lowest and where its lower bound was highest. The mean of
/// all `n` rows has risen where it is above that of the `m` rows of the lowest by
/// `sqrt((n - m) / (m n) / 2 ln(2 / confidence))` or more.
///
/// river's quirk: the cut points are found with the confidence of a detection, for warnings too.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HddmA {
    parameters: HddmAParameters,
    means: Means,
    signal: Signal,
}

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Means {
    all: Mean,
    lowest: Mean,
    highest: Mean,
}

impl HddmA {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: HddmAParameters) -> Result<Self, StatsError> {
        demand(is_open_share(parameters.drift_confidence), "drift_confidence", "above 0 and below 1")?;
        demand(is_open_share(parameters.warning_confidence), "warning_confidence", "above 0 and below 1")?;
        Ok(Self { parameters, means: Means::default(), signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            self.means = Means::default();
        }
        self.means.add(value, self.parameters.drift_confidence);
        self.signal = if self.has_changed(self.parameters.drift_confidence) {
            Signal::Drift
        } else if self.has_changed(self.parameters.warning_confidence) {
            Signal::Warning
        } else {
            Signal::None
        };
        self.signal
    }

    /// The mean of all rows; 0 before the first.
    pub fn mean(&self) -> f64 {
        self.means.all.value
    }

    fn has_changed(&self, confidence: f64) -> bool {
        let Means { all, lowest, highest } = &self.means;
        let beyond = |cut: &Mean, change: f64| cut.rows != all.rows && change >= bound(cut, all, confidence);
        let rise = beyond(lowest, all.value - lowest.value);
        rise || self.parameters.two_sided && beyond(highest, highest.value - all.value)
    }
}

impl Means {
    fn add(&mut self, value: f64, confidence: f64) {
        self.all.add(value);
        let own = |mean: &Mean| (1.0 / (2.0 * mean.rows as f64) * (1.0 / confidence).ln()).sqrt();
        let all = own(&self.all);
        if self.lowest.rows == 0 || self.lowest.value + own(&self.lowest) >= self.all.value + all {
            self.lowest = self.all.clone();
        }
        if self.highest.rows == 0 || self.highest.value - own(&self.highest) <= self.all.value - all {
            self.highest = self.all.clone();
        }
    }
}

/// How far the mean of all rows may be from that of those up to a cut.
fn bound(cut: &Mean, all: &Mean, confidence: f64) -> f64 {
    let (cut, all) = (cut.rows as f64, all.rows as f64);
    let sizes = (all - cut) / cut * (1.0 / all);
    (sizes / 2.0 * (2.0 / confidence).ln()).sqrt()
}
