//! A running mean and variance.

use crate::stats::exact;

/// The mean of what was added, moved a step by each value. The order of operations is river's, so that a threshold is
/// met at the same row.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Mean {
    pub(super) rows: u64,
    #[serde(with = "exact")]
    pub(super) value: f64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.rows += 1;
        self.value += (1.0 / self.rows as f64) * (value - self.value);
    }
}

/// The mean, and the variance with `rows - 1` below (Welford 1962).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Variance {
    pub(super) mean: Mean,
    #[serde(with = "exact")]
    squares: f64,
}

impl Variance {
    pub(super) fn add(&mut self, value: f64) {
        let before = self.mean.value;
        self.mean.add(value);
        self.squares += (value - before) * (value - self.mean.value);
    }

    /// 0 of fewer than two values.
    pub(super) fn variance(&self) -> f64 {
        if self.mean.rows > 1 { self.squares / (self.mean.rows as f64 - 1.0) } else { 0.0 }
    }
}
