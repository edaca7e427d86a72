//! The rows of a memtable in the order of a segment, cut by partition.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, TimestampNanosecondArray};
use arrow_select::interleave::interleave;
use roaring::RoaringBitmap;

use super::layout::Layout;
use crate::error::{Result, StorageError};
use crate::memtable::times;
use crate::overlay::Named;
use crate::partition::{Partition, Width};
use crate::rows::Rows;
use crate::schema::{Role, SeriesId, TableSchema};

/// Where a row lies among the chunks of a memtable, and what decides its place in a segment.
#[derive(Clone, Copy, Debug)]
struct Place {
    time: i64,
    series: SeriesId,
    chunk: u32,
    row: u32,
}

/// The rows of a memtable, chunk by chunk, and what is known of them.
#[derive(Debug)]
pub(super) struct Chunks {
    /// With the stored columns of the schema now.
    pub(super) rows: Vec<Rows>,
    /// Which of them were deleted.
    pub(super) deleted: Vec<Option<Arc<RoaringBitmap>>>,
    /// Their identities, in a table where rows are replaced.
    pub(super) named: Option<Vec<Named>>,
}

impl Chunks {
    fn is_deleted(&self, place: &Place) -> bool {
        let deleted = self.deleted.get(place.chunk as usize).and_then(Option::as_ref);
        deleted.is_some_and(|deleted| deleted.contains(place.row))
    }

    /// Takes out of sorted places those of rows that come again later.
    fn keep_newest(&self, places: &mut Vec<Place>) {
        let Some(named) = &self.named else { return };
        let mut replaced = Vec::new();
        let mut start = 0;
        for alike in places.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
            if alike.len() > 1 {
                note_replaced(named, alike, start, &mut replaced);
            }
            start += alike.len();
        }
        if replaced.is_empty() {
            return;
        }
        let mut at = 0;
        places.retain(|_| {
            at += 1;
            replaced.binary_search(&(at - 1)).is_err()
        });
    }
}

/// Of rows with one series and one time, oldest first, adds the places of those whose key comes again.
fn note_replaced(named: &[Named], alike: &[Place], start: usize, replaced: &mut Vec<usize>) {
    // By hash: a batch job may give one time to all its rows.
    let mut newer: HashMap<u64, Vec<&Place>> = HashMap::new();
    let before = replaced.len();
    for (at, place) in alike.iter().enumerate().rev() {
        let Some(own) = named.get(place.chunk as usize).filter(|own| own.has_identity(place.row as usize))
        else {
            continue;
        };
        let same = newer.entry(own.hash(place.row as usize)).or_default();
        let is_same = |other: &&Place| {
            let others = named.get(other.chunk as usize);
            others.is_some_and(|others| own.is_same(place.row as usize, others, other.row as usize))
        };
        match same.iter().any(is_same) {
            true => replaced.push(start + at),
            false => same.push(place),
        }
    }
    replaced[before..].reverse();
}

/// Rows of one table and one partition, sorted by (interval, series, time, order of writing).
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) partition: Partition,
    pub(super) width: Width,
    places: Vec<Place>,
}

impl Cut {
    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The rows from `start` on, `length` of them, out of the chunks they were cut from.
    pub(super) fn rows(
        &self,
        schema: &TableSchema,
        chunks: &[Rows],
        start: usize,
        length: usize,
    ) -> Result<Rows> {
        let places = &self.places[start..start + length];
        let indices: Vec<_> = places.iter().map(|p| (p.chunk as usize, p.row as usize)).collect();
        let column = |(at, column): (usize, &crate::schema::Column)| {
            if column.role == Role::Time {
                return Ok(times_of(places));
            }
            let arrays: Vec<&dyn Array> = chunks.iter().map(|c| c.batch.column(at).as_ref()).collect();
            interleave(&arrays, &indices).map_err(|e| StorageError::Invalid(e.to_string()))
        };
        let columns = schema.stored_columns().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(schema.stored_arrow(), columns)
            .map_err(|e| StorageError::Invalid(e.to_string()))?;
        Ok(Rows { series: places.iter().map(|p| p.series).collect(), batch })
    }
}

fn times_of(places: &[Place]) -> ArrayRef {
    let times: TimestampNanosecondArray = places.iter().map(|p| p.time).collect::<Vec<_>>().into();
    Arc::new(times.with_timezone("UTC"))
}

/// Cuts the chunks of a table, oldest write first, into partitions and sorts each. Of rows that are one the newest
/// stays; deleted ones are left out.
pub(super) fn cut(schema: &TableSchema, chunks: &Chunks, layout: &Layout) -> Result<Vec<Cut>> {
    let mut intervals: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
    for (chunk, rows) in chunks.rows.iter().enumerate() {
        distribute(chunk as u32, rows, times(schema, rows)?, layout, &mut intervals);
    }
    let mut cuts: Vec<Cut> = Vec::new();
    for (start, mut places) in intervals {
        sort(&mut places);
        // In this order: a deleted row does not bring back what it had replaced.
        chunks.keep_newest(&mut places);
        places.retain(|place| !chunks.is_deleted(place));
        if places.is_empty() {
            continue;
        }
        let partition = layout.partition(start);
        match cuts.last_mut().filter(|cut| cut.partition == partition) {
            Some(cut) => cut.places.append(&mut places),
            None => cuts.push(Cut { partition, width: layout.width(partition), places }),
        }
    }
    Ok(cuts)
}

/// Adds the rows of a chunk to their intervals. Rows come nearly in order of time, so that the interval of the row
/// before is most often right.
fn distribute(
    chunk: u32,
    rows: &Rows,
    times: &[i64],
    layout: &Layout,
    intervals: &mut BTreeMap<i64, Vec<Place>>,
) {
    let mut at = 0;
    while let Some(first) = times.get(at) {
        let width = layout.width(layout.partition(*first));
        let start = width.interval(*first);
        let end = start.saturating_add(width.nanos() - 1);
        let within = times[at..].iter().take_while(|time| (start..=end).contains(*time)).count();
        let place = |row: usize| Place { time: times[row], series: rows.series[row], chunk, row: row as u32 };
        intervals.entry(start).or_default().extend((at..at + within).map(place));
        at += within;
    }
}

/// Sorts the rows of one interval by (series, time); rows that agree in both stay in the order they were written.
/// Chunks come as writers sent them, in long runs of rising series, which a stable sort finds and merges; within a
/// cell the times rise already, unless rows came late.
fn sort(places: &mut [Place]) {
    places.sort_by_key(|p| p.series);
    for cell in places.chunk_by_mut(|a, b| a.series == b.series) {
        if !cell.is_sorted_by_key(|p| p.time) {
            cell.sort_by_key(|p| p.time);
        }
    }
}
