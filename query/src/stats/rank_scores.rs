//! Linear rank tests: whether ranks of the current sample lie elsewhere among those of both samples, by a score that asks
//! one question.

use super::pooled::{Pool, Sum};
use super::{Outcome, law::normal};

/// What a score asks. It is a function of `u`, a value's mid-rank among all values of both samples over their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Whether the sample lies higher or lower: `u` (Wilcoxon 1945).
    Location,
    /// Whether it is wider or narrower: `(u - 1/2)²` (Mood 1954).
    Spread,
    /// Whether more or fewer of its values are among the lowest tenth: `max(0, 1/10 - u)`.
    LowerTail,
    /// The same for the highest tenth: `max(0, u - 9/10)`.
    UpperTail,
}

/// The share of values that a tail is.
const TAIL: f64 = 0.1;

impl Score {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Location, Self::Spread, Self::LowerTail, Self::UpperTail];

    /// The score of a mid-rank, 0..1.
    pub fn of(self, u: f64) -> f64 {
        match self {
            Self::Location => u,
            Self::Spread => (u - 0.5).powi(2),
            Self::LowerTail => (TAIL - u).max(0.0),
            Self::UpperTail => (u - (1.0 - TAIL)).max(0.0),
        }
    }
}

/// The difference of the samples' mean scores, current - reference, in standard deviations, and the chance of one as far
/// from 0. The deviation is that over all ways to deal the ranks to the samples, ties as they are: `S² (1/n + 1/m)` with `S²`
/// the unbiased variance of all scores (Hájek and Šidák 1967), times `inflation`, so many rows of either sample telling as much
/// as one independent row. The law is the normal limit.
///
/// None when a side has no counts, and where all scores are the same, so that they cannot differ.
pub fn rank_score_test(
    reference: &[(f64, u64)],
    current: &[(f64, u64)],
    score: Score,
    inflation: f64,
) -> Option<Outcome> {
    of_pool(&Pool::new(reference, current)?, score, inflation)
}

/// [`rank_score_test`] of samples that were pooled.
pub(super) fn of_pool(pool: &Pool, score: Score, inflation: f64) -> Option<Outcome> {
    let all = pool.reference as f64 + pool.current as f64;
    let mut below = 0.0;
    let scores = pool.ties.iter().map(|tied| {
        let count = tied.count() as f64;
        let middle = below + count / 2.0;
        below += count;
        score.of(middle / all)
    });
    let scores: Vec<f64> = scores.collect();
    let sum = |weight: &dyn Fn(usize) -> f64| {
        Sum::of(scores.iter().enumerate().map(|(at, score)| score * weight(at)))
    };
    let of = |at: usize| pool.ties.get(at).map_or((0.0, 0.0), |it| (it.reference as f64, it.current as f64));
    let reference = sum(&|at| of(at).0) / pool.reference as f64;
    let current = sum(&|at| of(at).1) / pool.current as f64;
    let mean = sum(&|at| of(at).0 + of(at).1) / all;
    let squares = pool.ties.iter().zip(&scores).map(|(it, score)| it.count() as f64 * (score - mean).powi(2));
    let variance = Sum::of(squares) / (all - 1.0);
    let error = variance * (1.0 / pool.reference as f64 + 1.0 / pool.current as f64) * inflation;
    let z = (current - reference) / error.sqrt();
    Outcome::of(z, normal::two_sided(z)).filter(|_| variance > 0.0)
}
