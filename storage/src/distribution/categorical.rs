//! Counts of categories.

use std::collections::BTreeMap;

use super::not_a_part;
use crate::error::Result;
use crate::limits::DISTRIBUTION_CATEGORIES_MAX;

/// Counts of categories, by their text.
///
/// At most [`DISTRIBUTION_CATEGORIES_MAX`] categories are named: of more, those first in the order of their bytes;
/// all others are counted together in [`other_count`](Self::other_count). Which are named, and every count, depends
/// on the values alone, never on the order of pushes and merges: the last named category only ever moves down, so
/// one that was given up cannot come back with a part of its count.
///
/// Counts saturate at `u64::MAX`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Categorical {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) other: u64,
    pub(super) nulls: u64,
    pub(super) count: u64,
}

impl Categorical {
    /// Of no values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a value.
    pub fn push(&mut self, value: &str) {
        self.push_count(value, 1);
    }

    /// Counts a value `count` times.
    pub fn push_count(&mut self, value: &str, count: u64) {
        if count == 0 {
            return;
        }
        add(&mut self.count, count);
        if let Some(total) = self.counts.get_mut(value) {
            add(total, count);
        } else if self.is_named(value) {
            self.counts.insert(value.to_owned(), count);
            self.give_up_last_if_many();
        } else {
            add(&mut self.other, count);
        }
    }

    /// Whether a value not seen before gets a count of its own. Names are never fewer again once they are the most
    /// allowed, so a value behind the last named one stays with the others.
    fn is_named(&self, value: &str) -> bool {
        let full = self.counts.len() >= DISTRIBUTION_CATEGORIES_MAX;
        !full || self.counts.last_key_value().is_some_and(|(last, _)| value < last.as_str())
    }

    fn give_up_last_if_many(&mut self) {
        if self.counts.len() > DISTRIBUTION_CATEGORIES_MAX
            && let Some((_, count)) = self.counts.pop_last()
        {
            add(&mut self.other, count);
        }
    }

    /// Counts a null.
    pub fn push_null(&mut self) {
        add(&mut self.nulls, 1);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(value, count)| self.push_count(value, *count));
        add(&mut self.count, other.other);
        add(&mut self.other, other.other);
        add(&mut self.nulls, other.nulls);
    }

    /// Takes away the counts of a part.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where a count would go below zero, or a name would go while others are unnamed:
    /// nobody knows which of them would be named instead. `self` is then unchanged.
    pub fn subtract(&mut self, other: &Self) -> Result<()> {
        let mut left = self.clone();
        let last = self.counts.last_key_value().map(|(last, _)| last.as_str());
        for (value, count) in &other.counts {
            let unnamed = self.other > 0 && last.is_some_and(|last| value.as_str() > last);
            let total = if unnamed { Some(&mut left.other) } else { left.counts.get_mut(value) };
            take(total.ok_or_else(not_a_part)?, *count)?;
            take(&mut left.count, *count)?;
        }
        take(&mut left.other, other.other)?;
        take(&mut left.count, other.other)?;
        take(&mut left.nulls, other.nulls)?;
        left.counts.retain(|_, count| *count > 0);
        if left.other > 0 && left.counts.len() < self.counts.len() {
            return Err(not_a_part());
        }
        *self = left;
        Ok(())
    }

    /// Values that are not null.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Nulls.
    pub fn null_count(&self) -> u64 {
        self.nulls
    }

    /// Values that are in no named category.
    pub fn other_count(&self) -> u64 {
        self.other
    }

    /// The named categories and their counts, in the order of their bytes.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}

fn add(total: &mut u64, count: u64) {
    *total = total.saturating_add(count);
}

fn take(total: &mut u64, count: u64) -> Result<()> {
    *total = total.checked_sub(count).ok_or_else(not_a_part)?;
    Ok(())
}
