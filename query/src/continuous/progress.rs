//! How far a continuous query has come.

use super::spans::{Span, Spans};

/// What is left to do of a continuous query, as it is written down beside each result.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Progress {
    /// Writes up to this one are in `pending` or in the table that is kept.
    pub(crate) seq: u64,
    /// Marks with stamps below this one likewise.
    pub(crate) stamp: u64,
    /// Times of base rows that changed, and whose windows were not computed since.
    pub(crate) pending: Spans,
    /// Windows that end up to here were closed.
    pub(crate) closed: i64,
}

impl Progress {
    /// Where nothing is done yet of what lies in `pending`.
    pub(crate) fn new(pending: impl IntoIterator<Item = Span>) -> Self {
        let mut progress = Self { closed: i64::MIN, ..Self::default() };
        progress.pending.extend(pending);
        progress
    }

    /// Its name among the states.
    pub(crate) fn key(query: &str) -> String {
        format!("continuous/{query}")
    }
}
