//! The Mann-Whitney U test.

use super::Outcome;
use super::law::normal;
use super::pooled::Pool;

/// The exact law holds for untied samples of which one has at most so many values, as scipy's `method='auto'` has it.
const EXACT_LESSER_MAX: u64 = 8;
/// And the other at most so many: its arrangements then fit 128 bits. Above, the normal law is near enough.
const EXACT_GREATER_MAX: u64 = 100_000;

/// The Mann-Whitney U test (1947), two-sided. The statistic is U of the current sample: the pairs of a current and a
/// reference value in which the current one is greater, where a tie counts half. Over `n m` it is the chance that a
/// current value is the greater one. It is `scipy.stats.mannwhitneyu(current, reference)`, method `auto`.
///
/// Exact where there are no ties and one side has at most 8 values (and the other at most 100,000, where scipy knows no
/// limit); else by the normal law with corrections for ties and continuity. All values equal: p 1.
///
/// The samples are ascending values with their counts; infinities are values like others. None when a side has no
/// counts, and for more than [`RANKED_MAX`](super::RANKED_MAX) values.
pub fn mann_whitney(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    let pool = Pool::ranked(reference, current)?;
    let (n, m) = (pool.reference, pool.current);
    let twice_won = twice_won(&pool);
    let greater = twice_won.max(2 * u128::from(n) * u128::from(m) - twice_won);
    let untied = pool.ties.iter().all(|tied| tied.count() == 1);
    let p_value = if untied && n.min(m) <= EXACT_LESSER_MAX && n.max(m) <= EXACT_GREATER_MAX {
        exact(u128::from(n) * u128::from(m) - greater / 2, n.min(m), n.max(m))
    } else {
        asymptotic(&pool, greater)
    };
    Outcome::of(twice_won as f64 / 2.0, p_value)
}

/// Twice U, so that a half is a whole number.
fn twice_won(pool: &Pool) -> u128 {
    let (mut below, mut won) = (0_u128, 0_u128);
    for tied in &pool.ties {
        won += u128::from(tied.current) * (2 * below + u128::from(tied.reference));
        below += u128::from(tied.reference);
    }
    won
}

fn asymptotic(pool: &Pool, twice_u: u128) -> f64 {
    let (n, m) = (pool.reference as f64, pool.current as f64);
    let all = u128::from(pool.total());
    let cubes = |count: u128| count * count * count - count;
    let ties: u128 = pool.ties.iter().map(|tied| cubes(u128::from(tied.count()))).sum();
    let spread = (cubes(all) - ties) as f64 / (all as f64 * (all as f64 - 1.0));
    if spread <= 0.0 {
        return 1.0;
    }
    let above = (twice_u as f64 - n * m) / 2.0 - 0.5;
    (2.0 * normal::survival(above / (n * m * spread / 12.0).sqrt())).min(1.0)
}

/// Twice the chance of U at most `u`, which is at most half of `n m`.
fn exact(u: u128, lesser: u64, greater: u64) -> f64 {
    let ways = arrangements(u as usize, lesser as usize, greater as usize);
    let at_most: u128 = ways.iter().sum();
    let all = (1..=u128::from(lesser)).fold(1, |all, i| all * (u128::from(greater) + i) / i);
    (2.0 * (at_most as f64 / all as f64)).min(1.0)
}

/// How many arrangements have U of 0, 1, .. `u`: the coefficients of the product of `(1 - q^(m+i)) / (1 - q^i)` over i
/// up to the lesser size. In between they can leave 128 bits and come back, hence the wrapping.
fn arrangements(u: usize, lesser: usize, greater: usize) -> Vec<u128> {
    let mut ways = vec![0_u128; u + 1];
    ways.iter_mut().take(1).for_each(|first| *first = 1);
    for i in 1..=lesser {
        for place in (greater + i..=u).rev() {
            let taken = ways.get(place - greater - i).copied().unwrap_or(0);
            ways.iter_mut().skip(place).take(1).for_each(|way| *way = way.wrapping_sub(taken));
        }
        for place in i..=u {
            let added = ways.get(place - i).copied().unwrap_or(0);
            ways.iter_mut().skip(place).take(1).for_each(|way| *way = way.wrapping_add(added));
        }
    }
    ways
}
