//! A table at one moment, and which of its rows are hidden.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Hidden, Identity, Tombstone};
use crate::error::Result;
use crate::memtable::Chunk;
use crate::schema::TableSchema;
use crate::segment::{SegmentReader, TimeRange};
use crate::series::SeriesRegistry;

/// What can hide rows of a table. Its answers are worked out when asked for, on the caller's thread.
#[derive(Debug)]
pub(crate) struct View {
    /// Oldest write first.
    chunks: Vec<Arc<Chunk>>,
    tombstones: Vec<Tombstone>,
    /// By segment, what flushes wrote down.
    hidden: Arc<BTreeMap<u64, Arc<Hidden>>>,
    identity: Option<Identity>,
    registry: Arc<SeriesRegistry>,
}

impl View {
    /// Chunks and tombstones in the order of writing.
    pub(crate) fn new(
        schema: &TableSchema,
        chunks: Vec<Arc<Chunk>>,
        tombstones: Vec<Tombstone>,
        hidden: Arc<BTreeMap<u64, Arc<Hidden>>>,
        registry: Arc<SeriesRegistry>,
    ) -> Self {
        Self { chunks, tombstones, hidden, identity: Identity::of(schema), registry }
    }

    /// The tags of series.
    pub(crate) fn registry(&self) -> &SeriesRegistry {
        &self.registry
    }

    /// The hidden rows of a segment; none where no row is.
    pub(crate) fn in_segment(&self, segment: &SegmentReader) -> Result<Option<Arc<RoaringBitmap>>> {
        let written = self.hidden.get(&segment.info().id).map(|hidden| hidden.rows()).transpose()?;
        let mut all = Union(written);
        for tombstone in self.tombstones_over(segment.info().time()) {
            all.add(&tombstone.deletion.in_segment(segment)?);
        }
        if let Some(identity) = &self.identity {
            for chunk in &self.chunks {
                chunk.hides_in_segment(segment, identity)?.iter().for_each(|rows| all.add(rows));
            }
        }
        Ok(all.0)
    }

    /// The hidden rows of a chunk of this view; none where no row is.
    pub(crate) fn in_chunk(&self, chunk: &Chunk) -> Result<Option<Arc<RoaringBitmap>>> {
        let mut all = Union(self.deleted_in_chunk(chunk)?);
        if let Some(identity) = &self.identity {
            // By place, not by sequence: one batch may write several chunks.
            for newer in self.chunks.iter().skip_while(|newer| newer.id() != chunk.id()) {
                newer.hides_in_chunk(chunk, identity)?.iter().for_each(|rows| all.add(rows));
            }
        }
        Ok(all.0)
    }

    /// The rows of a chunk that deletes hide; none where no row is.
    pub(crate) fn deleted_in_chunk(&self, chunk: &Chunk) -> Result<Option<Arc<RoaringBitmap>>> {
        let mut all = Union(None);
        for tombstone in self.tombstones_over(chunk.time).filter(|t| t.seq > chunk.last_seq) {
            all.add(&tombstone.deletion.in_chunk(chunk, &self.registry)?);
        }
        Ok(all.0)
    }

    /// Whether no row of a segment can be hidden; false where only a look would tell.
    pub(crate) fn is_clean_segment(&self, segment: &SegmentReader) -> bool {
        !self.hidden.contains_key(&segment.info().id) && self.is_clean(segment.info().time(), |_| true)
    }

    /// Whether the chunks and deletes of this view may hide rows of a segment.
    pub(crate) fn may_hide_more(&self, segment: &SegmentReader) -> bool {
        !self.is_clean(segment.info().time(), |_| true)
    }

    /// The same for a chunk of this view.
    pub(crate) fn is_clean_chunk(&self, chunk: &Chunk) -> bool {
        self.is_clean(chunk.time, |seq| seq > chunk.first_seq) && self.identity.is_none()
    }

    fn is_clean(&self, time: TimeRange, is_later: impl Fn(u64) -> bool) -> bool {
        let replaces = |chunk: &Arc<Chunk>| chunk.time.overlaps(time) && is_later(chunk.first_seq);
        let is_replaced = self.identity.is_some() && self.chunks.iter().any(replaces);
        !is_replaced && !self.tombstones_over(time).any(|t| is_later(t.seq))
    }

    fn tombstones_over(&self, time: TimeRange) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.iter().filter(move |tombstone| tombstone.deletion.time().overlaps(time))
    }
}

/// A union that shares what it can.
struct Union(Option<Arc<RoaringBitmap>>);

impl Union {
    fn add(&mut self, rows: &Arc<RoaringBitmap>) {
        match &mut self.0 {
            _ if rows.is_empty() => {}
            Some(all) => *Arc::make_mut(all) |= rows.as_ref(),
            none => *none = Some(rows.clone()),
        }
    }
}
