//! KSWIN: the newest rows of a window against some of its older ones (Raab, Heusinger and Schleif 2020).

use std::collections::VecDeque;

use super::{Signal, demand};
use crate::stats::{StatsError, exact, ks_pvalue, ks_statistic_sorted};

/// Rows of the window at most: a row costs a sort of `stat_size` values, and a state holds the window.
const WINDOW_MAX: usize = 10_000;
/// river's floor under the distance: at or below it nothing is a change, however small the p value.
const DISTANCE_MIN: f64 = 0.1;

/// What can be set of [`Kswin`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct KswinParameters {
    /// The p value at or below which it detects.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// Rows of the window.
    pub window_size: usize,
    /// Rows on each side of the comparison: the newest, and as many of the others. Half of the window at most.
    pub stat_size: usize,
}

impl Default for KswinParameters {
    fn default() -> Self {
        Self { alpha: 0.005, window_size: 100, stat_size: 30 }
    }
}

/// Where the older rows of a comparison come from.
pub trait Draw {
    /// `count` different numbers below `below`, each set of them as likely as any other.
    fn draw(&mut self, below: usize, count: usize) -> Vec<usize>;

    /// Starts again: what was drawn first is drawn next.
    fn restart(&mut self);
}

/// The draw that is used where no other is asked for: splitmix64 (Steele, Lea and Flood 2014) and the first `count`
/// places of a Fisher-Yates shuffle.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SplitMix {
    seed: u64,
    state: u64,
}

impl SplitMix {
    /// The draws of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`: the upper half of the product with 64 bits. Off from even by less than `bound` in 2^64.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

impl Draw for SplitMix {
    fn draw(&mut self, below: usize, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..below).collect();
        let count = count.min(below);
        for place in 0..count {
            let other = place + self.below(below - place);
            places.swap(place, other);
        }
        places.truncate(count);
        places
    }

    fn restart(&mut self) {
        self.state = self.seed;
    }
}

/// The detector. Once the window is full, every row draws `stat_size` of the rows before the newest `stat_size` and
/// compares the two by the Kolmogorov-Smirnov test ([`ks_pvalue`]): a change is a p value of `alpha` or less with a
/// distance above 0.1.
///
/// Rows are drawn anew each time, so that neighbouring tests differ, and at the default `alpha` a stream without change is
/// signalled about once in a thousand rows.
///
/// river's quirks: the floor under the distance; and after a detection the window starts empty and the draws start
/// again, although it has put the newest rows aside to go on with.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Kswin<D = SplitMix> {
    parameters: KswinParameters,
    draw: D,
    #[serde(with = "exact")]
    window: VecDeque<f64>,
    signal: Signal,
}

impl Kswin {
    /// A detector that has seen nothing, drawing from a seed by [`SplitMix`].
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: KswinParameters, seed: u64) -> Result<Self, StatsError> {
        Self::with_draw(parameters, SplitMix::new(seed))
    }
}

impl<D: Draw> Kswin<D> {
    /// A detector that has seen nothing, with draws of another kind.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn with_draw(parameters: KswinParameters, draw: D) -> Result<Self, StatsError> {
        demand((0.0..=1.0).contains(&parameters.alpha), "alpha", "0 to 1")?;
        demand(parameters.window_size <= WINDOW_MAX, "window_size", "10000 or less")?;
        let sides = 1..=parameters.window_size / 2;
        demand(sides.contains(&parameters.stat_size), "stat_size", "1 to half of window_size")?;
        Ok(Self { parameters, draw, window: VecDeque::new(), signal: Signal::None })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.signal == Signal::Drift {
            self.window.clear();
            self.draw.restart();
        }
        if self.window.len() >= self.parameters.window_size {
            self.window.pop_front();
        }
        self.window.push_back(value);
        let full = self.window.len() >= self.parameters.window_size;
        self.signal = Signal::drift_if(full && self.has_change());
        self.signal
    }

    fn has_change(&mut self) -> bool {
        let size = self.parameters.stat_size;
        let older_rows = self.parameters.window_size - size;
        let drawn = self.draw.draw(older_rows, size);
        let older = sorted(drawn.iter().filter_map(|place| self.window.get(*place)));
        let newer = sorted(self.window.iter().skip(older_rows));
        let Some(distance) = ks_statistic_sorted(&older, &newer) else { return false };
        let p_value = ks_pvalue(distance, older.len() as u64, newer.len() as u64);
        p_value.is_some_and(|p_value| p_value <= self.parameters.alpha) && distance > DISTANCE_MIN
    }
}

fn sorted<'a>(values: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}
