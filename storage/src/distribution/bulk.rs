//! Many numbers at once: counted in a dense array first, then added to the sorted counts.

use std::cell::RefCell;

use super::binned::{Binned, End};
use super::counts::Counts;
use super::lattice::{self, Lattice, affine_bucket};
use super::numeric::{Numeric, Values, add};

/// Widest range of buckets that is counted in a dense array; of wider ones the buckets are sorted.
pub(super) const DENSE_BUCKETS_MAX: i64 = 1 << 16;
/// How many times as many buckets as numbers are counted so.
const SPREAD_MAX: i64 = 16;
/// Numbers that a pass takes: bounds the memory for their buckets.
const CHUNK: usize = 1 << 16;
/// Fewer numbers are counted one by one.
const FEW: usize = 16;
thread_local! {
    /// Counts that are all zero between uses: to make them anew takes longer than to count a few hundred numbers.
    static DENSE: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    /// The table that counts distinct numbers, free between uses.
    static TABLE: RefCell<Table> = RefCell::new(Table::default());
}

/// Slots of the table that counts distinct numbers, a power of two several times their limit.
const SLOTS: usize = 1 << 12;
/// Distinct numbers in the table before it is emptied.
const SLOTS_USED_MAX: usize = 2_048;

impl Numeric {
    /// Counts numbers, as [`push`](Self::push) does with each.
    pub fn push_slice(&mut self, values: &[f64]) {
        if values.len() < FEW {
            return values.iter().for_each(|value| self.push(*value));
        }
        for chunk in values.chunks(CHUNK) {
            if chunk.iter().all(|value| value.is_finite()) {
                self.push_all_finite(chunk);
                continue;
            }
            let finite: Vec<f64> = chunk.iter().copied().filter(|value| value.is_finite()).collect();
            chunk.iter().filter(|value| !value.is_finite()).for_each(|value| self.push(*value));
            self.push_all_finite(&finite);
        }
    }

    fn push_all_finite(&mut self, values: &[f64]) {
        add(&mut self.count, values.len() as u64);
        let mut rest = values;
        while let Values::Exact(_) = &self.values {
            let (entries, taken) = TABLE.with_borrow_mut(|table| table.distinct(rest));
            self.values.merge_exact(&entries);
            rest = rest.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
        if let Values::Binned(binned) = &mut self.values {
            binned.push_all(rest);
        }
    }
}

/// Counts distinct numbers by their keys.
struct Table {
    /// Free is a count of 0. The keys are not 0, since a vector of zeros comes as untouched pages, whose faults cost more
    /// than the counting.
    slots: Vec<(i64, u64)>,
    /// The places of those in use.
    used: Vec<usize>,
}

impl Default for Table {
    fn default() -> Self {
        Self { slots: vec![(1, 0); SLOTS], used: Vec::with_capacity(SLOTS_USED_MAX) }
    }
}

impl Table {
    /// Distinct numbers with their counts, ascending, and how many numbers were taken before there were too many.
    fn distinct(&mut self, values: &[f64]) -> (Vec<(i64, u64)>, usize) {
        let mut taken = 0;
        for value in values {
            let key = lattice::to_key(*value);
            let mut at = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> (usize::BITS - 12);
            while self.slots[at].1 > 0 && self.slots[at].0 != key {
                at = (at + 1) % SLOTS;
            }
            if self.slots[at].1 == 0 {
                self.used.push(at);
            }
            self.slots[at] = (key, self.slots[at].1 + 1);
            taken += 1;
            if self.used.len() >= SLOTS_USED_MAX {
                break;
            }
        }
        let mut entries: Vec<(i64, u64)> =
            self.used.iter().map(|at| std::mem::replace(&mut self.slots[*at], (1, 0))).collect();
        entries.sort_unstable();
        self.used.clear();
        (entries, taken)
    }
}

impl Binned {
    fn push_all(&mut self, values: &[f64]) {
        let (min, max) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
        if values.is_empty() {
            return;
        }
        self.sum.add_all(values);
        let end = |value: f64| End { value: value + 0.0, is_bound: false };
        self.extend(end(min), end(max));
        let (first, last) = (self.lattice.bucket(min), self.lattice.bucket(max));
        // A range much wider than there are numbers is sorted faster than it is looked through.
        if last - first < DENSE_BUCKETS_MAX && last - first < values.len() as i64 * SPREAD_MAX {
            DENSE.with_borrow_mut(|counts| self.count_dense(values, first, last, counts));
        } else {
            let each: Vec<(i64, u64)> = values.iter().map(|value| (self.lattice.bucket(*value), 1)).collect();
            self.counts.merge(Counts::by(&each, |bucket| bucket).entries());
        }
        self.hold();
    }

    /// `counts` are zeros before and after.
    fn count_dense(&mut self, values: &[f64], first: i64, last: i64, counts: &mut Vec<u32>) {
        let buckets = (last - first + 1) as usize;
        if counts.len() < buckets {
            counts.resize(buckets, 0);
        }
        match self.lattice {
            Lattice::Affine { exponent } => {
                let inverse = lattice::power_of_two(-exponent);
                count(values, counts, |value| affine_bucket(value, inverse) - first);
            }
            lattice => count(values, counts, |value| lattice.bucket(value) - first),
        }
        let places = counts.iter_mut().take(buckets).enumerate().filter(|(_, count)| **count > 0);
        let entry =
            |(place, count): (usize, &mut u32)| (first + place as i64, u64::from(std::mem::take(count)));
        self.counts.take(places.map(entry));
    }
}

/// A chunk has fewer numbers than a u32 can count.
fn count(values: &[f64], counts: &mut [u32], place: impl Fn(f64) -> i64) {
    for value in values {
        if let Some(count) = counts.get_mut(place(*value) as usize) {
            *count += 1;
        }
    }
}
