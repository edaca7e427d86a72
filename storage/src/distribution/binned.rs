//! What is kept of numbers that are not counted one by one.

use super::counts::Counts;
use super::lattice::{AFFINE_BUCKET_MAX, Lattice};
use super::sum::ExactSum;
use crate::limits::DISTRIBUTION_BUCKETS_MAX;

/// An end of the range: the number, and whether it is a bound of the true end only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    pub value: f64,
    pub is_bound: bool,
}

/// Counts on a lattice. Of no numbers the ends are infinite, the wrong way round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binned {
    pub lattice: Lattice,
    pub counts: Counts,
    pub sum: ExactSum,
    pub min: End,
    pub max: End,
    /// Counts came from a lattice that does not nest in this one.
    pub is_rebinned: bool,
}

impl Binned {
    pub fn none(lattice: Lattice) -> Self {
        let end = |value| End { value, is_bound: false };
        let (min, max) = (end(f64::INFINITY), end(f64::NEG_INFINITY));
        Self { lattice, counts: Counts::default(), sum: ExactSum::default(), min, max, is_rebinned: false }
    }

    /// Of numbers counted one by one.
    pub fn of(lattice: Lattice, exact: &Counts) -> Self {
        let mut made = Self::none(lattice);
        made.counts = Counts::by(exact.entries(), |key| lattice.bucket(super::lattice::from_key(key)));
        for (key, count) in exact.entries() {
            made.sum.add(super::lattice::from_key(*key), *count);
        }
        let value = |entry: Option<&(i64, u64)>| entry.map(|(key, _)| super::lattice::from_key(*key));
        made.min.value = value(exact.entries().first()).unwrap_or(f64::INFINITY);
        made.max.value = value(exact.entries().last()).unwrap_or(f64::NEG_INFINITY);
        made.hold();
        made
    }

    pub fn push(&mut self, value: f64, count: u64) {
        self.counts.add(self.lattice.bucket(value), count);
        self.sum.add(value, count);
        self.extend(End { value, is_bound: false }, End { value, is_bound: false });
        self.hold();
    }

    /// Of two equal ends the one that is known counts.
    pub fn extend(&mut self, min: End, max: End) {
        if min.value < self.min.value || (min.value == self.min.value && !min.is_bound) {
            self.min = min;
        }
        if max.value > self.max.value || (max.value == self.max.value && !max.is_bound) {
            self.max = max;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.go_by(self.lattice.merged(other.lattice));
        if other.lattice == self.lattice {
            return self.merge_like(other);
        }
        let mut theirs = other.clone();
        theirs.go_by(self.lattice);
        self.merge_like(&theirs);
    }

    /// Of one on the same lattice.
    fn merge_like(&mut self, other: &Self) {
        self.counts.merge(other.counts.entries());
        self.sum.merge(&other.sum);
        self.extend(other.min, other.max);
        self.is_rebinned |= other.is_rebinned;
        self.hold();
    }

    /// Coarser while there are too many buckets. What is counted in all decides, so the order does not matter.
    pub fn hold(&mut self) {
        while self.counts.entries().len() > DISTRIBUTION_BUCKETS_MAX && self.lattice.halved() != self.lattice
        {
            self.go_by(self.lattice.halved());
        }
    }

    /// Counts on another lattice: exactly where this one nests in it, else by what stands for each bucket.
    pub fn go_by(&mut self, lattice: Lattice) {
        if lattice == self.lattice {
            return;
        }
        let from = self.lattice;
        match from.shift_to(lattice) {
            Some(shift) => {
                self.is_rebinned |= self.has_clamped();
                let place = |bucket: i64| bucket >> shift.min(63);
                self.counts = Counts::by(self.counts.entries(), place);
            }
            None => {
                self.is_rebinned |= !self.counts.entries().is_empty();
                let place = |bucket| lattice.bucket(from.representative(bucket));
                self.counts = Counts::by(self.counts.entries(), place);
            }
        }
        self.lattice = lattice;
    }

    /// Whether numbers lie in a bucket whose outer edge is infinite: no coarser lattice can tell where.
    fn has_clamped(&self) -> bool {
        let ends = [self.counts.entries().first(), self.counts.entries().last()];
        let outermost = |entry: &(i64, u64)| entry.0.abs() >= AFFINE_BUCKET_MAX;
        matches!(self.lattice, Lattice::Affine { .. }) && ends.into_iter().flatten().any(outermost)
    }

    /// Takes away what was merged before; None where it was not, `self` is then of no use.
    pub fn without(&self, other: &Self) -> Option<Self> {
        if self.lattice.merged(other.lattice) != self.lattice {
            return None;
        }
        let mut theirs = other.clone();
        theirs.go_by(self.lattice);
        let mut left = self.clone();
        left.counts = self.counts.without(theirs.counts.entries())?;
        left.sum.subtract(&theirs.sum);
        left.pull_in(&theirs);
        left.is_rebinned |= theirs.is_rebinned;
        if left.counts.entries().is_empty() { Some(Self::none(self.lattice)) } else { Some(left) }
    }

    /// An end that the part taken away may have had is now only known to lie in the outermost bucket. Counts that came from
    /// another lattice may lie in a bucket beyond the other end: then it stays where it was, which is a bound too.
    fn pull_in(&mut self, gone: &Self) {
        let bucket = |entry: Option<&(i64, u64)>| entry.map_or(0, |(bucket, _)| *bucket);
        let (first, last) = (bucket(self.counts.entries().first()), bucket(self.counts.entries().last()));
        if gone.min.value <= self.min.value {
            let edge = self.lattice.lower_edge(first).max(self.min.value) + 0.0;
            let value = if edge <= self.max.value { edge } else { self.min.value };
            self.min = End { value, is_bound: true };
        }
        if gone.max.value >= self.max.value {
            let edge = self.lattice.lower_edge(last.saturating_add(1)).next_down().min(self.max.value) + 0.0;
            let value = if edge >= self.min.value { edge } else { self.max.value };
            self.max = End { value, is_bound: true };
        }
    }

    pub fn points(&self) -> Vec<(f64, u64)> {
        let held = |bucket| self.held(self.lattice.representative(bucket));
        self.counts.entries().iter().map(|(bucket, count)| (held(*bucket), *count)).collect()
    }

    pub fn intervals(&self) -> Vec<(f64, f64, u64)> {
        let each = self.counts.entries().iter();
        let interval = |(bucket, count): &(i64, u64)| {
            let (low, high) = self.interval(*bucket);
            (low, high, *count)
        };
        each.map(interval).collect()
    }

    /// The ends of a bucket, held within minimum and maximum.
    pub fn interval(&self, bucket: i64) -> (f64, f64) {
        let edge = |bucket: i64| self.held(self.lattice.lower_edge(bucket));
        (edge(bucket), edge(bucket.saturating_add(1)))
    }

    fn held(&self, value: f64) -> f64 {
        value.max(self.min.value).min(self.max.value)
    }
}
