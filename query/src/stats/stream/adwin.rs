//! ADWIN: a window that shrinks when its older part differs from its newer one (Bifet and Gavaldà 2007).

use std::collections::VecDeque;

use super::{Signal, demand, is_open_share};
use crate::stats::{StatsError, exact};

/// Buckets of one size that can be asked for; with the 53 sizes that a count of rows can reach, this bounds the state.
const BUCKETS_MAX: usize = 64;

/// What can be set of [`Adwin`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AdwinParameters {
    /// Confidence; the smaller, the fewer detections.
    #[serde(with = "exact")]
    pub delta: f64,
    /// Rows between two looks for a change.
    pub clock: u64,
    /// Buckets of one size that are kept before the two oldest become one of the next size.
    pub max_buckets: usize,
    /// Rows that each part must have.
    pub min_window_length: u64,
    /// The window must hold more rows than this.
    pub grace_period: u64,
}

impl Default for AdwinParameters {
    fn default() -> Self {
        Self { delta: 0.002, clock: 32, max_buckets: 5, min_window_length: 5, grace_period: 10 }
    }
}

/// Rows that are kept as their sum and their sum of squares about their mean.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Bucket {
    #[serde(with = "exact")]
    total: f64,
    #[serde(with = "exact")]
    squares: f64,
}

/// The detector. The window is kept in buckets of 1, 2, 4, .. rows, the oldest the largest: memory grows with the
/// logarithm of its width.
///
/// Every `clock` rows each boundary between buckets is tried as a cut into an older part of `n0` rows and a newer one of
/// `n1`, means `u0` and `u1`: with `d = ln(2 ln(n0 + n1) / delta)`, `m = 1/(n0 - l + 1) + 1/(n1 - l + 1)` for `l` the
/// least length of a part, and `v` the variance of the whole window, it is a change where
/// `|u0 - u1| > sqrt(2 m v d) + 2/3 d m`. Then the oldest bucket is dropped and all cuts are tried again.
///
/// river's quirks: the least length is in `m` (the paper has `1/n0 + 1/n1`), and after a detection the window starts
/// empty, where the paper keeps its newer part.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adwin {
    parameters: AdwinParameters,
    window: Window,
    rows: u64,
    signal: Signal,
}

impl Adwin {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: AdwinParameters) -> Result<Self, StatsError> {
        demand(is_open_share(parameters.delta), "delta", "above 0 and below 1")?;
        demand(parameters.clock > 0, "clock", "1 or more")?;
        demand((2..=BUCKETS_MAX).contains(&parameters.max_buckets), "max_buckets", "2 to 64")?;
        demand(parameters.min_window_length > 0, "min_window_length", "1 or more")?;
        Ok(Self { parameters, window: Window::default(), rows: 0, signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            (self.window, self.rows) = (Window::default(), 0);
        }
        self.window.add(value, self.parameters.max_buckets);
        self.rows += 1;
        let due = self.rows.is_multiple_of(self.parameters.clock);
        let grown = self.window.width > self.parameters.grace_period as f64;
        self.signal = Signal::drift_if(due && grown && self.shrink());
        self.signal
    }

    /// Rows in the window.
    pub fn width(&self) -> u64 {
        self.window.width as u64
    }

    /// The mean of the window; None of an empty one.
    pub fn mean(&self) -> Option<f64> {
        (self.window.width > 0.0).then(|| self.window.total / self.window.width)
    }

    /// Drops the oldest buckets until no cut is a change; whether there was one.
    fn shrink(&mut self) -> bool {
        let mut shrunk = false;
        while self.has_change() {
            self.window.drop_oldest();
            shrunk = true;
        }
        shrunk
    }

    fn has_change(&self) -> bool {
        let least = self.parameters.min_window_length as f64;
        let (mut older, mut newer) = ((0.0, 0.0), (self.window.width, self.window.total));
        self.window.oldest_first().any(|(rows, total)| {
            older = (older.0 + rows, older.1 + total);
            newer = (newer.0 - rows, newer.1 - total);
            let long_enough = older.0 >= least && newer.0 >= least;
            long_enough && (older.1 / older.0 - newer.1 / newer.0).abs() > self.bound(older.0, newer.0)
        })
    }

    /// How far apart the means of two parts of no change can be.
    fn bound(&self, older: f64, newer: f64) -> f64 {
        let width = self.window.width;
        let confidence = (2.0 * width.ln() / self.parameters.delta).ln();
        let shorter = self.parameters.min_window_length as f64;
        let sizes = 1.0 / (older - shorter + 1.0) + 1.0 / (newer - shorter + 1.0);
        let variance = self.window.squares / width;
        (2.0 * sizes * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * sizes
    }
}

/// The rows since the last change that was found, in buckets: `levels[i]` has those of 2^i rows, oldest first.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Window {
    levels: Vec<VecDeque<Bucket>>,
    #[serde(with = "exact")]
    width: f64,
    #[serde(with = "exact")]
    total: f64,
    #[serde(with = "exact")]
    squares: f64,
}

impl Window {
    fn add(&mut self, value: f64, max_buckets: usize) {
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            let apart = value - self.total / before;
            self.squares += before * apart * apart / self.width;
        }
        self.total += value;
        let mut carried = Some(Bucket { total: value, squares: 0.0 });
        let mut level = 0;
        while let Some(bucket) = carried {
            carried = self.put(level, bucket, max_buckets);
            level += 1;
        }
    }

    /// Puts a bucket on a level; where that has too many now, the two oldest leave it as one.
    fn put(&mut self, level: usize, bucket: Bucket, max_buckets: usize) -> Option<Bucket> {
        if self.levels.len() <= level {
            self.levels.push(VecDeque::new());
        }
        let buckets = self.levels.get_mut(level)?;
        buckets.push_back(bucket);
        if buckets.len() <= max_buckets {
            return None;
        }
        let (first, second) = (buckets.pop_front()?, buckets.pop_front()?);
        let rows = size(level);
        let apart = first.total / rows - second.total / rows;
        let between = rows * 0.5 * apart * apart;
        Some(Bucket { total: first.total + second.total, squares: first.squares + second.squares + between })
    }

    fn drop_oldest(&mut self) {
        let rows = size(self.levels.len().saturating_sub(1));
        let Some(oldest) = self.levels.last_mut().and_then(VecDeque::pop_front) else { return };
        self.width -= rows;
        self.total -= oldest.total;
        let apart = oldest.total / rows - self.total / self.width;
        self.squares -= oldest.squares + rows * self.width * apart * apart / (rows + self.width);
        if self.levels.last().is_some_and(VecDeque::is_empty) {
            self.levels.pop();
        }
    }

    /// The rows and the sum of each bucket.
    fn oldest_first(&self) -> impl Iterator<Item = (f64, f64)> {
        let levels = self.levels.iter().enumerate().rev();
        levels.flat_map(|(level, buckets)| buckets.iter().map(move |bucket| (size(level), bucket.total)))
    }
}

/// Rows in a bucket of a level.
fn size(level: usize) -> f64 {
    (level as f64).exp2()
}
