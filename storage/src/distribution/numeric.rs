//! Counts of numbers.

use super::buckets::{Buckets, Exact};
use super::lattice;
use super::sum::ExactSum;
use crate::limits::DISTRIBUTION_EXACT_VALUES_MAX;

/// Counts of numbers.
///
/// While there are at most [`DISTRIBUTION_EXACT_VALUES_MAX`] distinct numbers, each is counted by itself; beyond
/// that, numbers are counted by their bucket on a logarithmic lattice, at most 0.79 % of the value wide. Which of the
/// two it is, and every count, depends on the numbers alone, never on the order of pushes and merges. -0.0 counts as
/// 0.0. Nulls, NaN and the infinities are counted apart and are in no quantile, bin, mean, minimum or maximum.
///
/// Counts saturate at `u64::MAX`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numeric {
    pub(super) nulls: u64,
    pub(super) nans: u64,
    pub(super) positive_infinities: u64,
    pub(super) negative_infinities: u64,
    pub(super) count: u64,
    pub(super) values: Values,
}

/// The finite numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// Number (as ordered bits) to count.
    Exact(Exact),
    /// Bucket to count.
    Lattice(Box<OnLattice>),
}

/// What is kept of numbers that are no longer counted one by one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OnLattice {
    pub buckets: Buckets,
    pub sum: ExactSum,
    pub min: f64,
    pub max: f64,
}

impl Default for Values {
    fn default() -> Self {
        Self::Exact(Exact::default())
    }
}

impl Numeric {
    /// Of no numbers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a number; NaN and infinities go to counters of their own.
    pub fn push(&mut self, value: f64) {
        self.push_count(value, 1);
    }

    /// Counts a number `count` times.
    pub fn push_count(&mut self, value: f64, count: u64) {
        if value.is_finite() {
            self.push_finite(value, count);
        } else if value.is_nan() {
            add(&mut self.nans, count);
        } else if value > 0.0 {
            add(&mut self.positive_infinities, count);
        } else {
            add(&mut self.negative_infinities, count);
        }
    }

    fn push_finite(&mut self, value: f64, count: u64) {
        if count == 0 {
            return;
        }
        add(&mut self.count, count);
        match &mut self.values {
            Values::Exact(counts) => counts.add(lattice::to_ordered(value), count),
            Values::Lattice(on_lattice) => on_lattice.push(value + 0.0, count),
        }
        self.values.leave_exact_if_many();
    }

    /// Counts a null.
    pub fn push_null(&mut self) {
        add(&mut self.nulls, 1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.nulls, other.nulls);
        add(&mut self.nans, other.nans);
        add(&mut self.positive_infinities, other.positive_infinities);
        add(&mut self.negative_infinities, other.negative_infinities);
        match &other.values {
            Values::Exact(counts) => {
                counts
                    .entries()
                    .iter()
                    .for_each(|(bits, count)| self.push_finite(lattice::from_ordered(*bits), *count));
            }
            Values::Lattice(theirs) => {
                add(&mut self.count, other.count);
                self.values.lattice_mut().merge(theirs);
            }
        }
    }

    /// Finite numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Nulls.
    pub fn null_count(&self) -> u64 {
        self.nulls
    }

    /// NaN.
    pub fn nan_count(&self) -> u64 {
        self.nans
    }

    /// Infinities: negative, positive.
    pub fn infinity_counts(&self) -> (u64, u64) {
        (self.negative_infinities, self.positive_infinities)
    }

    /// The least finite number, exactly.
    pub fn min(&self) -> Option<f64> {
        match &self.values {
            Values::Exact(counts) => counts.entries().first().map(|(bits, _)| lattice::from_ordered(*bits)),
            Values::Lattice(on_lattice) => Some(on_lattice.min),
        }
    }

    /// The greatest finite number, exactly.
    pub fn max(&self) -> Option<f64> {
        match &self.values {
            Values::Exact(counts) => counts.entries().last().map(|(bits, _)| lattice::from_ordered(*bits)),
            Values::Lattice(on_lattice) => Some(on_lattice.max),
        }
    }

    /// The sum of the finite numbers, correctly rounded: 0 of none, infinite beyond the range of a double.
    pub fn sum(&self) -> f64 {
        self.exact_sum().to_f64()
    }

    /// The arithmetic mean of the finite numbers: their exact sum, divided by their count.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.exact_sum().mean(self.count))
    }

    fn exact_sum(&self) -> ExactSum {
        match &self.values {
            Values::Exact(counts) => sum_of(counts),
            Values::Lattice(on_lattice) => on_lattice.sum.clone(),
        }
    }

    /// Whether each distinct number has a count of its own.
    pub fn is_exact(&self) -> bool {
        matches!(self.values, Values::Exact(_))
    }

    /// Numbers and how often each occurred, ascending. On the lattice a bucket's midpoint stands for its numbers (0
    /// for the bucket of zero), held within minimum and maximum.
    pub fn points(&self) -> Vec<(f64, u64)> {
        match &self.values {
            Values::Exact(counts) => {
                let each = counts.entries().iter();
                each.map(|(bits, count)| (lattice::from_ordered(*bits), *count)).collect()
            }
            Values::Lattice(on_lattice) => on_lattice.points(),
        }
    }

    /// Intervals (lowest, highest, count), ascending, that share at most their ends: where exact, a number and the
    /// number again; on the lattice a bucket, held within minimum and maximum.
    pub fn buckets(&self) -> Vec<(f64, f64, u64)> {
        match &self.values {
            Values::Exact(_) => {
                self.points().into_iter().map(|(value, count)| (value, value, count)).collect()
            }
            Values::Lattice(on_lattice) => on_lattice.intervals(),
        }
    }

    /// The number below which the fraction `q` (0..1) of the numbers lies, interpolated between neighbouring ranks as
    /// numpy's `linear` method (type 7 of Hyndman and Fan) does. Exact where [`is_exact`](Self::is_exact); on the
    /// lattice each rank's number is taken as evenly spread in its bucket, at most 0.79 % off. None of no numbers,
    /// and for `q` outside 0..1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let position = last as f64 * q;
        let rank = (position.floor() as u64).min(last);
        let buckets = self.buckets();
        let low = self.at_rank(&buckets, rank)?;
        let high = self.at_rank(&buckets, rank.saturating_add(1).min(last))?;
        Some(interpolate(low, high, position - rank as f64))
    }

    fn at_rank(&self, buckets: &[(f64, f64, u64)], rank: u64) -> Option<f64> {
        if rank == 0 {
            return self.min();
        }
        if rank.checked_add(1) == Some(self.count) {
            return self.max();
        }
        let mut before = 0_u64;
        for (low, high, count) in buckets {
            let within = rank.saturating_sub(before);
            if within < *count {
                return Some(low + (high - low) * ((within as f64 + 0.5) / *count as f64));
            }
            before = before.saturating_add(*count);
        }
        self.max()
    }

    /// Counts by the bins (-inf, e0), [e0, e1), .., [ek, inf) between ascending edges: one count more than edges.
    ///
    /// Exact where [`is_exact`](Self::is_exact). On the lattice an edge inside a bucket is taken down to the bucket's
    /// lower edge, as [`snap_down`](super::snap_down) does: for edges that are lattice edges the counts are exact.
    pub fn count_between(&self, edges: &[f64]) -> Vec<u64> {
        let mut bins = vec![0_u64; edges.len() + 1];
        let mut count_at = |bin: usize, count: u64| {
            if let Some(total) = bins.get_mut(bin) {
                add(total, count);
            }
        };
        match &self.values {
            Values::Exact(counts) => {
                let edges: Vec<u64> = edges.iter().map(|edge| lattice::to_ordered(*edge)).collect();
                let each = counts.entries().iter();
                each.for_each(|(bits, n)| count_at(edges.partition_point(|edge| edge <= bits), *n));
            }
            Values::Lattice(on_lattice) => {
                let edges: Vec<u32> = edges.iter().map(|edge| lattice::bucket(*edge)).collect();
                let each = on_lattice.buckets.iter();
                each.for_each(|(bucket, n)| count_at(edges.partition_point(|edge| *edge <= bucket), n));
            }
        }
        bins
    }
}

impl Values {
    /// Past the limit of distinct numbers, counts go by bucket. The limit is on what was counted in all, so it is
    /// reached whatever the order.
    fn leave_exact_if_many(&mut self) {
        if matches!(self, Self::Exact(counts) if counts.entries().len() > DISTRIBUTION_EXACT_VALUES_MAX) {
            self.lattice_mut();
        }
    }

    /// The counts by bucket, made from the exact counts where they are still exact.
    fn lattice_mut(&mut self) -> &mut OnLattice {
        if let Self::Exact(counts) = self {
            *self = Self::Lattice(Box::new(OnLattice::of(counts)));
        }
        match self {
            Self::Lattice(on_lattice) => on_lattice,
            Self::Exact(_) => unreachable!("was made a lattice above"),
        }
    }
}

impl OnLattice {
    fn of(counts: &Exact) -> Self {
        let mut made = Self::none();
        counts.entries().iter().for_each(|(bits, count)| made.push(lattice::from_ordered(*bits), *count));
        made
    }

    /// Of no numbers: a state that never outlives the call that fills it, since minimum and maximum are not finite.
    fn none() -> Self {
        Self {
            buckets: Buckets::default(),
            sum: ExactSum::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    fn push(&mut self, value: f64, count: u64) {
        self.buckets.add(lattice::bucket(value), count);
        self.sum.add(value, count);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Self) {
        other.buckets.iter().for_each(|(bucket, count)| self.buckets.add(bucket, count));
        self.sum.merge(&other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn points(&self) -> Vec<(f64, u64)> {
        let held = |bucket| lattice::representative(bucket).clamp(self.min, self.max);
        self.buckets.iter().map(|(bucket, count)| (held(bucket), count)).collect()
    }

    fn intervals(&self) -> Vec<(f64, f64, u64)> {
        let low = |bucket: u32| lattice::lower_edge(bucket).max(self.min);
        let high = |bucket: u32| lattice::lower_edge(bucket + 1).min(self.max);
        self.buckets.iter().map(|(bucket, count)| (low(bucket), high(bucket), count)).collect()
    }
}

fn sum_of(counts: &Exact) -> ExactSum {
    let mut sum = ExactSum::default();
    counts.entries().iter().for_each(|(bits, count)| sum.add(lattice::from_ordered(*bits), *count));
    sum
}

fn add(total: &mut u64, count: u64) {
    *total = total.saturating_add(count);
}

/// Between two numbers as numpy does it: from the nearer end, so that both ends are met exactly. Numbers so far
/// apart that their difference is beyond a double's range are weighted instead (numpy gives infinity there).
fn interpolate(low: f64, high: f64, share: f64) -> f64 {
    let width = high - low;
    if width.is_infinite() {
        return low * (1.0 - share) + high * share;
    }
    if share >= 0.5 { high - width * (1.0 - share) } else { low + width * share }
}
