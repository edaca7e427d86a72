//! Which rows of a source are hidden by something, once that is known.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::SourceId;
use crate::error::Result;

/// What was worked out so far. Sources that are gone stay in it for as long as it is there.
#[derive(Debug, Default)]
pub(crate) struct Resolved(Mutex<HashMap<SourceId, Arc<RoaringBitmap>>>);

impl Resolved {
    /// What is known of a source, or what `work` finds out. Two who ask at once may both work.
    pub(crate) fn of(
        &self,
        source: SourceId,
        work: impl FnOnce() -> Result<RoaringBitmap>,
    ) -> Result<Arc<RoaringBitmap>> {
        if let Some(known) = self.0.lock().get(&source) {
            return Ok(known.clone());
        }
        let rows = Arc::new(work()?);
        self.0.lock().insert(source, rows.clone());
        Ok(rows)
    }

    /// Bytes it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.lock().values().map(|rows| rows.serialized_size()).sum()
    }
}
