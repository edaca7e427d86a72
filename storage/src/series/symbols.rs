//! Distinct texts, each kept once in one arena and known by a number.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Result, StorageError};
use crate::limits::{TAG_BYTES_MAX, TAG_TEXT_BYTES_MAX};

/// The number of a text.
pub(super) type Symbol = u32;

/// The texts. A million of them share three allocations.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    text: String,
    /// Where each ends in `text`; it begins where the one before ends.
    ends: Vec<u32>,
    lookup: HashTable<Symbol>,
    hasher: DefaultHashBuilder,
}

impl Symbols {
    /// The text of a symbol; empty for one never given.
    pub(super) fn text(&self, symbol: Symbol) -> &str {
        text_of(&self.text, &self.ends, symbol)
    }

    /// The symbol of a text, where it has one.
    pub(super) fn find(&self, text: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(text);
        self.lookup.find(hash, |symbol| self.text(*symbol) == text).copied()
    }

    /// The symbol of a text, new where it has none.
    pub(super) fn intern(&mut self, text: &str) -> Result<Symbol> {
        if let Some(symbol) = self.find(text) {
            return Ok(symbol);
        }
        check_value(text)?;
        let end = self.text.len() + text.len();
        let Ok(end) = u32::try_from(end) else { return Err(full(end)) };
        make_room(self.text.capacity() - self.text.len(), text.len(), self.text.len(), |more| {
            self.text.reserve_exact(more);
        });
        make_room(self.ends.capacity() - self.ends.len(), 1, self.ends.len(), |more| {
            self.ends.reserve_exact(more);
        });
        let symbol = self.ends.len() as Symbol;
        self.text.push_str(text);
        self.ends.push(end);
        let Self { text: all, ends, lookup, hasher } = self;
        let hash = hasher.hash_one(text);
        lookup.insert_unique(hash, symbol, |symbol| hasher.hash_one(text_of(all, ends, *symbol)));
        Ok(symbol)
    }

    /// Bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>() + self.lookup.allocation_size()
    }
}

fn text_of<'a>(text: &'a str, ends: &[u32], symbol: Symbol) -> &'a str {
    let index = symbol as usize;
    let end = ends.get(index).copied().unwrap_or_default() as usize;
    let start = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or_default();
    text.get(start as usize..end).unwrap_or_default()
}

/// A value that is too long names its limit.
pub(super) fn check_value(text: &str) -> Result<()> {
    if text.len() <= TAG_BYTES_MAX {
        return Ok(());
    }
    Err(StorageError::TooLarge {
        what: "the value of a tag in bytes",
        size: text.len() as u64,
        limit: TAG_BYTES_MAX as u64,
        remedy: "make the column a FIELD, or shorten the value",
    })
}

fn full(size: usize) -> StorageError {
    StorageError::TooLarge {
        what: "the text of all distinct tag values in bytes",
        size: size as u64,
        limit: TAG_TEXT_BYTES_MAX as u64,
        remedy: "make columns of many values FIELDs with an index instead of TAGs",
    }
}

/// Grows by an eighth, not by doubling: at a million series the slack would be as large as what is kept.
pub(super) fn make_room(free: usize, wanted: usize, held: usize, grow: impl FnOnce(usize)) {
    if free < wanted {
        grow(wanted.max(held / 8).max(64));
    }
}
