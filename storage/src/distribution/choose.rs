//! Which lattice a column's numbers are counted on.

use std::collections::BTreeSet;

use super::lattice::{EXPONENT_MAX, Lattice};
use super::numeric::Numeric;
use crate::limits::{DISTRIBUTION_EXACT_VALUES_MAX, DISTRIBUTION_SAMPLE_MAX};

/// Buckets that p1 to p99 must span.
const BUCKETS_MIN: i64 = 64;
/// More occupied buckets than this are waste.
const BUCKETS_WASTEFUL: usize = 8_192;
/// A number this often (1/20) is an atom: it says nothing of the spread.
const ATOM: usize = 20;
/// Of the numbers at most 1/128 lie in one bucket, beside the most frequent one in it. A bin edge is then off by less
/// than a twelfth of the tenth of the numbers that lie between two deciles.
const CROWD: usize = 128;
/// A number this often (1/64) is a heap.
const HEAP: usize = 64;
/// Buckets worth spending so that none of the numbers share a bucket with a heap. A decile that falls among them is
/// taken down below the heap as well. A price, not a limit: but for zeros it takes ever finer steps.
const COVERED_PRICE: usize = 1 << 20;
/// Affine steps tried below the widest.
const FINER_STEPS: i16 = 12;

impl Lattice {
    /// A lattice for numbers like these; their order does not matter, those that are not finite do not count.
    /// Deterministic. Of more than [`DISTRIBUTION_SAMPLE_MAX`] numbers evenly spaced ones are looked at.
    ///
    /// `Dict` where at most [`DISTRIBUTION_EXACT_VALUES_MAX`] distinct numbers are to be expected; else the lattice
    /// with the fewest occupied buckets that has 64 between p1 and p99 and at most 1/128 of the numbers in any bucket
    /// beside the most frequent one in it, finer where numbers would share a bucket with a heap. Where no lattice is
    /// so fine, the one that comes nearest.
    ///
    /// Of such counts the population stability index by deciles is within a tenth of that of the rows where it is
    /// above .05, for samples of some thousand like those given. Not promised where a decile falls right beside a
    /// heap of equal numbers other than zero.
    pub fn choose(sample: &[f64]) -> Self {
        let mut sorted: Vec<f64> = sample.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let sorted: Vec<f64> =
            sorted.iter().copied().step_by(sorted.len() / DISTRIBUTION_SAMPLE_MAX + 1).collect();
        let runs: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).collect();
        if is_dict(&runs, sorted.len()) {
            return Self::Dict;
        }
        let spread = without_atoms(&runs, sorted.len());
        candidates(&spread, &runs, sorted.len())
    }

    /// Whether a column counted so far as given is still well counted on this lattice: `Dict` while every number has
    /// a count of its own, another with at least 64 buckets between p1 and p99 (of what is not heaped on few
    /// buckets) and at most 8,192 occupied.
    pub fn fits(self, numeric: &Numeric) -> bool {
        if self == Self::Dict {
            return numeric.is_exact();
        }
        let points = numeric.points();
        let occupied: BTreeSet<i64> = points.iter().map(|(value, _)| self.bucket(*value)).collect();
        let heap = numeric.count() / ATOM as u64;
        let loose: Vec<(f64, u64)> = points.iter().copied().filter(|(_, count)| *count <= heap).collect();
        occupied.len() <= BUCKETS_WASTEFUL
            && (spans(self, &points) >= BUCKETS_MIN || spans(self, &loose) >= BUCKETS_MIN)
    }
}

/// Buckets between p1 and p99 of ascending points.
fn spans(lattice: Lattice, points: &[(f64, u64)]) -> i64 {
    let total: u128 = points.iter().map(|(_, count)| u128::from(*count)).sum();
    let at = |percent: u128| {
        let mut below = 0_u128;
        points.iter().find(|(_, count)| {
            below += u128::from(*count);
            below * 100 > total * percent
        })
    };
    match (at(1), at(99).or(points.last())) {
        (Some((low, _)), Some((high, _))) => lattice.bucket(*high).saturating_sub(lattice.bucket(*low)),
        _ => 0,
    }
}

/// The distinct numbers to be expected in all, after Chao (1984): those seen, and more the more were seen only once.
fn is_dict(runs: &[&[f64]], count: usize) -> bool {
    let seen = |times: usize| runs.iter().filter(|run| run.len() == times).count() as f64;
    let (once, twice) = (seen(1), seen(2));
    let expected = runs.len() as f64 + once * (once - 1.0) / (2.0 * (twice + 1.0));
    let mostly_seen = once * 10.0 <= count as f64;
    expected <= DISTRIBUTION_EXACT_VALUES_MAX as f64 && (mostly_seen || is_small_range(runs))
}

/// Whole numbers of a range that has no more of them than are counted one by one; or a single number.
fn is_small_range(runs: &[&[f64]]) -> bool {
    let values = || runs.iter().filter_map(|run| run.first());
    let (low, high) = (values().next().unwrap_or(&0.0), values().next_back().unwrap_or(&0.0));
    runs.len() <= 1
        || (values().all(|x| x.fract() == 0.0) && high - low < DISTRIBUTION_EXACT_VALUES_MAX as f64)
}

/// The numbers without those that are too frequent to say anything of the spread; each distinct number once where
/// nothing else spreads.
fn without_atoms(runs: &[&[f64]], count: usize) -> Vec<f64> {
    let loose = runs.iter().filter(|run| run.len() * ATOM <= count);
    let loose: Vec<f64> = loose.flat_map(|run| run.iter().copied()).collect();
    if rank(&loose, 75) > rank(&loose, 25) {
        return loose;
    }
    runs.iter().filter_map(|run| run.first().copied()).collect()
}

fn rank(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0)
}

fn candidates(spread: &[f64], runs: &[&[f64]], count: usize) -> Lattice {
    let widest = widest_step(spread);
    let affine =
        (0..FINER_STEPS).map(|finer| Lattice::Affine { exponent: (widest - finer).max(-EXPONENT_MAX) });
    let log = (5..=9).map(|bits| Lattice::Log { bits });
    let (low, high) = (rank(spread, 1), rank(spread, 99));
    let cost = |lattice: Lattice| {
        let found = Occupancy::of(lattice, runs, count);
        let spans = lattice.bucket(high).saturating_sub(lattice.bucket(low));
        let resolves = spans >= BUCKETS_MIN
            && found.crowd * CROWD <= count.max(CROWD)
            && found.occupied <= BUCKETS_WASTEFUL / 2;
        let price = if resolves { found.price(count) } else { found.crowd };
        ((!resolves, found.blurs_zero), price, lattice)
    };
    let all: Vec<((bool, bool), usize, Lattice)> = log.chain(affine).map(cost).collect();
    let best = all.iter().min_by_key(|(fails, cost, _)| (*fails, *cost));
    best.map_or(super::lattice::DEFAULT, |(_, _, lattice)| *lattice)
}

/// The exponent of the widest step: a power of two of at most IQR/64, but wide enough for p1 and p99 to have buckets.
fn widest_step(spread: &[f64]) -> i16 {
    let exponent = |value: f64| (value.abs().to_bits() >> 52) as i16 - 1_023;
    let iqr = (rank(spread, 75) - rank(spread, 25)).min(f64::MAX);
    let greatest = rank(spread, 1).abs().max(rank(spread, 99).abs());
    (exponent(iqr) - 6).max(exponent(greatest) - 51).clamp(-EXPONENT_MAX, EXPONENT_MAX)
}

/// What a lattice keeps apart, and at what cost.
#[derive(Default)]
struct Occupancy {
    /// Buckets with numbers.
    occupied: usize,
    /// The most numbers that a bucket has beside the most frequent one in it: by so many a bin edge is off.
    crowd: usize,
    /// The most numbers that a bucket has beside a heap.
    covered: usize,
    /// A heap of zeros is not alone in its bucket. A logarithmic lattice has it alone, and of all heaps it is the
    /// most frequent, so that no saving is worth it.
    blurs_zero: bool,
}

impl Occupancy {
    fn of(lattice: Lattice, runs: &[&[f64]], count: usize) -> Self {
        let bucket = |run: &[f64]| run.first().map_or(0, |value| lattice.bucket(*value));
        let mut found = Self::default();
        for bucket in runs.chunk_by(|a, b| bucket(a) == bucket(b)) {
            let all: usize = bucket.iter().map(|run| run.len()).sum();
            let most = bucket.iter().map(|run| run.len()).max().unwrap_or(0);
            found.occupied += 1;
            found.crowd = found.crowd.max(all - most);
            if most * HEAP > count {
                found.covered = found.covered.max(all - most);
                found.blurs_zero |=
                    all > most && bucket.iter().any(|run| run.first() == Some(&0.0) && run.len() == most);
            }
        }
        found
    }

    fn price(&self, count: usize) -> usize {
        self.occupied + self.covered * COVERED_PRICE / count.max(1)
    }
}
