//! A table at one moment, and which of its rows are hidden.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Hidden, Identity, Tombstone, find};
use crate::error::Result;
use crate::label::{Entries, LabelView, Laid};
use crate::memtable::Chunk;
use crate::schema::{Column, ColumnId, TableSchema};
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
    labels: Option<Arc<LabelView>>,
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
        Self { chunks, tombstones, hidden, identity: Identity::of(schema), registry, labels: None }
    }

    /// The same of a table that has labels.
    pub(crate) fn with_labels(self, labels: Option<Arc<LabelView>>) -> Self {
        Self { labels, ..self }
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

    /// The labels over some rows of a segment, by place in `columns`; empty where these are no labels.
    pub(crate) fn labels_in_segment(
        &self,
        segment: &SegmentReader,
        rows: &Range<u32>,
        columns: &[Column],
        as_of: Option<i64>,
    ) -> Result<Vec<Option<Laid>>> {
        let Some(labels) = self.labels_for(columns) else { return Ok(Vec::new()) };
        let laid = |column: &Column| match labels.relation.position(column.id) {
            Some(_) => labels.over_segment(segment, rows, column.id, as_of),
            None => Ok(None),
        };
        columns.iter().map(laid).collect()
    }

    /// The same over a chunk of this view.
    pub(crate) fn labels_in_chunk(
        &self,
        chunk: &Chunk,
        columns: &[Column],
        as_of: Option<i64>,
    ) -> Result<Vec<Option<Laid>>> {
        let Some(labels) = self.labels_for(columns) else { return Ok(Vec::new()) };
        let laid = |column: &Column| match labels.relation.position(column.id) {
            Some(_) => labels.over_chunk(chunk, column.id, self.carried(labels, chunk, column.id)?, as_of),
            None => Ok(None),
        };
        columns.iter().map(laid).collect()
    }

    fn labels_for(&self, columns: &[Column]) -> Option<&LabelView> {
        let labels = self.labels.as_deref()?;
        columns.iter().any(|column| labels.relation.position(column.id).is_some()).then_some(labels)
    }

    /// The labels of rows in segments that rows of a chunk have replaced, as labels of these.
    fn carried(&self, labels: &LabelView, chunk: &Chunk, column: ColumnId) -> Result<Vec<Entries>> {
        let mut carried = Vec::new();
        let Some(identity) = &self.identity else { return Ok(carried) };
        let has_labels =
            |segment: &&Arc<SegmentReader>| labels.blocks.contains_key(&(segment.info().id, column));
        for segment in labels.segments.iter().filter(has_labels) {
            let Some(replaced) = chunk.hides_in_segment(segment, identity)? else { continue };
            let replaced = &*replaced - &self.gone_from(segment)?;
            let Some(written) = labels.written(segment.info().id, column, &replaced)? else { continue };
            let places: HashMap<u32, u32> =
                find(segment, chunk.named(identity)?, identity)?.into_iter().collect();
            carried.push(written.moved(|row| places.get(&row).copied())?);
        }
        Ok(carried)
    }

    /// The rows of a segment that were replaced before this view's chunks came, or deleted.
    pub(crate) fn gone_from(&self, segment: &SegmentReader) -> Result<RoaringBitmap> {
        let before = self.hidden.get(&segment.info().id).map(|hidden| hidden.rows()).transpose()?;
        let mut gone = before.map_or_else(RoaringBitmap::new, |rows| (*rows).clone());
        for tombstone in self.tombstones_over(segment.info().time()) {
            gone |= &*tombstone.deletion.in_segment(segment)?;
        }
        Ok(gone)
    }

    /// The rows of a segment that rows of this view's chunks replace.
    pub(crate) fn replaced_in(&self, segment: &SegmentReader) -> Result<RoaringBitmap> {
        let mut replaced = RoaringBitmap::new();
        if let Some(identity) = &self.identity {
            for chunk in &self.chunks {
                chunk.hides_in_segment(segment, identity)?.iter().for_each(|rows| replaced |= &**rows);
            }
        }
        Ok(replaced - self.gone_from(segment)?)
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
