//! Many numbers at once: counted in a dense array first, then added to the sorted counts.

use super::binned::{Binned, End};
use super::counts::Counts;
use super::lattice;
use super::numeric::{Numeric, Values, add};

/// Widest range of buckets that is counted in a dense array; of wider ones the buckets are sorted.
pub(super) const DENSE_BUCKETS_MAX: i64 = 1 << 16;
/// Numbers that a pass takes: bounds the memory for their buckets.
const CHUNK: usize = 1 << 16;
/// Fewer numbers are counted one by one.
const FEW: usize = 16;
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
            let (entries, taken) = distinct(rest);
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

/// Distinct numbers with their counts, and how many numbers were taken before there were too many.
fn distinct(values: &[f64]) -> (Vec<(i64, u64)>, usize) {
    // Free is a count of 0. The keys are not 0, since a vector of zeros comes as untouched pages, whose faults cost more
    // than the counting.
    let mut slots = vec![(1_i64, 0_u64); SLOTS];
    let (mut used, mut taken) = (0, 0);
    for value in values {
        let key = lattice::to_key(*value);
        let mut at = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> (usize::BITS - 12);
        while slots[at].1 > 0 && slots[at].0 != key {
            at = (at + 1) % SLOTS;
        }
        used += usize::from(slots[at].1 == 0);
        slots[at] = (key, slots[at].1 + 1);
        taken += 1;
        if used >= SLOTS_USED_MAX {
            break;
        }
    }
    slots.retain(|slot| slot.1 > 0);
    (slots, taken)
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
        let counts = if last - first < DENSE_BUCKETS_MAX {
            self.dense(values, first, last)
        } else {
            let each: Vec<(i64, u64)> = values.iter().map(|value| (self.lattice.bucket(*value), 1)).collect();
            Counts::by(&each, |bucket| bucket)
        };
        self.counts.merge(counts.entries());
        self.hold();
    }

    fn dense(&self, values: &[f64], first: i64, last: i64) -> Counts {
        let mut counts = vec![0_u32; (last - first + 1) as usize];
        for value in values {
            // A chunk has fewer numbers than a u32 can count.
            if let Some(count) = counts.get_mut((self.lattice.bucket(*value) - first) as usize) {
                *count += 1;
            }
        }
        let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(place, count)| (first + place as i64, u64::from(*count))).collect::<Vec<_>>().into()
    }
}
