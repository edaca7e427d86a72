//! The two-sample Kolmogorov-Smirnov test.

mod one_sample;
mod paths;
mod smirnov;

/// Samples up to this size get the exact law, as scipy's `method='auto'` has it; larger ones the law of one sample.
const EXACT_SIZE_MAX: u64 = 10_000;

/// The statistic of two ascending samples: the greatest distance between their empirical distribution functions, 0..1.
/// Ties within and between the samples are safe. None when a side is empty.
///
/// Sorted by total order, without NaN; -0.0 and 0.0 are one value.
pub fn ks_statistic_sorted(reference: &[f64], current: &[f64]) -> Option<f64> {
    let each = |values: &[f64]| values.iter().map(|value| (*value, 1)).collect::<Vec<_>>();
    ks_statistic_counts(&each(reference), &each(current))
}

/// The statistic of two samples given as ascending values with their counts, as
/// [`Numeric::points`](driftline_storage::distribution::Numeric::points) gives them. Over counts on the lattice it is a
/// lower bound of the statistic of the rows, short by at most the share of the heaviest bucket.
///
/// The distance is found in whole numbers and rounded once, as scipy does up to 10,000 values a side (above that its
/// last digit may differ). None when a side has no counts.
pub fn ks_statistic_counts(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<f64> {
    let (n, m) = (total(reference)?, total(current)?);
    let (mut reference, mut current) = (Steps::new(reference), Steps::new(current));
    let mut greatest = 0_u128;
    while let Some(value) = lesser(reference.next_value(), current.next_value()) {
        // Both shares over the common denominator n m: products of two u64 fit.
        let below = (reference.count_to(value) * m).abs_diff(current.count_to(value) * n);
        greatest = greatest.max(below);
    }
    Some(greatest as f64 / (n * m) as f64)
}

/// The chance that two samples of `n` and `m` values of one continuous law are at least `statistic` apart, two-sided:
/// what `scipy.stats.ks_2samp(method='auto')` gives.
///
/// Up to 10,000 values a side it is the exact share of lattice paths (at most `n m` steps); above that
/// `kstwo.sf(statistic, round(n m / (n + m)))`, the law of one sample of finite size. Where rounding lifts scipy's
/// exact value above 1, it answers with that other law instead of 1 (`n = m = 7`, statistic 1/7); we answer 1. With
/// ties the value is too large, never too small (the test is conservative). None when a side is empty or the statistic
/// is not within 0..1.
pub fn ks_pvalue(statistic: f64, n: u64, m: u64) -> Option<f64> {
    if n == 0 || m == 0 || !(0.0..=1.0).contains(&statistic) {
        return None;
    }
    if n.max(m) <= EXACT_SIZE_MAX {
        return Some(paths::outside_probability(statistic, n, m));
    }
    let (n, m) = (n as f64, m as f64);
    let (large, small) = (n.max(m), n.min(m));
    let effective = large * small / (large + small);
    Some(one_sample::survival(statistic, effective.round_ties_even().max(1.0)))
}

/// The chance that the distribution functions of two samples are at least `statistic` apart, by the law of one sample of
/// `effective` values (`n m / (n + m)`, less where rows depend on each other; rounded, at least 1). As quick for any size. None
/// when the statistic is not within 0..1.
pub fn one_sample_pvalue(statistic: f64, effective: f64) -> Option<f64> {
    let known = (0.0..=1.0).contains(&statistic) && effective.is_finite();
    known.then(|| one_sample::survival(statistic, effective.round_ties_even().max(1.0)))
}

/// The count of all values; None for none. Counts saturate as a distribution's do.
fn total(points: &[(f64, u64)]) -> Option<u128> {
    let total = points.iter().fold(0, |total: u64, (_, count)| total.saturating_add(*count));
    (total > 0).then_some(u128::from(total))
}

fn lesser(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A walk up an empirical distribution function.
struct Steps<'a> {
    rest: &'a [(f64, u64)],
    counted: u64,
}

impl<'a> Steps<'a> {
    fn new(points: &'a [(f64, u64)]) -> Self {
        Self { rest: points, counted: 0 }
    }

    fn next_value(&self) -> Option<f64> {
        self.rest.first().map(|(value, _)| *value)
    }

    /// The count of all values up to and with this one.
    fn count_to(&mut self, value: f64) -> u128 {
        while let Some(((next, count), rest)) = self.rest.split_first()
            && *next <= value
        {
            self.counted = self.counted.saturating_add(*count);
            self.rest = rest;
        }
        u128::from(self.counted)
    }
}
