//! The Cramér-von Mises test of two samples.

mod exact;
mod limit_law;

use super::Outcome;
use super::pooled::{Pool, Tied};

/// Samples up to this size get the exact law, as scipy's `method='auto'` has it.
const EXACT_SIZE_MAX: u64 = 20;

/// The Cramér-von Mises test of two samples (Anderson 1962): the sum of squared distances between the two empirical
/// distribution functions over the pooled values, `U / (n m N) - (4 n m - 1) / (6 N)` with `U` the sum of squared
/// differences of ranks in the pool and in the sample. It is `scipy.stats.cramervonmises_2samp(reference, current)`,
/// method `auto`, and the same with the sides exchanged.
///
/// Up to 20 values a side the p value is the exact share of orders; above that the statistic is brought to the mean and
/// the variance of the limiting law, whose tail is taken from (scipy sums its lower part to 1e-7 and subtracts it from
/// 1: ours agrees with that to 1e-7, and in the tail keeps its digits where scipy has 0). Ties have their middle rank.
///
/// The samples are ascending values with their counts; infinities are values like others. None for a side of fewer
/// than two values, and for more than [`RANKED_MAX`](super::RANKED_MAX) values.
pub fn cramer_von_mises(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    let pool = Pool::ranked(reference, current)?;
    let (n, m) = (i128::from(pool.reference), i128::from(pool.current));
    if n < 2 || m < 2 {
        return None;
    }
    let products = n * m;
    // 24 n m N times the statistic, by 4 U.
    let scaled = 6 * four_times_ranks(&pool) - 4 * products * (4 * products - 1);
    let statistic = scaled as f64 / (24.0 * products as f64 * (n + m) as f64);
    let p_value = if pool.reference.max(pool.current) <= EXACT_SIZE_MAX {
        exact::survival(scaled, pool.reference, pool.current)
    } else {
        limit_law::survival(standardised(statistic, n as f64, m as f64))
    };
    Outcome::of(statistic, p_value)
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

/// Four times U: `n` times the sum over the reference of (rank in the pool - rank in the sample)², plus the same of the
/// current sample.
fn four_times_ranks(pool: &Pool) -> i128 {
    let (mut below, mut sums) = ([0_i128; 2], [0_i128; 2]);
    for tied in &pool.ties {
        let Tied { reference, current, .. } = *tied;
        let counts = [i128::from(reference), i128::from(current)];
        let twice_rank = 2 * (below[0] + below[1]) + counts[0] + counts[1] + 1;
        for ((sum, below), count) in sums.iter_mut().zip(&mut below).zip(counts) {
            // The sum of (d - 2 k)² over k up to the count.
            let d = twice_rank - 2 * *below;
            *sum +=
                count * d * d - 2 * d * count * (count + 1) + 2 * count * (count + 1) * (2 * count + 1) / 3;
            *below += count;
        }
    }
    i128::from(pool.reference) * sums[0] + i128::from(pool.current) * sums[1]
}
