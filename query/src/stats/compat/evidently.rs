//! Evidently 0.7: `stattests` for a numeric column and for a categorical one.
//!
//! Numeric columns go by rows: of more than 20 distinct reference values, Sturges' bins of both sides together (one far
//! outlier puts all else into one bin), else each value is a category. Categorical ones go by counts of the union of
//! categories. All are None for an empty side and with an infinite value; Evidently leaves those out as it does NaN. For
//! columns of integers numpy makes no bin narrower than 1, which matters only for more than half a million rows.

use super::numpy_bins::sturges;
use super::{comparable, histograms};
use crate::stats::moments::Moments;
use crate::stats::{self, Bins, kl, shares, wasserstein_distance};

/// Up to so many distinct reference values each is a bin of its own.
const DISTINCT_MAX: usize = 20;
/// A share that an empty bin gets, where no other share of the side is as small.
const ZERO_SHARE: f64 = 1e-4;
/// Else it gets the side's least share over this.
const LEAST_SHARE_OVER: f64 = 1e6;
/// What the Wasserstein distance is divided by at least.
const DEVIATION_LEAST: f64 = 0.001;

/// The PSI of a numeric column: as [`psi`](super::super::psi()), but an empty bin counts as 1e-4 only where every other
/// share of that side is above that, else as a millionth of the least.
pub fn psi(reference: &[f64], current: &[f64]) -> Option<f64> {
    psi_of(&binned(reference, current)?)
}

/// The PSI of a categorical column.
pub fn psi_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    psi_of(&categories(reference, current)?)
}

fn psi_of(bins: &Bins) -> Option<f64> {
    let (reference, current) = filled(bins)?;
    let term = |(q, p): (&f64, &f64)| (q - p) * (q / p).ln();
    Some(reference.iter().zip(&current).map(term).sum())
}

/// The Jensen-Shannon distance of a numeric column, base e: that of base 2 times `sqrt(ln 2)`.
pub fn js_distance(reference: &[f64], current: &[f64]) -> Option<f64> {
    let bins = binned(reference, current)?;
    js_distance_counts(&bins.reference, &bins.current)
}

/// The Jensen-Shannon distance of a categorical column, base e.
pub fn js_distance_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    Some((stats::js_divergence(reference, current)? * std::f64::consts::LN_2).sqrt())
}

/// The Kullback-Leibler divergence of a numeric column, with the zeros of [`psi`].
pub fn kl_divergence(reference: &[f64], current: &[f64]) -> Option<f64> {
    kl_of(&binned(reference, current)?)
}

/// The Kullback-Leibler divergence of a categorical column, with the zeros of [`psi`].
pub fn kl_divergence_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    kl_of(&categories(reference, current)?)
}

fn kl_of(bins: &Bins) -> Option<f64> {
    let (reference, current) = filled(bins)?;
    kl::divergence(&reference, &current)
}

/// The Hellinger distance of a numeric column: in Sturges' bins of the *distinct* values, however few there are.
pub fn hellinger_distance(reference: &[f64], current: &[f64]) -> Option<f64> {
    if !comparable(reference, current) {
        return None;
    }
    let bins = histograms(reference, current, &sturges(&distinct(reference.iter().chain(current)))?);
    stats::hellinger_distance(&bins.reference, &bins.current)
}

/// The Hellinger distance of a categorical column: [`hellinger_distance`](super::super::hellinger_distance).
pub fn hellinger_distance_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    stats::hellinger_distance(reference, current)
}

/// The Wasserstein distance of two ascending samples over the standard deviation of the reference, which counts as .001
/// at least: a constant reference has an answer, which depends on the unit.
pub fn wasserstein_normed(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<f64> {
    let deviation = Moments::of(reference)?.population_deviation();
    Some(wasserstein_distance(reference, current)? / deviation.max(DEVIATION_LEAST))
}

fn binned(reference: &[f64], current: &[f64]) -> Option<Bins> {
    if !comparable(reference, current) {
        return None;
    }
    if distinct(reference).len() <= DISTINCT_MAX {
        return Some(each_value(reference, current));
    }
    let pooled: Vec<f64> = reference.iter().chain(current).copied().collect();
    Some(histograms(reference, current, &sturges(&pooled)?))
}

/// The categories that occur: a bin of a histogram that is empty on both sides has zeros to fill, a category has none.
fn categories(reference: &[u64], current: &[u64]) -> Option<Bins> {
    let bins = reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let (r, c) = bins.map(|(r, c)| (*r, *c)).unzip();
    (reference.len() == current.len()).then_some(Bins { reference: r, current: c })
}

fn each_value(reference: &[f64], current: &[f64]) -> Bins {
    let values = distinct(reference.iter().chain(current));
    let [reference, current] = [reference, current].map(|side| {
        let mut counts = vec![0; values.len()];
        for value in side {
            let place = values.partition_point(|other| other < value);
            counts.iter_mut().skip(place).take(1).for_each(|count| *count += 1);
        }
        counts
    });
    Bins { reference, current }
}

fn distinct<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<f64> {
    // Adding 0 makes one zero of the two.
    let mut values: Vec<f64> = values.into_iter().map(|value| value + 0.0).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    values
}

/// The shares of both sides without zeros; they are not made to sum to 1 again.
fn filled(bins: &Bins) -> Option<(Vec<f64>, Vec<f64>)> {
    let (mut reference, mut current): (Vec<f64>, Vec<f64>) =
        shares::shares(&bins.reference, &bins.current)?.map(|bin| (bin.reference, bin.current)).unzip();
    fill_zeros(&mut reference);
    fill_zeros(&mut current);
    Some((reference, current))
}

fn fill_zeros(shares: &mut [f64]) {
    let least = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let zero = if least <= ZERO_SHARE { least / LEAST_SHARE_OVER } else { ZERO_SHARE };
    shares.iter_mut().filter(|share| **share == 0.0).for_each(|share| *share = zero);
}
