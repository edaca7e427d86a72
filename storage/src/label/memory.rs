//! Labels that no flush has written beside their rows yet.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave;
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::laid::{Entries, invalid};
use super::{Relation, Seekers};
use crate::error::Result;
use crate::memtable::Chunk;
use crate::overlay::SourceId;
use crate::schema::Column;

/// How many sets of labels are kept ready to look for rows: those since the last flush, and the few since the last look.
const SEEKERS_KEPT: usize = 4;

/// What was found of the labels in memory since the last flush of them. Twelve bytes a label and source that has its row,
/// from the first query that asks.
#[derive(Debug, Default)]
pub(crate) struct LabelCache {
    found: Mutex<HashMap<SourceId, Found>>,
    seekers: Mutex<Vec<(Range<u64>, Arc<Seekers>)>>,
}

/// Rows of a source, each with the place of a label of it among all labels since the engine was opened.
pub(crate) type Pairs = Arc<Vec<(u32, u64)>>;

/// What was found in a source, of labels up to a place.
#[derive(Clone, Debug, Default)]
struct Found {
    until: u64,
    pieces: Vec<Pairs>,
}

/// The labels in memory at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Unflushed {
    /// Oldest write first.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Which rows of each were deleted.
    pub(crate) deleted: Vec<Option<Arc<RoaringBitmap>>>,
    pub(crate) cache: Arc<LabelCache>,
}

impl Unflushed {
    /// The places of its labels.
    fn places(&self) -> Range<u64> {
        let first = self.chunks.first().map_or(0, |chunk| chunk.start);
        first..self.chunks.last().map_or(first, |chunk| chunk.start + chunk.rows.len() as u64)
    }

    /// What is known of a source, all labels of this moment looked for. `search` is asked for those that were not yet.
    pub(crate) fn pairs(
        &self,
        source: SourceId,
        relation: &Relation,
        search: impl FnOnce(&Seekers) -> Result<Vec<(u32, u32)>>,
    ) -> Result<Vec<Pairs>> {
        let places = self.places();
        let mut found = self.cache.found.lock().get(&source).cloned().unwrap_or_default();
        let from = found.until.max(places.start);
        if from < places.end {
            let seekers = self.seekers(from..places.end, relation)?;
            let fresh: Vec<_> =
                search(&seekers)?.into_iter().map(|(row, label)| (row, from + u64::from(label))).collect();
            let until = found.until;
            found.until = places.end;
            if !fresh.is_empty() {
                found.pieces.push(Arc::new(fresh));
            }
            let mut all = self.cache.found.lock();
            let known = all.entry(source).or_default();
            // Unless somebody else was faster.
            if known.until == until {
                *known = found.clone();
            }
        }
        Ok(found.pieces)
    }

    /// The labels of these places, ready to look for rows.
    fn seekers(&self, places: Range<u64>, relation: &Relation) -> Result<Arc<Seekers>> {
        let is_it = |(known, _): &&(Range<u64>, Arc<Seekers>)| *known == places;
        if let Some((_, seekers)) = self.cache.seekers.lock().iter().find(is_it) {
            return Ok(seekers.clone());
        }
        let labels = self.batch(&places, &[&relation.key, &relation.time, &relation.arrival])?;
        let seekers = Arc::new(Seekers::of(&labels, relation)?);
        let mut kept = self.cache.seekers.lock();
        if kept.len() >= SEEKERS_KEPT {
            kept.remove(0);
        }
        kept.push((places, seekers.clone()));
        Ok(seekers)
    }

    fn batch(&self, places: &Range<u64>, columns: &[&Column]) -> Result<RecordBatch> {
        let columns: Vec<Column> = columns.iter().map(|column| (*column).clone()).collect();
        let mut batches = Vec::new();
        for chunk in &self.chunks {
            let (start, end) = (chunk.start, chunk.start + chunk.rows.len() as u64);
            let (from, to) = (places.start.clamp(start, end), places.end.clamp(start, end));
            if from < to {
                let rows = chunk.stored_columns(&columns)?;
                batches.push(rows.slice((from - start) as usize, (to - from) as usize));
            }
        }
        let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
        concat_batches(&Arc::new(arrow_schema::Schema::new(fields)), &batches).map_err(invalid)
    }

    /// The labels of one column for the given rows of a source, from what was found there; none where there are none.
    pub(crate) fn entries(
        &self,
        pairs: &[Pairs],
        rows: &Range<u32>,
        relation: &Relation,
        position: usize,
    ) -> Result<Option<Entries>> {
        let mut wanted: Vec<(u32, u64)> =
            pairs.iter().flat_map(|piece| within(piece, rows).iter().copied()).collect();
        let places = self.places();
        wanted.retain(|(_, place)| places.contains(place));
        wanted.sort_unstable();
        if wanted.is_empty() {
            return Ok(None);
        }
        let columns = relation.label_columns();
        let chunks = self.chunks.iter().map(|chunk| chunk.stored_columns(&columns));
        Said { batches: chunks.collect::<Result<_>>()?, position }.entries(self, &wanted)
    }

    /// Marks the labels that have met a row, chunk by chunk.
    pub(crate) fn mark(&self, pairs: &[Pairs], met: &mut [RoaringBitmap]) {
        for (_, place) in pairs.iter().flat_map(|piece| piece.iter()) {
            if let Some((chunk, row)) = self.find(*place)
                && let Some(met) = met.get_mut(chunk)
            {
                met.insert(row as u32);
            }
        }
    }

    /// The chunk that holds the label of a place, and where in it; none where it was deleted.
    fn find(&self, place: u64) -> Option<(usize, usize)> {
        let at = self.chunks.partition_point(|chunk| chunk.start <= place).checked_sub(1)?;
        let chunk = self.chunks.get(at)?;
        let row = (place - chunk.start) as usize;
        if row >= chunk.rows.len() {
            return None;
        }
        let deleted = self.deleted.get(at).and_then(Option::as_ref);
        (!deleted.is_some_and(|deleted| deleted.contains(row as u32))).then_some((at, row))
    }
}

/// What the rows of chunks of labels say of one label column.
struct Said {
    batches: Vec<RecordBatch>,
    position: usize,
}

impl Said {
    fn entries(&self, unflushed: &Unflushed, wanted: &[(u32, u64)]) -> Result<Option<Entries>> {
        let (mut rows, mut picks, mut arrivals) = (Vec::new(), Vec::new(), Vec::new());
        for (row, place) in wanted {
            let Some((chunk, at)) = unflushed.find(*place) else { continue };
            let Some(batch) = self.batches.get(chunk).filter(|batch| says(batch, at, self.position)) else {
                continue;
            };
            rows.push(*row);
            picks.push((chunk, at));
            arrivals.push(batch.column(2).as_primitive::<TimestampNanosecondType>().value(at));
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> =
            self.batches.iter().map(|b| b.column(3 + self.position).clone()).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(|column| column.as_ref()).collect();
        let values = interleave(&columns, &picks).map_err(invalid)?;
        Ok(Some(Entries { rows, arrivals, values }))
    }
}

/// Whether a row of labels, whose columns are those of [`Relation::label_columns`], says something of one of them: a null
/// leaves the column's earlier label standing, unless all labels of the row are null, which takes them all back.
pub(super) fn says(labels: &RecordBatch, row: usize, position: usize) -> bool {
    let of_labels = || labels.columns().iter().skip(3);
    let own = of_labels().nth(position);
    own.is_some_and(|own| own.is_valid(row)) || of_labels().all(|column| column.is_null(row))
}

fn within<'a>(piece: &'a Pairs, rows: &Range<u32>) -> &'a [(u32, u64)] {
    let start = piece.partition_point(|(row, _)| *row < rows.start);
    let end = piece.partition_point(|(row, _)| *row < rows.end);
    piece.get(start..end).unwrap_or_default()
}
