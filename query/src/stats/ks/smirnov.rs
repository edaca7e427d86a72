//! The law of the one-sided statistic of one sample (Smirnov 1944, Birnbaum and Tingey 1951).

use std::f64::consts::PI;

/// Above this size the sum has too many terms, and the limiting law (off by about 1/n of itself) is near enough.
const SUM_SIZE_MAX: f64 = 1e6;
/// Terms of the sum that are evaluated at most. As a function of j the terms are smooth and vanish at both ends with
/// all their derivatives (where they are not all 0 to a double), so that every k-th one, k times, gives the same sum
/// to the last digits: the trapezoidal rule has no other error than at the ends.
const TERMS_MAX: f64 = 8_192.0;
/// Coefficients of Stirling's series for ln n!: B_2k / (2k (2k - 1)).
const STIRLING: [f64; 5] = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1_260.0, -1.0 / 1_680.0, 1.0 / 1_188.0];
/// Below this the series is not exact enough, and factorials are still exact doubles.
const STIRLING_FROM: f64 = 16.0;

/// The chance that the empirical distribution function of `n` values is somewhere `x` (0 < x < 1) or more above the
/// true one.
///
/// It is the sum over j of `x / p · C(n, j) p^j (1 - p)^(n-j)`, `p = x + j / n`: binomial probabilities, each evaluated
/// by its distance from its mode (after Loader 2000) rather than through ln n!, which would lose nine digits at a
/// million values.
pub(super) fn survival(n: f64, x: f64) -> f64 {
    if n > SUM_SIZE_MAX {
        let scaled = 6.0 * n * x + 1.0;
        return (-scaled * scaled / (18.0 * n)).exp();
    }
    let excess = n * x;
    let last = (n - excess).floor();
    let log_none = n * (-x).ln_1p();
    let stirling_n = stirling_error(n);
    let stride = (n / TERMS_MAX).ceil();
    let mut sum = 0.0;
    let mut j = stride;
    while j <= last && j < n {
        sum += term(n, j, excess, stirling_n);
        j += stride;
    }
    (sum * stride + log_none.exp()).min(1.0)
}

fn term(n: f64, j: f64, excess: f64, stirling_n: f64) -> f64 {
    let rest = n - j;
    if excess >= rest {
        return 0.0;
    }
    let deviance = j * (excess / j).ln_1p() + rest * (-excess / rest).ln_1p();
    let stirling = stirling_n - stirling_error(j) - stirling_error(rest);
    let scale = (n / (2.0 * PI * j * rest)).sqrt() * (excess / (excess + j));
    scale * (deviance + stirling).exp()
}

/// What Stirling's formula lacks: `ln n! - ln(sqrt(2 pi n) (n/e)^n)`, for whole `n` of at least 1.
pub(super) fn stirling_error(n: f64) -> f64 {
    if n < STIRLING_FROM {
        let factorial: f64 = (2..=n as u64).map(|factor| factor as f64).product();
        return factorial.ln() - (n + 0.5) * n.ln() + n - 0.5 * (2.0 * PI).ln();
    }
    let square = 1.0 / (n * n);
    STIRLING.iter().rev().fold(0.0, |sum, coefficient| sum * square + coefficient) / n
}
