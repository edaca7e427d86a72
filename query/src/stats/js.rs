//! The Jensen-Shannon distance and its square, the divergence.

use super::shares::total;

/// Below this, `f(r)` is summed as a series: the closed form would subtract nearly equal numbers.
const SERIES_BELOW: f64 = 0.125;
/// Terms of the series; the next is below 2^-64 of the first.
const SERIES_TERMS: u32 = 11;

/// The Jensen-Shannon distance of two samples counted in the same bins, base 2: the root of the divergence
/// `(KL(p || m) + KL(q || m)) / 2`, `m = (p + q) / 2`. 0 for equal shares, 1 for samples that have no bin in common.
/// The same with the sides exchanged. Empty bins are as they are.
///
/// None when a side has no counts, or the sides have not the same number of bins.
///
/// Unlike the formula as written, which loses half of the digits where the samples are nearly alike, each bin's part is
/// computed from the exact difference of the counts.
pub fn js_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    js_divergence(reference, current).map(f64::sqrt)
}

/// The Jensen-Shannon divergence, base 2: the square of [`js_distance`], 0..1, and None where that is None.
pub fn js_divergence(reference: &[u64], current: &[u64]) -> Option<f64> {
    if reference.len() != current.len() {
        return None;
    }
    let (n, m) = (total(reference)?, total(current)?);
    let term = |(r, c): (&u64, &u64)| bin_term(*r, *c, n, m);
    let divergence: f64 = reference.iter().zip(current).map(term).sum();
    Some((divergence / std::f64::consts::LN_2).min(1.0))
}

/// One bin's part of the divergence, in nats: `m f(r) / 2` with `r = (p - q) / (p + q)`, the shares `p, q = m (1 ± r)`.
fn bin_term(reference: u64, current: u64, n: u64, m: u64) -> f64 {
    // p and q over the common denominator n m: products of two u64 fit u128, and so does their difference.
    let p = u128::from(reference) * u128::from(m);
    let q = u128::from(current) * u128::from(n);
    if p == 0 && q == 0 {
        return 0.0;
    }
    let difference = p.abs_diff(q) as f64;
    let sum = p as f64 + q as f64;
    let middle = (reference as f64 / n as f64 + current as f64 / m as f64) / 2.0;
    middle * mixing_loss(difference / sum) / 2.0
}

/// `(1 + r) ln(1 + r) + (1 - r) ln(1 - r)` for r in 0..=1, which is the sum of `r^2k / (k (2k - 1))`.
fn mixing_loss(r: f64) -> f64 {
    if r >= 1.0 {
        return 2.0 * std::f64::consts::LN_2;
    }
    if r > SERIES_BELOW {
        return (1.0 + r) * r.ln_1p() + (1.0 - r) * (-r).ln_1p();
    }
    let square = r * r;
    let coefficient = |k: u32| 1.0 / f64::from(k * (2 * k - 1));
    (1..=SERIES_TERMS).rev().fold(0.0, |sum, k| (sum + coefficient(k)) * square)
}
