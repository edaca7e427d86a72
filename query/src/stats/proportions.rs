//! The test of two proportions.

use super::{Outcome, law::normal};

/// The pooled two-proportion z test: the difference of the shares of hits, current − reference, over its standard error
/// if both are of one share, `sqrt(h (1 - h) (1/n + 1/m))`, `h` the share of hits in both together. Two-sided; the p
/// value is of the normal law and does not vanish in the tail. The square is the statistic of
/// [`chi_square`](super::chi_square) without Yates' correction.
///
/// Where all or none are hits on both sides there is no difference: statistic 0, p 1. None for an empty side, and for
/// more hits than values.
pub fn two_proportion_z(reference: (u64, u64), current: (u64, u64)) -> Option<Outcome> {
    let ((hits_r, n), (hits_c, m)) = (reference, current);
    if n == 0 || m == 0 || hits_r > n || hits_c > m {
        return None;
    }
    let (above, below) = (u128::from(hits_c) * u128::from(n), u128::from(hits_r) * u128::from(m));
    let apart = above.abs_diff(below) as f64;
    if apart == 0.0 {
        return Outcome::of(0.0, 1.0);
    }
    let hits = u128::from(hits_r) + u128::from(hits_c);
    let all = u128::from(n) + u128::from(m);
    // (c / m - r / n) / sqrt(h (1 - h) (1/n + 1/m)) with everything over n m.
    let spread = (hits as f64 * (all - hits) as f64 / all as f64 * (n as f64 * m as f64)).sqrt();
    let z = apart / spread;
    Outcome::of(if above < below { -z } else { z }, normal::two_sided(z))
}
