//! What of the series is durable where.

use crate::schema::{NO_TAGS, SeriesId};

/// Series up to one are in a series file, others in frames of the log.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Files are written from the registry as it stands: they hold every series up to this one.
    stored: SeriesId,
    /// A bit a series.
    logged: Vec<u64>,
}

impl Marks {
    /// Those that are durable nowhere: each once, ascending.
    pub(super) fn missing(&self, series: &[SeriesId]) -> Vec<SeriesId> {
        let mut missing: Vec<SeriesId> = Vec::new();
        for id in series {
            if missing.last() != Some(id) && !self.holds(*id) {
                missing.push(*id);
            }
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn holds(&self, id: SeriesId) -> bool {
        let word = || self.logged.get(id as usize / 64).copied().unwrap_or_default();
        id == NO_TAGS || id <= self.stored || word() >> (id % 64) & 1 == 1
    }

    pub(super) fn log(&mut self, series: &[SeriesId]) {
        let words = series.iter().max().map_or(0, |max| *max as usize / 64 + 1);
        if self.logged.len() < words {
            self.logged.resize(words, 0);
        }
        for id in series {
            self.logged[*id as usize / 64] |= 1 << (id % 64);
        }
    }

    pub(super) fn forget_logged(&mut self) {
        self.logged.clear();
    }

    pub(super) fn store(&mut self, last: SeriesId) {
        self.stored = self.stored.max(last);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.logged.capacity() * size_of::<u64>()
    }
}
