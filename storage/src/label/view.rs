//! The labels of a table at one moment: beside its segments, waiting for rows, and in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take;
use roaring::RoaringBitmap;

use super::laid::{Entries, Laid, invalid};
use super::memory::{Unflushed, says};
use super::{Keyed, LabelCounts, Relation, Seekers};
use crate::error::Result;
use crate::memtable::Chunk;
use crate::overlay::{Hidden, SourceId, hash_value};
use crate::patch::LabelBlock;
use crate::schema::ColumnId;
use crate::segment::SegmentReader;

/// The labels that flushes have written beside segments, by segment and column, in the order of writing.
pub(crate) type LabelBlocks = BTreeMap<(u64, ColumnId), Vec<Arc<LabelBlock>>>;

/// Labels in segments of their own table: when they were flushed no segment had their row.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) segments: Arc<Vec<Arc<SegmentReader>>>,
    /// Those of which the row has come since, or which were deleted.
    pub(crate) hidden: Arc<BTreeMap<u64, Arc<Hidden>>>,
}

/// Labels of one row group that have met their rows.
#[derive(Debug)]
pub(crate) struct Met {
    /// The segment of the labels.
    pub(crate) segment: u64,
    /// The first row of the row group in it.
    pub(crate) first: u32,
    /// Row, and label counted from the first; in order of rows.
    pub(crate) pairs: Vec<(u32, u32)>,
    /// All labels of the row group, with the columns of [`Relation::label_columns`].
    pub(crate) labels: RecordBatch,
}

/// The labels of a table at one moment.
#[derive(Clone, Debug)]
pub(crate) struct LabelView {
    pub(crate) relation: Relation,
    /// Those of the rows.
    pub(crate) segments: Arc<Vec<Arc<SegmentReader>>>,
    pub(crate) blocks: Arc<LabelBlocks>,
    pub(crate) waiting: Waiting,
    pub(crate) unflushed: Unflushed,
}

impl LabelView {
    /// The labels over some rows of a segment; none where there are none.
    pub(crate) fn over_segment(
        &self,
        segment: &SegmentReader,
        rows: &Range<u32>,
        column: ColumnId,
        as_of: Option<i64>,
    ) -> Result<Option<Laid>> {
        let mut parts = Vec::new();
        for block in self.blocks.get(&(segment.info().id, column)).into_iter().flatten() {
            parts.extend(block.read(rows, as_of.is_some())?);
        }
        if let Some(position) = self.relation.position(column) {
            let source = SourceId::Segment(segment.info().id);
            let search = |seekers: &Seekers| seekers.in_segment(segment, &self.relation);
            let pairs = self.unflushed.pairs(source, &self.relation, search)?;
            parts.extend(self.unflushed.entries(&pairs, rows, &self.relation, position)?);
        }
        Laid::of(&parts, as_of)
    }

    /// The labels over a chunk of rows that no flush has written yet; `carried` are those of rows that its rows have
    /// replaced.
    pub(crate) fn over_chunk(
        &self,
        chunk: &Chunk,
        column: ColumnId,
        carried: Vec<Entries>,
        as_of: Option<i64>,
    ) -> Result<Option<Laid>> {
        let mut parts = carried;
        let Some(position) = self.relation.position(column) else { return Laid::of(&parts, as_of) };
        if chunk.schema.column(self.relation.row_key.id).is_some() {
            let rows = Keyed::of(&chunk.stored_columns(&self.relation.row_columns())?)?;
            let source = SourceId::Chunk(chunk.id());
            let met = self
                .unflushed
                .cache
                .met(source, self.waiting.state(), || self.waiting.meet(&rows, 0, &self.relation))?;
            parts.extend(Met::entries_of(&met, position)?);
            let search = |seekers: &Seekers| {
                let mut found = Vec::new();
                seekers.join(&rows, 0, &mut found);
                Ok(found)
            };
            let pairs = self.unflushed.pairs(source, &self.relation, search)?;
            let all = 0..chunk.rows.len() as u32;
            parts.extend(self.unflushed.entries(&pairs, &all, &self.relation, position)?);
        }
        Laid::of(&parts, as_of)
    }

    /// What the labels of a column count of the rows of a segment; none where labels in memory or labels written with the
    /// rows stand beside them.
    pub(crate) fn counts(&self, segment: &SegmentReader, column: ColumnId) -> Result<Option<LabelCounts>> {
        let source = SourceId::Segment(segment.info().id);
        let search = |seekers: &Seekers| seekers.in_segment(segment, &self.relation);
        let pending = self.unflushed.pairs(source, &self.relation, search)?;
        if pending.iter().any(|pairs| !pairs.is_empty()) || segment.has_values(column)? {
            return Ok(None);
        }
        let mut counts = LabelCounts::default();
        for block in self.blocks.get(&(segment.info().id, column)).into_iter().flatten() {
            counts.merge(block.counts()?);
        }
        Ok(Some(counts))
    }

    /// What flushes have written of labels of these rows of a segment.
    pub(crate) fn written(
        &self,
        segment: u64,
        column: ColumnId,
        rows: &RoaringBitmap,
    ) -> Result<Option<Entries>> {
        let (Some(blocks), Some(least), Some(greatest)) =
            (self.blocks.get(&(segment, column)), rows.min(), rows.max())
        else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for block in blocks {
            parts.extend(block.read(&(least..greatest.saturating_add(1)), true)?);
        }
        let Some(all) = Entries::join(&parts)? else { return Ok(None) };
        let kept = all.moved(|row| rows.contains(row).then_some(row))?;
        Ok((!kept.rows.is_empty()).then_some(kept))
    }
}

impl Waiting {
    /// Tells one moment of them from another.
    fn state(&self) -> (usize, u64) {
        (self.segments.len(), self.hidden.values().map(|hidden| hidden.place.rows).sum())
    }

    /// The labels among these that have met one of `rows`, the first of which is row `first` of its source.
    pub(crate) fn meet(&self, rows: &Keyed, first: u32, relation: &Relation) -> Result<Vec<Met>> {
        let mut met = Vec::new();
        if self.segments.is_empty() {
            return Ok(met);
        }
        let hashes: Vec<Option<u64>> = (0..rows.keys.len())
            .map(|row| rows.keys.is_valid(row).then(|| hash_value(&rows.keys, row)))
            .collect();
        let hashes: Vec<Option<u64>> = hashes.into_iter().filter(Option::is_some).collect();
        for segment in self.segments.iter() {
            let id = segment.info().id;
            let hidden = self.hidden.get(&id).map(|hidden| hidden.rows()).transpose()?;
            for (index, group) in segment.groups()?.iter().enumerate() {
                if !segment.may_contain_each(index, relation.key.id, &hashes)?.contains(&true) {
                    continue;
                }
                let labels = segment.read_whole(index, &relation.label_columns())?;
                let mut pairs = Vec::new();
                Seekers::of(&labels, relation)?.join(rows, first, &mut pairs);
                let start = group.first_row as u32;
                let is_hidden = |label: u32| hidden.as_ref().is_some_and(|h| h.contains(start + label));
                pairs.retain(|(_, label)| !is_hidden(*label));
                if !pairs.is_empty() {
                    met.push(Met { segment: id, first: start, pairs, labels });
                }
            }
        }
        Ok(met)
    }
}

impl Met {
    /// What all of them say of one label column, those of one row in order of arrival: they come from several places, which
    /// lie in order of time.
    pub(crate) fn entries_of(all: &[Self], position: usize) -> Result<Option<Entries>> {
        let mut parts = Vec::with_capacity(all.len());
        for met in all {
            parts.extend(met.entries(position)?);
        }
        Entries::join(&parts)?.map(|entries| entries.by_arrival()).transpose()
    }

    /// What they say of one label column; none where they say nothing of it.
    fn entries(&self, position: usize) -> Result<Option<Entries>> {
        let said = |pair: &&(u32, u32)| says(&self.labels, pair.1 as usize, position);
        let said: Vec<(u32, u32)> = self.pairs.iter().filter(said).copied().collect();
        if said.is_empty() {
            return Ok(None);
        }
        let arrivals = self.labels.column(2).as_primitive::<TimestampNanosecondType>();
        let places = UInt32Array::from_iter_values(said.iter().map(|(_, label)| *label));
        Ok(Some(Entries {
            rows: said.iter().map(|(row, _)| *row).collect(),
            arrivals: said.iter().map(|(_, label)| arrivals.value(*label as usize)).collect(),
            values: take(self.labels.column(3 + position), &places, None).map_err(invalid)?,
        }))
    }
}
