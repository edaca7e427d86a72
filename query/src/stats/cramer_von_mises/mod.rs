//! The Cramér-von Mises test of two samples.

mod exact;
mod limit_law;

use super::Outcome;
use super::pooled::{Pool, Sum};

/// Samples up to this size get the exact law, as scipy's `method='auto'` has it.
const EXACT_SIZE_MAX: u64 = 20;

/// The Cramér-von Mises test of two samples (Anderson 1962): the squared distance between the two empirical distribution
/// functions, summed over the pooled values, times `n m / N²`. The same with the sides exchanged, and 0 for equal shares.
/// Without ties it is `scipy.stats.cramervonmises_2samp(reference, current)`, method `auto`.
///
/// Up to 20 values a side the p value is the exact share of orders; above that the statistic is brought to the mean and
/// the variance of the limiting law, whose tail is taken from (scipy sums its lower part to 1e-7 and subtracts it from
/// 1: ours agrees with that to 1e-7, and in the tail keeps its digits where scipy has 0).
///
/// At values that are tied, the mean of the squared distances before and after them counts for each. scipy gives ties
/// their middle rank instead, which does not measure a distance: two samples of one value, 50 and 90 times, are
/// different to it without doubt (p of 0), and so are buckets of equal shares. With ties p is near, not exact.
///
/// The samples are ascending values with their counts; infinities are values like others. None for a side of fewer
/// than two values, and for more than [`RANKED_MAX`](super::RANKED_MAX) values.
pub fn cramer_von_mises(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    let pool = Pool::ranked(reference, current)?;
    let (n, m) = (pool.reference as f64, pool.current as f64);
    if n < 2.0 || m < 2.0 {
        return None;
    }
    let statistic = sum_of_squares(&pool) * (n * m) / (n + m).powi(2);
    let p_value = if pool.reference.max(pool.current) <= EXACT_SIZE_MAX {
        exact::survival(&pool)
    } else {
        limit_law::survival(standardised(statistic, n, m))
    };
    Outcome::of(statistic, p_value)
}

/// The squared distance at each value, where tied ones have the mean of that before and after them.
fn sum_of_squares(pool: &Pool) -> f64 {
    let (n, m) = (u128::from(pool.reference), u128::from(pool.current));
    let (mut reference, mut current, mut before) = (0_u128, 0_u128, 0.0);
    Sum::of(pool.ties.iter().map(|tied| {
        reference += u128::from(tied.reference);
        current += u128::from(tied.current);
        let apart = (reference * m).abs_diff(current * n) as f64 / (n * m) as f64;
        let both = before + apart * apart;
        before = apart * apart;
        tied.count() as f64 * (both / 2.0)
    }))
}

/// Brought to the mean 1/6 and the variance 1/45 of the limiting law.
fn standardised(statistic: f64, n: f64, m: f64) -> f64 {
    let all = n + m;
    let mean = (1.0 + 1.0 / all) / 6.0;
    let products = n * m;
    let variance = (all + 1.0) * (4.0 * products * all - 3.0 * (m * m + n * n) - 2.0 * products)
        / (45.0 * all * all * 4.0 * products);
    1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt()
}
