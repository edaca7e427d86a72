//! CUSUM, the two-sided tabular chart (Page 1954; Montgomery, Introduction to Statistical Quality Control, chapter 9).

use super::mean::Mean;
use super::{Signal, demand};
use crate::stats::{StatsError, exact};

/// Rows of a baseline at most: a state holds them until there are enough.
const BASELINE_MAX: usize = 10_000;

/// What can be set of [`Cusum`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CusumParameters {
    /// Rows that the mean and the standard deviation are taken from.
    pub baseline_rows: usize,
    /// What a value may be off the mean, in standard deviations.
    #[serde(with = "exact")]
    pub slack: f64,
    /// What a sum may reach, in standard deviations.
    #[serde(with = "exact")]
    pub threshold: f64,
}

impl Default for CusumParameters {
    fn default() -> Self {
        Self { baseline_rows: 30, slack: 0.5, threshold: 5.0 }
    }
}

/// The detector. The first rows give the mean and the standard deviation (`n - 1` below) and raise no signal; after them,
/// with `z` the value in standard deviations off the mean, `high = max(0, high + z - slack)` and
/// `low = max(0, low - z - slack)`. A sum above the threshold is a change, after which a new baseline is taken.
///
/// Slack 0.5 and threshold 5 are the textbook's: a shift by one standard deviation is found after some 10 rows, and with
/// the true mean and deviation known a false alarm comes about every 465 rows of normal noise; from a baseline of 30 rows
/// it comes earlier, since its mean is off. Where the baseline was constant, any other value is a change at once.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cusum {
    parameters: CusumParameters,
    /// The first rows, as long as they are too few.
    #[serde(with = "exact")]
    first: Vec<f64>,
    chart: Option<Chart>,
    signal: Signal,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Chart {
    #[serde(with = "exact")]
    mean: f64,
    #[serde(with = "exact")]
    deviation: f64,
    #[serde(with = "exact")]
    high: f64,
    #[serde(with = "exact")]
    low: f64,
}

impl Cusum {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: CusumParameters) -> Result<Self, StatsError> {
        demand((2..=BASELINE_MAX).contains(&parameters.baseline_rows), "baseline_rows", "2 to 10000")?;
        demand(parameters.slack.is_finite() && parameters.slack >= 0.0, "slack", "0 or more")?;
        demand(parameters.threshold.is_finite() && parameters.threshold >= 0.0, "threshold", "0 or more")?;
        Ok(Self { parameters, first: Vec::new(), chart: None, signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            self.chart = None;
        }
        self.signal = match &mut self.chart {
            Some(chart) => {
                chart.add(value, self.parameters.slack);
                Signal::drift_if(chart.high.max(chart.low) > self.parameters.threshold)
            }
            None => {
                self.learn(value);
                Signal::None
            }
        };
        self.signal
    }

    /// The greater of the two sums; None while the baseline is taken.
    pub fn sum(&self) -> Option<f64> {
        self.chart.as_ref().map(|chart| chart.high.max(chart.low))
    }

    fn learn(&mut self, value: f64) {
        self.first.push(value);
        if self.first.len() >= self.parameters.baseline_rows {
            self.chart = Some(Chart::of(&self.first));
            self.first.clear();
        }
    }
}

impl Chart {
    fn of(values: &[f64]) -> Self {
        let mut mean = Mean::default();
        values.iter().for_each(|value| mean.add(*value));
        let mean = mean.value;
        // In units of the greatest distance, so that no square leaves the range of doubles.
        let greatest = values.iter().fold(0.0_f64, |greatest, value| greatest.max((value - mean).abs()));
        let squares: f64 = values.iter().map(|value| ((value - mean) / greatest).powi(2)).sum();
        let varies = greatest > 0.0;
        let deviation = if varies { greatest * (squares / (values.len() as f64 - 1.0)).sqrt() } else { 0.0 };
        Self { mean, deviation, high: 0.0, low: 0.0 }
    }

    fn add(&mut self, value: f64, slack: f64) {
        let apart = value - self.mean;
        // Infinitely many deviations off a baseline that does not vary.
        let z = if apart == 0.0 { 0.0 } else { apart / self.deviation };
        self.high = (self.high + z - slack).max(0.0);
        self.low = (self.low - z - slack).max(0.0);
    }
}
