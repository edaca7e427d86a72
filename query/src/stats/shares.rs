//! Shares of two samples counted in the same bins, with the difference of each pair taken before anything is rounded.

/// A bin's share of the reference and of the current sample, and current − reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shares {
    pub reference: f64,
    pub current: f64,
    pub difference: f64,
}

/// The shares of each bin. None when a side has no counts, or the sides have not the same number of bins.
pub(super) fn shares(reference: &[u64], current: &[u64]) -> Option<impl Iterator<Item = Shares>> {
    if reference.len() != current.len() {
        return None;
    }
    let (n, m) = (total(reference)?, total(current)?);
    let of = move |(r, c): (&u64, &u64)| {
        let (q, p) = (u128::from(*r) * u128::from(m), u128::from(*c) * u128::from(n));
        let apart = p.abs_diff(q) as f64 / (u128::from(n) * u128::from(m)) as f64;
        Shares {
            reference: *r as f64 / n as f64,
            current: *c as f64 / m as f64,
            difference: if p < q { -apart } else { apart },
        }
    };
    Some(reference.iter().zip(current).map(of))
}

/// The count of all bins; None for none. Counts saturate as a distribution's do.
pub(super) fn total(counts: &[u64]) -> Option<u64> {
    let total = counts.iter().fold(0, |total: u64, count| total.saturating_add(*count));
    (total > 0).then_some(total)
}

/// Below this, [`excess`] is summed as a series: the closed form would subtract nearly equal numbers.
const SERIES_BELOW: f64 = 0.0625;
/// Terms of the series; the next is below 2^-53 of the first.
const SERIES_TERMS: u32 = 14;

/// `(1 + d) ln(1 + d) - d` for d of at least -1: 0 or more, and exact also where it is near 0. A sum of `p ln(p / q)`
/// over shares is the sum of `q excess((p - q) / q)`, which has no terms that cancel.
pub(super) fn excess(d: f64) -> f64 {
    if d <= -1.0 {
        return 1.0;
    }
    if d.abs() > SERIES_BELOW {
        return (1.0 + d) * d.ln_1p() - d;
    }
    // The sum over k of (-d)^k / (k (k - 1)), from k = 2.
    let coefficient = |k: u32| 1.0 / f64::from(k * (k - 1));
    (2..2 + SERIES_TERMS).rev().fold(0.0, |sum, k| coefficient(k) - d * sum) * d * d
}
