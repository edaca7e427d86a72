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
use super::{Met, Relation, Seekers};
use crate::error::Result;
use crate::memtable::Chunk;
use crate::overlay::SourceId;
use crate::schema::Column;

/// How many sets of labels are kept ready to look for rows: those since the last flush, and the few since the last look.
const SEEKERS_KEPT: usize = 2;

/// What was found of labels since the last flush of them. Sixteen bytes a label and source that has its row, from the first
/// query that asks, and for those that look for rows about a hundred bytes and the key; not in the budget.
#[derive(Debug, Default)]
pub(crate) struct LabelCache {
    /// Of labels in memory. Who looks holds the lock of the source, so that others wait for what he finds.
    found: Mutex<HashMap<SourceId, Arc<Mutex<Found>>>>,
    seekers: Mutex<Vec<(Range<u64>, Arc<Seekers>)>>,
    /// Labels in segments that have met rows in memory, and of what moment of these segments that is.
    met: Mutex<HashMap<SourceId, MetAt>>,
}

/// What was met, and when.
type MetAt = (Moment, Arc<Vec<Met>>);

/// Segments of labels, and how many of these have left.
type Moment = (usize, u64);

/// Rows of a source, each with the place of a label of it among all labels since the engine was opened.
pub(crate) type Pairs = Arc<Vec<(u32, u64)>>;

/// What was found in a source, of labels up to a place.
#[derive(Clone, Debug, Default)]
struct Found {
    until: u64,
    pieces: Vec<Pairs>,
}

impl Found {
    /// Adds what was found later, together with pieces that are not much larger: few stay, and none is copied often.
    fn add(&mut self, mut fresh: Vec<(u32, u64)>) {
        while self.pieces.last().is_some_and(|last| last.len() <= 2 * fresh.len()) {
            fresh.extend(self.pieces.pop().iter().flat_map(|last| last.iter().copied()));
        }
        if !fresh.is_empty() {
            fresh.sort_unstable();
            self.pieces.push(Arc::new(fresh));
        }
    }
}

impl LabelCache {
    /// The labels in segments that have met rows of a source, looked for once for each moment of these segments.
    pub(crate) fn met(
        &self,
        source: SourceId,
        moment: Moment,
        search: impl FnOnce() -> Result<Vec<Met>>,
    ) -> Result<Arc<Vec<Met>>> {
        if let Some((known, met)) = self.met.lock().get(&source)
            && *known == moment
        {
            return Ok(met.clone());
        }
        let met = Arc::new(search()?);
        self.met.lock().insert(source, (moment, met.clone()));
        Ok(met)
    }
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
        let found = self.cache.found.lock().entry(source).or_default().clone();
        let mut found = found.lock();
        let from = found.until.max(places.start);
        if from < places.end {
            let seekers = self.seekers(from..places.end, relation)?;
            let fresh: Vec<_> =
                search(&seekers)?.into_iter().map(|(row, label)| (row, from + u64::from(label))).collect();
            found.until = places.end;
            found.add(fresh);
        }
        Ok(found.pieces.clone())
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
