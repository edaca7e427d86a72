//! What a write does to rows that were written before it.

mod codec;
mod predicate;

pub(crate) use codec::{decode, encode};
pub(crate) use predicate::Filter;
pub use predicate::{Comparison, Predicate, Value};

use crate::schema::TableId;

/// A change of rows that are there already. It sees what was written before its batch, not the rows of its batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Rows for which the predicate is true go; those for which it is false or unknown stay.
    Delete {
        /// Their table.
        table: TableId,
        /// Which of its rows.
        predicate: Predicate,
    },
}

impl Change {
    /// The table that it changes.
    pub fn table(&self) -> TableId {
        match self {
            Self::Delete { table, .. } => *table,
        }
    }
}
