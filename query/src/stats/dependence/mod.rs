//! How much rows that follow each other are alike: how many rows tell as much as one independent row.
//!
//! Tests of two samples take rows for independent. Where each is like the one before, the mean of a window strays further
//! than they expect, and windows in which nothing changed look changed: with a correlation of .9 from row to row the
//! Kolmogorov-Smirnov test at .05 calls three of four windows of 1,000 rows changed.

mod blocks;
mod levels;

use blocks::Blocks;
pub use levels::Levels;

/// How far back rows are compared: the greatest order of the autoregression.
const LAGS: usize = 12;
/// Fewer rows say nothing of how they depend on each other.
const ROWS_MIN: u64 = 100;
/// Rows of a reference that tell as much as one independent row, at most a twentieth of them: beyond, one stretch of it is
/// all there is, and nothing can be said of windows.
const EFFECTIVE_MIN: f64 = 20.0;
/// How many of its standard errors the variance of blocks has to be above that of the autoregression to count.
const BLOCKS_APART: f64 = 3.0;

/// Values in order of time whose mean is known, looked at one by one.
///
/// [`inflation`](Self::inflation) is the variance of the mean of many consecutive values in terms of that of as many
/// independent ones, `1 + 2 (r_1 + r_2 + ..)` with the autocorrelations `r`: for an autoregression of order 1 it is `(1 +
/// r_1) / (1 - r_1)`. It comes from an autoregression fitted by Yule and Walker's equations (Durbin 1960), its order chosen by
/// Schwarz's criterion (1978) among 0 to 12: its spectral density at 0 (Berk 1974). What that does not see, slow changes such
/// as those by the hour of the day, is seen in the variance of the means of 64 to 128 blocks of rows: where that is larger by
/// three standard errors, it is taken.
#[derive(Clone, Debug)]
pub struct Stretch {
    mean: f64,
    count: u64,
    /// The last values less the mean, the newest first.
    last: [f64; LAGS],
    /// Sums of products of values that far apart.
    products: [f64; LAGS + 1],
    blocks: Blocks,
}

impl Stretch {
    /// Of values with this mean.
    pub fn new(mean: f64) -> Self {
        Self { mean, count: 0, last: [0.0; LAGS], products: [0.0; LAGS + 1], blocks: Blocks::default() }
    }

    /// The next value.
    pub fn push(&mut self, value: f64) {
        let value = value - self.mean;
        let [own, products @ ..] = &mut self.products;
        *own += value * value;
        // Before the first value all are 0, and add nothing.
        products.iter_mut().zip(&self.last).for_each(|(sum, earlier)| *sum += value * earlier);
        self.last.rotate_right(1);
        self.last[0] = value;
        self.count += 1;
        self.blocks.push(value);
    }

    /// How many consecutive rows tell as much as one independent row: 1 or more; 1 where fewer than 100 were seen or all are
    /// the same.
    pub fn inflation(&self) -> f64 {
        let variance = self.products[0] / self.count.max(1) as f64;
        if self.count < ROWS_MIN || variance <= 0.0 {
            return 1.0;
        }
        let fitted = self.fitted();
        let of_blocks = self.blocks.inflation(variance);
        let apart = |(inflation, error): &(f64, f64)| *inflation > fitted * (1.0 + BLOCKS_APART * error);
        let inflation = of_blocks.filter(apart).map_or(fitted, |(inflation, _)| inflation);
        inflation.clamp(1.0, (self.count as f64 / EFFECTIVE_MIN).max(1.0))
    }

    /// By the autoregression whose order Schwarz's criterion chooses.
    fn fitted(&self) -> f64 {
        let [own, rest @ ..] = self.products.map(|sum| sum / self.count as f64);
        let n = self.count as f64;
        let (mut coefficients, mut left): (Vec<f64>, f64) = (Vec::with_capacity(LAGS), own);
        let (mut best, mut inflation) = (n * left.ln(), 1.0);
        for (order, product) in (1..).zip(rest) {
            let earlier = rest.iter().take(order - 1).rev();
            let known: f64 = coefficients.iter().zip(earlier).map(|(c, r)| c * r).sum();
            let partial = (product - known) / left;
            let mirrored: Vec<f64> = coefficients.iter().rev().copied().collect();
            coefficients.iter_mut().zip(mirrored).for_each(|(c, mirror)| *c -= partial * mirror);
            coefficients.push(partial);
            left *= 1.0 - partial * partial;
            if left <= 0.0 {
                break;
            }
            let criterion = n * left.ln() + order as f64 * n.ln();
            if criterion < best {
                let gain = 1.0 - coefficients.iter().sum::<f64>();
                (best, inflation) = (criterion, left / (gain * gain) / own);
            }
        }
        inflation
    }
}

#[cfg(test)]
mod tests;
