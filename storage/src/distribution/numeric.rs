//! Counts of numbers.

use super::binned::Binned;
use super::counts::Counts;
use super::lattice::{self, Lattice};
use super::sum::ExactSum;
use crate::limits::DISTRIBUTION_EXACT_VALUES_MAX;

/// Counts of numbers.
///
/// Where they lie is a [`Lattice`], given by [`on`](Self::on); [`new`](Self::new) is `Dict`. While there are at most
/// [`DISTRIBUTION_EXACT_VALUES_MAX`] distinct numbers, `Dict` counts each by itself; beyond that by their bucket on
/// `Log { bits: 7 }`, at most 0.79 % of the value wide. A lattice with more than
/// [`DISTRIBUTION_BUCKETS_MAX`](crate::limits::DISTRIBUTION_BUCKETS_MAX) buckets in use makes way for the next coarser
/// one that it nests in. Which lattice it is, and every count, depends on the numbers alone, never on the order of
/// pushes and merges, as long as lattices nest and no number lies beyond the range of an affine one. -0.0 counts as
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
    /// Number (as its key) to count.
    Exact(Counts),
    /// Bucket to count.
    Binned(Box<Binned>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Exact(Counts::default())
    }
}

impl Numeric {
    /// Of no numbers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of no numbers, to be counted on a lattice from the first on; `Dict` is [`new`](Self::new).
    pub fn on(lattice: Lattice) -> Self {
        let values = match lattice.held() {
            Lattice::Dict => Values::default(),
            held => Values::Binned(Box::new(Binned::none(held))),
        };
        Self { values, ..Self::default() }
    }

    /// What the counts are on now: `Log { bits: 7 }` where `Dict` had too many numbers, a coarser one where a lattice
    /// had too many buckets.
    pub fn lattice(&self) -> Lattice {
        match &self.values {
            Values::Exact(_) => Lattice::Dict,
            Values::Binned(binned) => binned.lattice,
        }
    }

    /// Whether counts came from a lattice that does not nest in this one, and lie by what stood for their buckets.
    pub fn is_rebinned(&self) -> bool {
        matches!(&self.values, Values::Binned(binned) if binned.is_rebinned)
    }

    /// Whether minimum or maximum are bounds only, after a part that may have had them was taken away.
    pub fn extremes_are_bounds(&self) -> bool {
        matches!(&self.values, Values::Binned(binned) if binned.min.is_bound || binned.max.is_bound)
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

    pub(super) fn push_finite(&mut self, value: f64, count: u64) {
        if count == 0 {
            return;
        }
        add(&mut self.count, count);
        match &mut self.values {
            Values::Exact(counts) => counts.add(lattice::to_key(value), count),
            Values::Binned(binned) => binned.push(value + 0.0, count),
        }
        self.values.leave_exact_if_many();
    }

    /// Counts a null.
    pub fn push_null(&mut self) {
        add(&mut self.nulls, 1);
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

    /// The least finite number, exactly; a lower bound where [`extremes_are_bounds`](Self::extremes_are_bounds).
    pub fn min(&self) -> Option<f64> {
        match &self.values {
            Values::Exact(counts) => counts.entries().first().map(|(bits, _)| lattice::from_key(*bits)),
            Values::Binned(binned) => held(binned.min.value),
        }
    }

    /// The greatest finite number, exactly; an upper bound where [`extremes_are_bounds`](Self::extremes_are_bounds).
    pub fn max(&self) -> Option<f64> {
        match &self.values {
            Values::Exact(counts) => counts.entries().last().map(|(bits, _)| lattice::from_key(*bits)),
            Values::Binned(binned) => held(binned.max.value),
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
            Values::Binned(binned) => binned.sum.clone(),
        }
    }

    /// Whether each distinct number has a count of its own.
    pub fn is_exact(&self) -> bool {
        matches!(self.values, Values::Exact(_))
    }

    /// Bytes held beyond the counts themselves, at most: an array of them may have twice the room it needs.
    pub fn held_bytes(&self) -> usize {
        let (entries, binned) = match &self.values {
            Values::Exact(counts) => (counts.entries(), 0),
            Values::Binned(binned) => (binned.counts.entries(), size_of::<Binned>() + ExactSum::BYTES),
        };
        2 * size_of_val(entries) + binned
    }

    /// Numbers and how often each occurred, ascending. On the lattice a bucket's midpoint stands for its numbers (0
    /// for the bucket of zero), held within minimum and maximum.
    pub fn points(&self) -> Vec<(f64, u64)> {
        match &self.values {
            Values::Exact(counts) => {
                let each = counts.entries().iter();
                each.map(|(bits, count)| (lattice::from_key(*bits), *count)).collect()
            }
            Values::Binned(binned) => binned.points(),
        }
    }

    /// Intervals (lowest, highest, count), ascending, that share at most their ends: where exact, a number and the
    /// number again; on the lattice a bucket, held within minimum and maximum.
    pub fn buckets(&self) -> Vec<(f64, f64, u64)> {
        match &self.values {
            Values::Exact(_) => {
                self.points().into_iter().map(|(value, count)| (value, value, count)).collect()
            }
            Values::Binned(binned) => binned.intervals(),
        }
    }

    /// The number below which the fraction `q` (0..1) of the numbers lies, interpolated between neighbouring ranks as
    /// numpy's `linear` method (type 7 of Hyndman and Fan) does. Exact where [`is_exact`](Self::is_exact); on the
    /// lattice each rank's number is taken as evenly spread in its bucket, at most its width off. None of no numbers,
    /// and for `q` outside 0..1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let position = last as f64 * q;
        let rank = (position.floor() as u64).min(last);
        let low = self.at_rank(rank)?;
        let high = self.at_rank(rank.saturating_add(1).min(last))?;
        Some(interpolate(low, high, position - rank as f64))
    }

    fn at_rank(&self, rank: u64) -> Option<f64> {
        if rank == 0 {
            return self.min();
        }
        if rank.checked_add(1) == Some(self.count) {
            return self.max();
        }
        let mut before = 0_u64;
        for (key, count) in self.entries() {
            let within = rank.saturating_sub(before);
            if within < *count {
                let (low, high) = self.interval(*key);
                return Some(low + (high - low) * ((within as f64 + 0.5) / *count as f64));
            }
            before = before.saturating_add(*count);
        }
        self.max()
    }

    fn entries(&self) -> &[(i64, u64)] {
        match &self.values {
            Values::Exact(counts) => counts.entries(),
            Values::Binned(binned) => binned.counts.entries(),
        }
    }

    /// Where the numbers of an entry lie.
    fn interval(&self, key: i64) -> (f64, f64) {
        match &self.values {
            Values::Exact(_) => (lattice::from_key(key), lattice::from_key(key)),
            Values::Binned(binned) => binned.interval(key),
        }
    }

    /// Counts by the bins (-inf, e0), [e0, e1), .., [ek, inf) between ascending edges: one count more than edges.
    ///
    /// Exact where [`is_exact`](Self::is_exact). On the lattice an edge inside a bucket is taken down to the bucket's
    /// lower edge, as [`Lattice::snap_down`] does: for edges that are lattice edges the counts are exact.
    pub fn count_between(&self, edges: &[f64]) -> Vec<u64> {
        let bucket = |edge: &f64| match &self.values {
            Values::Exact(_) => lattice::to_key(*edge),
            Values::Binned(binned) => binned.lattice.bucket(*edge),
        };
        let mut bins = vec![0_u64; edges.len() + 1];
        let (mut bin, mut rest) = (0, edges.iter().map(bucket).peekable());
        for (key, count) in self.entries() {
            while rest.next_if(|edge| edge <= key).is_some() {
                bin += 1;
            }
            if let Some(total) = bins.get_mut(bin) {
                add(total, *count);
            }
        }
        bins
    }
}

impl Values {
    /// Past the limit of distinct numbers, counts go by bucket. The limit is on what was counted in all, so it is
    /// reached whatever the order.
    pub(super) fn leave_exact_if_many(&mut self) {
        if let Self::Exact(counts) = self
            && counts.entries().len() > DISTRIBUTION_EXACT_VALUES_MAX
        {
            *self = Self::Binned(Box::new(Binned::of(lattice::DEFAULT, counts)));
        }
    }
}

fn sum_of(counts: &Counts) -> ExactSum {
    let mut sum = ExactSum::default();
    counts.entries().iter().for_each(|(bits, count)| sum.add(lattice::from_key(*bits), *count));
    sum
}

pub(super) fn add(total: &mut u64, count: u64) {
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

fn held(end: f64) -> Option<f64> {
    end.is_finite().then_some(end)
}
