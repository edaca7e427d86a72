//! Counts by number, and counts by bucket of the lattice: the two tables that every pushed value goes through.

use super::lattice::SUB_BUCKET_BITS;

/// Buckets of one octave.
const PLACES: usize = 1 << SUB_BUCKET_BITS;
/// Octaves of the doubles, both signs: sign and exponent have 12 bits.
const OCTAVES: usize = 1 << 12;

/// Counts by number, ascending in ordered bits. A sorted array: there are at most about a thousand, and finding one
/// among so few by halving is several times faster than in a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exact(Vec<(u64, u64)>);

impl Exact {
    /// Counts a number.
    pub fn add(&mut self, bits: u64, count: u64) {
        match self.0.binary_search_by_key(&bits, |entry| entry.0) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
            Err(at) => self.0.insert(at, (bits, count)),
        }
    }

    /// Numbers and counts, ascending.
    pub fn entries(&self) -> &[(u64, u64)] {
        &self.0
    }
}

impl From<Vec<(u64, u64)>> for Exact {
    /// Of entries that ascend.
    fn from(entries: Vec<(u64, u64)>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        Self(entries)
    }
}

/// Counts by bucket. A bucket's octave is its upper bits, its place in the octave the lower ones. The octaves that occur have a page each of all their buckets; numbers of one column lie in a few
/// dozen octaves, so that a count is two look-ups away.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    /// Page of each octave, plus one; 0 where there is none.
    page_of: Box<[u16; OCTAVES]>,
    pages: Vec<[u64; PLACES]>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { page_of: Box::new([0; OCTAVES]), pages: Vec::new() }
    }
}

impl PartialEq for Buckets {
    /// Pages are in the order in which octaves were first met, which is no part of what was counted.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Buckets {
    /// Counts a number of a bucket. Buckets that no double has are left out.
    pub fn add(&mut self, bucket: u32, count: u64) {
        let Some(page_of) = self.page_of.get_mut((bucket >> SUB_BUCKET_BITS) as usize) else {
            return;
        };
        if *page_of == 0 {
            self.pages.push([0; PLACES]);
            // There are at most 4,096 octaves.
            *page_of = self.pages.len() as u16;
        }
        let total = &mut self.pages[usize::from(*page_of) - 1][bucket as usize % PLACES];
        *total = total.saturating_add(count);
    }

    /// Buckets that have a count, with it, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, u64)> {
        let octaves = self.page_of.iter().enumerate().filter(|(_, page)| **page > 0);
        let counted = octaves.flat_map(|(octave, page)| {
            let first = (octave as u32) << SUB_BUCKET_BITS;
            let places = self.pages[usize::from(*page) - 1].iter();
            places.enumerate().map(move |(place, count)| (first + place as u32, *count))
        });
        counted.filter(|(_, count)| *count > 0)
    }
}
