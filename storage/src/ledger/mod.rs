//! The ledger: what was erased, so that no backup brings it back. It holds keyed hashes of values, never a value.
//!
//! Whoever has the file can try values one by one, and finds those he can guess; he cannot read the others. The file is
//! published whole, before the first row goes. Byte map: `docs/format/ledger.md`.

mod canonical;
mod codec;

use std::collections::BTreeSet;

pub(crate) use self::canonical::{text_of, write_cell};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits::LEDGER_ENTRIES_MAX;

/// Where the ledger lies, in a data directory and in a backup.
pub(crate) const LEDGER_FILE: &str = "ledger";

/// A keyed hash of one value or of several.
pub(crate) type Hash = [u8; 32];

/// What was erased from a database in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    key: [u8; 32],
    entries: Vec<Entry>,
}

/// One thing that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, in nanoseconds since 1970.
    pub(crate) time: i64,
    pub(crate) scope: Scope,
    /// Of the values, in the order of the columns.
    pub(crate) hash: Hash,
    pub(crate) linked: Vec<Link>,
}

/// Where the values stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In the SUBJECT column of any table.
    Subject,
    /// In these columns of a table.
    Columns { table: Name, columns: Vec<Name> },
}

/// A table or column: known by its id, and by its name where one was made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// Rows of other tables that went with the erased ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Those whose column `theirs` holds what an erased row has in `own`.
    Keys { own: Name, table: Name, theirs: Name },
    /// Those whose column holds this text, which says nothing of what was erased.
    Rows { table: Name, column: Name, text: String },
}

impl Ledger {
    /// An empty one, with a key of its own.
    pub(crate) fn new(disk: &dyn Disk) -> Self {
        let mut key = [0; 32];
        key.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&disk.random().to_le_bytes()));
        Self { key, entries: Vec::new() }
    }

    /// The ledger of a directory; none where it has none.
    pub(crate) fn load(disk: &dyn Disk) -> Result<Option<Self>> {
        match disk.read(LEDGER_FILE) {
            Ok(bytes) => Self::decode(&bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", LEDGER_FILE, error)),
        }
    }

    /// Reads the bytes of a ledger's file.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where they are none, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        codec::decode(bytes)
    }

    /// Makes it the ledger of a directory, durable when this returns.
    pub(crate) fn publish(&self, disk: &dyn Disk) -> Result<()> {
        disk.publish(LEDGER_FILE, &codec::encode(self))
            .map_err(|e| StorageError::io("publish", LEDGER_FILE, e))
    }

    /// How many things were erased.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was erased ever.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries after so many: the order is the same in every copy, as far as it goes.
    pub(crate) fn entries_after(&self, known: u64) -> &[Entry] {
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.entries.get(known..).unwrap_or_default()
    }

    /// Notes what is about to be erased.
    pub(crate) fn add(&mut self, entries: Vec<Entry>) -> Result<()> {
        self.entries.extend(entries);
        if self.entries.len() <= LEDGER_ENTRIES_MAX {
            return Ok(());
        }
        Err(StorageError::TooLarge {
            what: "the number of things in the ledger of what was erased",
            size: self.entries.len() as u64,
            limit: LEDGER_ENTRIES_MAX as u64,
            remedy: "delete the rows, and begin a new database with what is left",
        })
    }

    /// Takes over what another ledger of the same database knows.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for that of another database, whose hashes have another key.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.key != other.key {
            return Err(StorageError::Invalid(
                "the two ledgers are not of one database: they have different keys".into(),
            ));
        }
        let known: BTreeSet<Vec<u8>> = self.entries.iter().map(codec::encode_entry).collect();
        let is_fresh = |entry: &&Entry| !known.contains(&codec::encode_entry(entry));
        let fresh: Vec<Entry> = other.entries.iter().filter(is_fresh).cloned().collect();
        self.add(fresh)
    }

    /// The hash of values, which are given in their canonical text.
    pub(crate) fn hash<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for text in texts {
            // The length keeps ("ab", "c") from being ("a", "bc").
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests;
