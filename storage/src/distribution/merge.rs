//! Adding and taking away counts of numbers.

use super::binned::Binned;
use super::lattice;
use super::not_a_part;
use super::numeric::{Numeric, Values, add};
use crate::error::Result;
use crate::limits::DISTRIBUTION_EXACT_VALUES_MAX;

impl Numeric {
    /// Adds the counts of another.
    ///
    /// The lattice of the result depends on what is merged, not on the order.
    ///
    /// - *Like or nested* (two of `Log`, two of `Affine`, `Dict` and any): the coarser. Promised: the result equals
    ///   one that counted all rows there, with `==`. The exception is numbers in the outermost bucket of an affine
    ///   lattice, beyond 2^52 steps: a coarser one cannot tell where they lie, and the result then is
    ///   [`is_rebinned`](Self::is_rebinned).
    /// - *`Log` and `Affine`*, which do not nest: the affine one, and the result is [`is_rebinned`](Self::is_rebinned).
    ///   Promised: all counters, sum, mean, minimum and maximum are those of the rows; each row of the logarithmic
    ///   side is counted where the middle of its bucket lies. Not promised: that counts by bucket are those of the
    ///   rows, or the same in another order of merging; so a drift figure of them is near, not exact.
    ///
    /// # Errors
    /// None today.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        add(&mut self.nulls, other.nulls);
        add(&mut self.nans, other.nans);
        add(&mut self.positive_infinities, other.positive_infinities);
        add(&mut self.negative_infinities, other.negative_infinities);
        add(&mut self.count, other.count);
        self.values.merge(&other.values);
        Ok(())
    }

    /// Takes away the counts of a part that was merged before.
    ///
    /// The lattice stays as it is. Minimum and maximum stay exact where numbers are counted one by one and where the
    /// part's lie strictly inside; else they become the ends of the outermost bucket that is left, and
    /// [`extremes_are_bounds`](Self::extremes_are_bounds). Of nothing left, what remains equals a new one on this
    /// lattice. Counts that saturated before are not put right.
    ///
    /// # Errors
    /// [`StorageError::Invalid`](crate::StorageError::Invalid) where a count would go below zero or the other's lattice
    /// cannot be a part's; `self` is then unchanged.
    pub fn subtract(&mut self, other: &Self) -> Result<()> {
        let less = |mine: u64, theirs: u64| mine.checked_sub(theirs).ok_or_else(not_a_part);
        *self = Self {
            nulls: less(self.nulls, other.nulls)?,
            nans: less(self.nans, other.nans)?,
            positive_infinities: less(self.positive_infinities, other.positive_infinities)?,
            negative_infinities: less(self.negative_infinities, other.negative_infinities)?,
            count: less(self.count, other.count)?,
            values: self.values.without(&other.values).ok_or_else(not_a_part)?,
        };
        Ok(())
    }
}

impl Values {
    fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Exact(mine), Self::Exact(theirs)) => mine.merge(theirs.entries()),
            (Self::Binned(mine), Self::Exact(theirs)) => mine.merge(&Binned::of(mine.lattice, theirs)),
            (Self::Binned(mine), Self::Binned(theirs)) => mine.merge(theirs),
            (Self::Exact(mine), Self::Binned(theirs)) => {
                let mut binned = Binned::of(theirs.lattice, mine);
                binned.merge(theirs);
                *self = Self::Binned(Box::new(binned));
            }
        }
        self.leave_exact_if_many();
    }

    fn without(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Exact(mine), Self::Exact(theirs)) => mine.without(theirs.entries()).map(Self::Exact),
            (Self::Binned(mine), Self::Exact(theirs)) => {
                let part = Binned::of(mine.lattice, theirs);
                mine.without(&part).map(|left| Self::Binned(Box::new(left)))
            }
            (Self::Binned(mine), Self::Binned(theirs)) => {
                mine.without(theirs).map(|left| Self::Binned(Box::new(left)))
            }
            (Self::Exact(_), Self::Binned(theirs)) => {
                theirs.counts.entries().is_empty().then(|| self.clone())
            }
        }
    }

    /// Adds counts by number, which ascend.
    pub(super) fn merge_exact(&mut self, entries: &[(i64, u64)]) {
        if let Self::Exact(counts) = self
            && counts.entries().len() + entries.len() <= DISTRIBUTION_EXACT_VALUES_MAX
        {
            return counts.merge(entries);
        }
        for (key, count) in entries {
            match self {
                Self::Exact(counts) => counts.add(*key, *count),
                Self::Binned(binned) => binned.push(lattice::from_key(*key), *count),
            }
            self.leave_exact_if_many();
        }
    }
}
