//! A delete that no flush has written down yet.

use std::sync::Arc;

use super::Deletion;

/// Hides rows written before `seq` for which the condition is true.
#[derive(Clone, Debug)]
pub(crate) struct Tombstone {
    pub(crate) seq: u64,
    pub(crate) deletion: Arc<Deletion>,
}
