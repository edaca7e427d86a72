//! Counts of many parts side by side in an array: most buckets of a column lie near each other.

use super::bulk::DENSE_BUCKETS_MAX;
use super::counts::Counts;

/// Room made beyond a bucket.
const SPARE: i128 = 256;

/// Counts by bucket, for as long as parts are added.
#[derive(Debug, Default)]
pub(super) struct Dense {
    /// The bucket of the first place.
    base: i64,
    counts: Vec<u64>,
}

impl Dense {
    /// Counts a bucket; false where it lies too far from the others.
    #[inline]
    pub fn add(&mut self, bucket: i64, count: u64) -> bool {
        match self.counts.get_mut(bucket.wrapping_sub(self.base) as usize) {
            Some(place) => {
                *place = place.saturating_add(count);
                true
            }
            None => self.reach(bucket, count),
        }
    }

    /// Makes room for a bucket, and some beyond it, so that this is seldom done.
    #[cold]
    fn reach(&mut self, bucket: i64, count: u64) -> bool {
        if self.counts.is_empty() {
            self.base = bucket;
        }
        let len = self.counts.len() as i128;
        let (base, bucket) = (i128::from(self.base), i128::from(bucket));
        let (first, end) = (bucket.min(base), (bucket + 1).max(base + len));
        if end - first > DENSE_BUCKETS_MAX as i128 {
            return false;
        }
        if bucket < base {
            let spare =
                SPARE.min(DENSE_BUCKETS_MAX as i128 - (end - first)).min(first - i128::from(i64::MIN));
            let before = (base - first + spare) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, before));
            self.base = (first - spare) as i64;
        } else {
            let spare = SPARE.min(DENSE_BUCKETS_MAX as i128 - (end - first)).min(i128::from(i64::MAX) - end);
            self.counts.resize((end - base + spare) as usize, 0);
        }
        match self.counts.get_mut((bucket - i128::from(self.base)) as usize) {
            Some(place) => *place = count,
            None => return false,
        }
        true
    }

    /// Adds what is there to others, which leaves nothing.
    pub fn empty_into(&mut self, counts: &mut Counts) {
        let places = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.take(places.map(|(place, count)| (self.base + place as i64, *count)));
        self.counts.clear();
    }
}
