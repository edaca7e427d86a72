//! One account of memory for all that grows with data: memtables, caches, queries.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes may be held together, and how many are. Shared by the engine and by whoever queries it.
///
/// The engine takes what it cannot do without (rows that are in the log already) also beyond the limit, and makes
/// writers wait until a flush has given some back. Queries ask first, and are refused.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    /// A budget of `limit` bytes, none of them used.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// Bytes that may be held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are held; may be above the limit.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes bytes if they are within the limit, and says whether it did.
    pub fn try_take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Takes bytes, beyond the limit too.
    pub fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes back that were taken.
    pub fn give(&self, bytes: usize) {
        let rest = |used: usize| Some(used.saturating_sub(bytes));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
    }

    /// Whether more is held than the limit allows.
    pub fn is_over(&self) -> bool {
        self.used() > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_beyond_the_limit_has_to_come_back_before_anyone_else_gets_some() {
        let budget = MemoryBudget::new(100);
        assert!(budget.try_take(60) && !budget.try_take(41));
        budget.take(60);
        assert!(budget.is_over() && !budget.try_take(0));
        budget.give(60);
        assert!(budget.try_take(40) && budget.used() == 100 && !budget.is_over());
    }
}
