//! Which rows a condition is true for.

use std::sync::Arc;

use arrow_array::BooleanArray;
use roaring::RoaringBitmap;

use super::{Resolved, SourceId};
use crate::change::Filter;
use crate::error::Result;
use crate::memtable::Chunk;
use crate::segment::{SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

/// A condition, and the rows of sources that were found to fulfil it. Whoever deletes has them found before the delete
/// is written, so that neither a commit nor a flush has to read for it.
#[derive(Debug)]
pub(crate) struct Deletion {
    filter: Filter,
    resolved: Resolved,
}

impl Deletion {
    /// Nothing is read yet.
    pub(crate) fn new(filter: Filter) -> Arc<Self> {
        Arc::new(Self { filter, resolved: Resolved::default() })
    }

    /// The condition.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The times of the rows it can be true for.
    pub(crate) fn time(&self) -> TimeRange {
        self.filter.time()
    }

    /// Bytes it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.filter.predicate()) + self.resolved.bytes()
    }

    /// Those of a segment.
    pub(crate) fn in_segment(&self, segment: &SegmentReader) -> Result<Arc<RoaringBitmap>> {
        self.resolved.of(SourceId::Segment(segment.info().id), || {
            let mut found = RoaringBitmap::new();
            if !segment.info().time().overlaps(self.time()) {
                return Ok(found);
            }
            for (index, group) in segment.groups()?.iter().enumerate() {
                if !group.time.overlaps(self.time()) {
                    continue;
                }
                let rows = segment.read_whole(index, self.filter.columns())?;
                add(&self.filter.matches(&rows)?, group.first_row as u32, &mut found);
            }
            Ok(found)
        })
    }

    /// Those of a chunk.
    pub(crate) fn in_chunk(&self, chunk: &Chunk, registry: &SeriesRegistry) -> Result<Arc<RoaringBitmap>> {
        self.resolved.of(SourceId::Chunk(chunk.id()), || {
            let mut found = RoaringBitmap::new();
            if !chunk.time.overlaps(self.time()) {
                return Ok(found);
            }
            if let Some(rows) = chunk.read(self.filter.columns(), TimeRange::ALL, registry, None)? {
                add(&self.filter.matches(&rows)?, 0, &mut found);
            }
            Ok(found)
        })
    }
}

fn add(matches: &BooleanArray, first: u32, found: &mut RoaringBitmap) {
    found.extend(matches.values().set_indices().map(|row| first + row as u32));
}
