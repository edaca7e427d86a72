//! Which metrics there are, and what each is by default.

use std::str::FromStr;

use super::span::{DAY, HOUR, MINUTE};
use super::unit::Unit;

/// Rows below which a value says too little, where the rule does not say.
const MIN_ROWS: u64 = 100;

/// Something of a model that can be held against a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The share of predictions that are right.
    Accuracy,
    /// The share of predicted positives that are positive.
    Precision,
    /// The share of positives that were predicted.
    Recall,
    /// The harmonic mean of the two.
    F1,
    /// The area under the ROC curve.
    Auc,
    /// The mean absolute error, in the label's unit.
    Mae,
    /// The root of the mean squared error, in the label's unit.
    Rmse,
    /// The coefficient of determination.
    R2,
    /// The median latency, in milliseconds.
    LatencyP50,
    /// The latency that 95 % of predictions keep to, in milliseconds.
    LatencyP95,
    /// The latency that 99 % of predictions keep to, in milliseconds.
    LatencyP99,
    /// The share of predictions that failed.
    ErrorRate,
    /// Predictions a second.
    Throughput,
    /// Predictions.
    Predictions,
    /// The share of features that drifted.
    DriftScore,
}

/// What kind of model a metric is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Classification,
    Regression,
    Any,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::Auc,
        Self::Mae,
        Self::Rmse,
        Self::R2,
        Self::LatencyP50,
        Self::LatencyP95,
        Self::LatencyP99,
        Self::ErrorRate,
        Self::Throughput,
        Self::Predictions,
        Self::DriftScore,
    ];

    /// Its name, such as `latency_p95`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::Auc => "auc",
            Self::Mae => "mae",
            Self::Rmse => "rmse",
            Self::R2 => "r2",
            Self::LatencyP50 => "latency_p50",
            Self::LatencyP95 => "latency_p95",
            Self::LatencyP99 => "latency_p99",
            Self::ErrorRate => "error_rate",
            Self::Throughput => "throughput",
            Self::Predictions => "predictions",
            Self::DriftScore => "drift_score",
        }
    }

    /// Other names of it.
    fn others(self) -> &'static [&'static str] {
        match self {
            Self::F1 => &["f1_score"],
            Self::Auc => &["auc_roc", "roc_auc"],
            Self::R2 => &["r²"],
            Self::LatencyP50 => &["p50_latency", "latency_(p50)"],
            Self::LatencyP95 => &["p95_latency", "latency_(p95)"],
            Self::LatencyP99 => &["p99_latency", "latency_(p99)"],
            Self::Predictions => &["predictions_count", "prediction_count"],
            _ => &[],
        }
    }

    /// How often it is judged where the rule does not say, in nanoseconds: quality and drift change slowly.
    pub fn every(self) -> i64 {
        if self.is_quality() || self == Self::DriftScore { HOUR } else { MINUTE }
    }

    /// What it is taken over where the rule does not say, in nanoseconds.
    pub fn over(self) -> i64 {
        match self {
            Self::DriftScore => HOUR,
            quality if quality.is_quality() => DAY,
            _ => 5 * MINUTE,
        }
    }

    /// Rows below which there is no data, where the rule does not say. Where rows themselves are counted few of them
    /// are what is looked for.
    pub fn min_rows(self) -> u64 {
        if matches!(self, Self::Throughput | Self::Predictions) { 0 } else { MIN_ROWS }
    }

    /// Whether it compares predictions with labels.
    pub fn is_quality(self) -> bool {
        self.of() != Of::Any
    }

    /// A threshold with or without a unit, in the metric's own: milliseconds, fractions, predictions a second.
    ///
    /// # Errors
    /// A text that says which units fit.
    pub fn threshold(self, text: &str) -> Result<f64, String> {
        self.unit().read(text).map_err(|what| format!("metric {} {what}", self.name()))
    }

    pub(super) fn of(self) -> Of {
        match self {
            Self::Accuracy | Self::Precision | Self::Recall | Self::F1 | Self::Auc => Of::Classification,
            Self::Mae | Self::Rmse | Self::R2 => Of::Regression,
            _ => Of::Any,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Mae | Self::Rmse | Self::R2 => Unit::Plain,
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 => Unit::Milliseconds,
            Self::Throughput => Unit::PerSecond,
            Self::Predictions => Unit::Count,
            _ => Unit::Fraction,
        }
    }
}

/// Any case, with spaces, hyphens or underscores: `Error Rate` is `error_rate`.
impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_lowercase().replace([' ', '-'], "_");
        let is_it = |metric: &Self| metric.name() == name || metric.others().contains(&name.as_str());
        Self::ALL.into_iter().find(is_it).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no metric; there are {names}; for anything else write WHEN .. AS SELECT ..")
        })
    }
}
