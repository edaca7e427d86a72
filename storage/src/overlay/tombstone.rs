//! A delete that no flush has written down yet.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::BooleanArray;
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::SourceId;
use crate::change::Filter;
use crate::error::Result;
use crate::memtable::Chunk;
use crate::segment::{SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

/// Hides rows written before `seq` that its filter matches.
#[derive(Debug)]
pub(crate) struct Tombstone {
    pub(crate) seq: u64,
    filter: Filter,
    /// What was worked out so far. Sources that are gone stay in it until the next flush ends the tombstone.
    resolved: Mutex<HashMap<SourceId, Arc<RoaringBitmap>>>,
}

impl Tombstone {
    /// Of a write.
    pub(crate) fn new(seq: u64, filter: Filter) -> Self {
        Self { seq, filter, resolved: Mutex::default() }
    }

    /// The times of the rows it can hide.
    pub(crate) fn time(&self) -> TimeRange {
        self.filter.time()
    }

    /// Bytes it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        let resolved: usize = self.resolved.lock().values().map(|rows| rows.serialized_size()).sum();
        size_of::<Self>() + size_of_val(self.filter.predicate()) + resolved
    }

    /// The rows of a segment that it hides.
    pub(crate) fn in_segment(&self, segment: &SegmentReader) -> Result<Arc<RoaringBitmap>> {
        self.resolve(SourceId::Segment(segment.info().id), || {
            let mut hidden = RoaringBitmap::new();
            if !segment.info().time().overlaps(self.time()) {
                return Ok(hidden);
            }
            for (index, group) in segment.groups()?.iter().enumerate() {
                if !group.time.overlaps(self.time()) {
                    continue;
                }
                let rows = segment.read_whole(index, self.filter.columns())?;
                add(&self.filter.matches(&rows)?, group.first_row as u32, &mut hidden);
            }
            Ok(hidden)
        })
    }

    /// The rows of a chunk that it hides.
    pub(crate) fn in_chunk(&self, chunk: &Chunk, registry: &SeriesRegistry) -> Result<Arc<RoaringBitmap>> {
        self.resolve(SourceId::Chunk(chunk.id()), || {
            let mut hidden = RoaringBitmap::new();
            if !chunk.time.overlaps(self.time()) {
                return Ok(hidden);
            }
            if let Some(rows) = chunk.read(self.filter.columns(), TimeRange::ALL, registry, None)? {
                add(&self.filter.matches(&rows)?, 0, &mut hidden);
            }
            Ok(hidden)
        })
    }

    fn resolve(
        &self,
        source: SourceId,
        work: impl FnOnce() -> Result<RoaringBitmap>,
    ) -> Result<Arc<RoaringBitmap>> {
        if let Some(known) = self.resolved.lock().get(&source) {
            return Ok(known.clone());
        }
        let rows = Arc::new(work()?);
        self.resolved.lock().insert(source, rows.clone());
        Ok(rows)
    }
}

fn add(matches: &BooleanArray, first: u32, hidden: &mut RoaringBitmap) {
    hidden.extend(matches.values().set_indices().map(|row| first + row as u32));
}
