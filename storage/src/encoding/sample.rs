//! What a few values tell of a chunk, so that nothing is encoded only to be thrown away.

use std::borrow::Cow;
use std::hash::Hash;

use hashbrown::HashMap;

/// Neighbours taken together: what differences and runs there are shows in them only.
const RUN: usize = 64;
const RUNS: usize = 32;
/// Values in a sample at most.
pub(super) const SAMPLE_MAX: usize = RUN * RUNS;
/// Numbers are noise from this many of [`BUCKETS`] on. Of a full sample without any order 1,290 are expected.
const NOISE_BUCKETS_MIN: u32 = 1_200;
const BUCKETS_LOG: u32 = 11;
const BUCKETS: usize = 1 << BUCKETS_LOG;

/// Runs of neighbours, spread evenly; all values where they are few.
pub(super) fn sample<T: Copy>(values: &[T]) -> Cow<'_, [T]> {
    if values.len() <= SAMPLE_MAX {
        return Cow::Borrowed(values);
    }
    let step = (values.len() - RUN) / (RUNS - 1);
    let runs = (0..RUNS).filter_map(|run| values.get(run * step..run * step + RUN));
    Cow::Owned(runs.flatten().copied().collect())
}

/// Whether numbers of at most `width` bits fill their range so evenly that pco would save next to nothing.
pub(super) fn is_noise(offsets: impl Iterator<Item = u64>, width: u32) -> bool {
    let mut seen = [0_u64; BUCKETS / 64];
    let shift = width.saturating_sub(BUCKETS_LOG);
    for offset in offsets {
        let bucket = (offset >> shift) as usize % BUCKETS;
        seen[bucket / 64] |= 1 << (bucket % 64);
    }
    seen.iter().map(|s| s.count_ones()).sum::<u32>() >= NOISE_BUCKETS_MIN
}

/// How often the distinct values of a sample come; none as soon as there are more than `max`.
pub(super) fn counts<K: Copy + Eq + Hash>(sample: &[K], max: usize) -> Option<Vec<u32>> {
    let mut counts = HashMap::with_capacity(max.min(sample.len()) + 1);
    for value in sample {
        *counts.entry(*value).or_insert(0_u32) += 1;
        if counts.len() > max {
            return None;
        }
    }
    let mut counts: Vec<u32> = counts.into_values().collect();
    // Sums of floats depend on their order, and what is chosen must not depend on the hash.
    counts.sort_unstable();
    Some(counts)
}

/// Bits a value in a dictionary: the entropy of the codes, and for each value seen once, as many more are to come,
/// its `width` bits in the dictionary.
pub(super) fn dictionary_bits(counts: &[u32], width: u32) -> f64 {
    let total = f64::from(counts.iter().sum::<u32>());
    let entropy = |count: &u32| f64::from(*count) / total * (total / f64::from(*count)).log2();
    let once = counts.iter().filter(|c| **c == 1).count() as f64;
    counts.iter().map(entropy).sum::<f64>() + once / total * f64::from(width)
}
