//! Whether numbers drifted.

use super::{Aspect, Effect, Inflation, Judged, Measure, Rows, Tested, judged, share};
use crate::stats::pooled::Pool;
use crate::stats::rank_scores::{self, Score};
use crate::stats::{ks, wasserstein_scaled};

/// The tests of numbers and their shares of the chance of a false alarm, which sum to 1. Most goes to the question that is asked
/// most.
const SCORES: [(Aspect, f64); 4] =
    [(Aspect::Location, 0.3), (Aspect::Spread, 0.2), (Aspect::LowerTail, 0.15), (Aspect::UpperTail, 0.15)];
const SHAPE: f64 = 0.2;

/// Judges ascending numbers with their counts, and how many rows have none. None when a side has no rows.
///
/// Where the reference is constant it gives no unit: the effect is then the share of current values that differ from it.
pub fn judge_numbers(
    reference: &[(f64, u64)],
    current: &[(f64, u64)],
    rows: Rows,
    inflation: &Inflation,
) -> Option<Judged> {
    let pool = Pool::new(reference, current);
    let statistic = pool.as_ref().map(Pool::greatest_distance);
    let values = pool.and_then(|pool| tested(&pool, reference, current, inflation));
    judged(values, rows.tested(inflation.missing), statistic)
}

fn tested(
    pool: &Pool,
    reference: &[(f64, u64)],
    current: &[(f64, u64)],
    inflation: &Inflation,
) -> Option<Tested> {
    let scores = Score::ALL.iter().zip(SCORES).zip(&inflation.scores);
    let of_scores = scores.filter_map(|((score, (aspect, share)), inflation)| {
        Some((aspect, rank_scores::of_pool(pool, *score, *inflation)?.p_value / share))
    });
    let shape = shape(pool, inflation).map(|p| (Aspect::Shape, p / SHAPE));
    let (aspect, p_value) = of_scores.chain(shape).min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Tested { aspect, p_value: p_value / share::VALUES, effect: effect(reference, current)? })
}

/// The p value of Kolmogorov and Smirnov's test by the law of one sample of the size that both are worth together, which needs
/// no walk over all paths.
fn shape(pool: &Pool, inflation: &Inflation) -> Option<f64> {
    let (n, m) = (pool.reference as f64, pool.current as f64);
    let [location, ..] = inflation.scores;
    let effective = n / (n + m) * m / location;
    ks::one_sample_pvalue(pool.greatest_distance(), effective)
}

fn effect(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Effect> {
    if let Some(size) = wasserstein_scaled(reference, current) {
        return Some(Effect { size, measure: Measure::WassersteinScaled });
    }
    let constant = reference.first()?.0;
    let (same, all) = current.iter().fold((0.0, 0.0), |(same, all), (value, count)| {
        let count = *count as f64;
        (same + if *value == constant { count } else { 0.0 }, all + count)
    });
    Some(Effect { size: 1.0 - same / all, measure: Measure::TotalVariation })
}
