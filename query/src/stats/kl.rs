//! The Kullback-Leibler divergence.

use super::shares::{excess, total};

/// The share that an empty bin counts as, as [`psi`](super::psi()) has it.
const ZERO_SHARE: f64 = 1e-4;

/// The Kullback-Leibler divergence of the current sample from the reference, counted in the same bins: the sum of
/// `q ln(q / p)` over the bins, with `q` the share of the reference and `p` that of the current sample, in nats, 0 or
/// more (Kullback and Leibler 1951; the direction is that of Evidently). It is not the same with the sides exchanged.
///
/// As for the PSI an empty bin counts as a share of 1e-4, on both sides alike: a category that is new or has vanished
/// weighs much, but not infinitely. A side that was so filled is made to sum to 1 again, else the sum could fall below 0.
/// A bin that is empty on both sides is left out.
///
/// None when a side has no counts, or the sides have not the same number of bins.
pub fn kl_divergence(reference: &[u64], current: &[u64]) -> Option<f64> {
    if reference.len() != current.len() {
        return None;
    }
    let (n, m) = (total(reference)? as f64, total(current)? as f64);
    let weight = |count: u64, total: f64| if count == 0 { ZERO_SHARE * total } else { count as f64 };
    let bins = reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let (reference, current): (Vec<f64>, Vec<f64>) =
        bins.map(|(r, c)| (weight(*r, n), weight(*c, m))).unzip();
    divergence(&reference, &current)
}

/// The divergence of positive weights, which need not sum to 1. None where a side sums to nothing.
pub(super) fn divergence(reference: &[f64], current: &[f64]) -> Option<f64> {
    let (n, m): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    if !(n > 0.0 && m > 0.0 && n.is_finite() && m.is_finite()) {
        return None;
    }
    let term = |(r, c): (&f64, &f64)| {
        let expected = c * n / m;
        let apart = (r * m - c * n) / (c * n);
        if expected > 0.0 { expected * excess(apart) } else { *r * f64::INFINITY }
    };
    let sum = reference.iter().zip(current).filter(|(r, c)| **r > 0.0 || **c > 0.0).map(term).sum::<f64>();
    Some(sum / n).filter(|divergence| !divergence.is_nan())
}
