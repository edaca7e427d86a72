//! The exact law of the statistic, by counting orders (Xiao, Gordon and Yakovlev 2006).
//!
//! An order of `n` and `m` values is a path of steps right and up. Each point (u, v) on it adds `(a v - b u)²` to its
//! score, `a` and `b` the least whole numbers in the proportion m to n; the score is the statistic up to a factor.

use std::cmp::Ordering;

use crate::stats::pooled::Pool;

/// Scores of the paths to a point, ascending, each with the number of paths that have it. Paths that have reached the
/// limit are counted only: scores do not fall.
#[derive(Clone, Default)]
struct Paths {
    scores: Vec<(u64, u64)>,
    reached: u64,
}

/// The share of orders whose statistic is at least that of the pool, of at most 20 values a side.
pub(super) fn survival(pool: &Pool) -> f64 {
    let (n, m) = (pool.reference, pool.current);
    let common = gcd(n, m);
    let (a, b) = (m / common, n / common);
    let limit = score(pool, a, b);
    let mut column: Vec<Paths> = vec![Paths::default(); n as usize + 1];
    for v in 0..=m {
        let mut before = Paths::default();
        for (u, paths) in column.iter_mut().enumerate() {
            let mut both = if u == 0 && v == 0 { Paths::start() } else { before.merged(paths) };
            both.add((a * u as u64).abs_diff(b * v).pow(2), limit);
            *paths = both.clone();
            before = both;
        }
    }
    let last = column.pop().unwrap_or_default();
    let all: u64 = last.reached + last.scores.iter().map(|(_, paths)| paths).sum::<u64>();
    last.reached as f64 / all as f64
}

/// The score of the order found, rounded up: ties can halve it, and the scores of paths are whole.
fn score(pool: &Pool, a: u64, b: u64) -> u64 {
    let (mut reference, mut current, mut before, mut twice) = (0, 0, 0, 0);
    for tied in &pool.ties {
        reference += tied.reference;
        current += tied.current;
        let after = (a * reference).abs_diff(b * current).pow(2);
        twice += tied.count() * (before + after);
        before = after;
    }
    twice.div_ceil(2)
}

impl Paths {
    fn start() -> Self {
        Self { scores: vec![(0, 1)], reached: 0 }
    }

    fn merged(&self, other: &Self) -> Self {
        let mut scores = Vec::with_capacity(self.scores.len() + other.scores.len());
        let (mut left, mut right) = (self.scores.iter().peekable(), other.scores.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let score = match a.0.cmp(&b.0) {
                Ordering::Less => left.next().copied(),
                Ordering::Greater => right.next().copied(),
                Ordering::Equal => left.next().zip(right.next()).map(|(a, b)| (a.0, a.1 + b.1)),
            };
            scores.extend(score);
        }
        scores.extend(left);
        scores.extend(right);
        Self { scores, reached: self.reached + other.reached }
    }

    fn add(&mut self, score: u64, limit: u64) {
        self.scores.iter_mut().for_each(|(sum, _)| *sum += score);
        let below = self.scores.partition_point(|(sum, _)| *sum < limit);
        self.reached += self.scores.drain(below..).map(|(_, paths)| paths).sum::<u64>();
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
