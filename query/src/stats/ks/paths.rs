//! The exact law of the two-sample statistic, by counting lattice paths (Gnedenko and Korolyuk 1951, Hodges 1958).
//!
//! Two samples without ties, pooled and sorted, are a path of `n` steps right and `m` steps up; all paths are equally
//! likely if both samples have one law. The statistic is at least `d` where the path leaves a band about the diagonal.

/// The share of paths that reach a distance of `statistic` from the diagonal. `n` and `m` are at least 1 and at most
/// 10,000.
pub(super) fn outside_probability(statistic: f64, n: u64, m: u64) -> f64 {
    let common = gcd(n, m);
    // Distances are multiples of 1 / lcm; the nearest one is meant.
    let steps = (statistic * (n / common * m) as f64).round_ties_even() as u64;
    let outside = match (steps, n == m) {
        (0, _) => 1.0,
        _ if is_below_doubles(statistic, n as f64, m as f64) => 0.0,
        (steps, true) => outside_square(n, steps),
        (steps, false) => outside_band(n.max(m), n.min(m), steps * common),
    };
    outside.clamp(0.0, 1.0)
}

/// Whether the share is too small for a double, so that a band nearly as wide as the plane need not be walked. Where the
/// samples are cut at one place, Hoeffding's bound for drawing without replacement (Serfling 1974) holds; there are at
/// most 20,000 places and two sides, and 2^-1075 is exp(-745.2).
fn is_below_doubles(statistic: f64, n: f64, m: f64) -> bool {
    let large = n.max(m);
    let exponent = 2.0 * statistic * statistic * (n * m / (n + m)) * (large / (large + 1.0));
    exponent > 745.2 + (2.0 * 20_000.0_f64).ln()
}

/// Equal sizes, by reflection: `2 (C(2n, n-h) - C(2n, n-2h) + ..) / C(2n, n)`, evaluated from the last term with each
/// coefficient as a multiple of the one before it, so that neither overflow nor large differences occur.
fn outside_square(n: u64, h: u64) -> f64 {
    let ratio = |k: u64| {
        let factor = |j: u64| (n - k * h - j) as f64 / (n + k * h + j + 1) as f64;
        (0..h).map(factor).product::<f64>()
    };
    2.0 * (0..n / h).rev().fold(0.0, |rest, k| ratio(k) * (1.0 - rest))
}

/// Sizes that differ, `a > b`: the share of paths to each point that have been where `|x b - y a| >= reach`, from the
/// shares at the two points before it. The last step to (x, y) came from the left in `x / (x + y)` of the paths. Only
/// positive numbers are added, so that the smallest probabilities are as exact as the largest.
fn outside_band(a: u64, b: u64, reach: u64) -> f64 {
    let reciprocals: Vec<f64> = (0..=a + b).map(|sum| 1.0 / sum as f64).collect();
    // shares[y] of the column to the left; points outside the band keep their 1, since the band only moves up.
    let mut shares = vec![1.0; b as usize + 1];
    let first_column = band(0, a, b, reach);
    shares.iter_mut().take(first_column.len()).for_each(|share| *share = 0.0);
    for x in 1..=a {
        let inside = band(x, a, b, reach);
        let mut below = 1.0;
        let first = inside.start;
        let column = shares.get_mut(inside).unwrap_or_default();
        for (place, share) in column.iter_mut().enumerate() {
            let y = first + place;
            let weight = reciprocals.get(x as usize + y).copied().unwrap_or(0.0);
            below = *share * (x as f64 * weight) + below * (y as f64 * weight);
            *share = below;
        }
    }
    shares.last().copied().unwrap_or(1.0)
}

/// The heights `y` of a column that are within the band: `|x b - y a| < reach`.
fn band(x: u64, a: u64, b: u64, reach: u64) -> std::ops::Range<usize> {
    let across = x * b;
    let start = if across < reach { 0 } else { (across - reach) / a + 1 };
    let end = (across + reach).div_ceil(a).min(b + 1);
    start as usize..(end as usize).max(start as usize)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
