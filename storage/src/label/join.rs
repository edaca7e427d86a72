//! Labels on one side, rows on the other: which belong together.

use std::sync::OnceLock;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::ScalarBuffer;
use hashbrown::HashMap;

use super::aim::Aim;
use super::{NEAR_NANOS, Relation};
use crate::error::{Result, StorageError};
use crate::overlay::{hash_value, same_value};
use crate::segment::{SegmentReader, TimeRange};

/// Of how many rows of a row group one may be sought before all are looked at, without asking the filter of keys for
/// each.
const FILTERED_SHARE: usize = 4;
/// The end of a chain.
const NONE: u32 = u32::MAX;

/// Rows as far as labels look at them.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) keys: ArrayRef,
    pub(crate) times: ScalarBuffer<i64>,
}

impl Keyed {
    /// `rows` holds key and time.
    pub(crate) fn of(rows: &RecordBatch) -> Result<Self> {
        let [keys, times, ..] = rows.columns() else {
            return Err(StorageError::Invalid("rows without key and time have no labels".into()));
        };
        let times = times.as_primitive::<TimestampNanosecondType>().values().clone();
        Ok(Self { keys: keys.clone(), times })
    }

    fn len(&self) -> usize {
        self.times.len()
    }
}

/// Labels that look for their rows, in the order in which they were written.
#[derive(Debug)]
pub(crate) struct Seekers {
    keys: ArrayRef,
    aims: Vec<Aim>,
    /// Of each key; none for a null, which finds nothing.
    hashes: Vec<Option<u64>>,
    /// Those that look at one time, and those that look near one, by it.
    at: Vec<(i64, u32)>,
    near: Vec<(i64, u32)>,
    anywhere: Vec<u32>,
    index: OnceLock<Index>,
}

/// The labels of each hash of a key: the first, and after each the next.
#[derive(Debug, Default)]
struct Index {
    first: HashMap<u64, u32>,
    next: Vec<u32>,
}

impl Seekers {
    /// `labels` holds key, time and arrival of each.
    pub(crate) fn of(labels: &RecordBatch, relation: &Relation) -> Result<Self> {
        let [keys, times, arrivals, ..] = labels.columns() else {
            return Err(StorageError::Invalid("labels without key, time and arrival find no rows".into()));
        };
        let times = times.as_primitive::<TimestampNanosecondType>().values();
        let arrivals = arrivals.as_primitive::<TimestampNanosecondType>().values();
        let texts = keys.as_string_opt::<i32>();
        let text = |row: usize| texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row));
        let aim = |row: usize| Aim::of(times[row], arrivals[row], text(row), relation.ids_are_near);
        let aims: Vec<Aim> = (0..labels.num_rows()).map(aim).collect();
        let hash = |row: usize| keys.is_valid(row).then(|| hash_value(keys, row));
        let hashes = (0..labels.num_rows()).map(hash).collect();
        let (at, near, anywhere) = (Vec::new(), Vec::new(), Vec::new());
        let mut seekers =
            Self { keys: keys.clone(), aims, hashes, at, near, anywhere, index: OnceLock::new() };
        seekers.sort();
        Ok(seekers)
    }

    fn sort(&mut self) {
        let known = self.aims.iter().zip(&self.hashes).zip(0..).filter(|((_, hash), _)| hash.is_some());
        for ((aim, _), label) in known {
            match aim {
                Aim::At(time) => self.at.push((*time, label)),
                Aim::Near(time) => self.near.push((*time, label)),
                Aim::Anywhere => self.anywhere.push(label),
            }
        }
        self.at.sort_unstable();
        self.near.sort_unstable();
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.aims.len()
    }

    /// Adds each row of `rows` with each label of it: `first` and the row's place among them, and the label's place.
    /// Of one row the labels come in order.
    pub(crate) fn join(&self, rows: &Keyed, first: u32, found: &mut Vec<(u32, u32)>) {
        let index = self.index.get_or_init(|| self.indexed());
        for row in (0..rows.len()).filter(|row| rows.keys.is_valid(*row)) {
            let mut label = index.first.get(&hash_value(&rows.keys, row)).copied().unwrap_or(NONE);
            while let Some(aim) = self.aims.get(label as usize) {
                let is_meant = aim.takes(rows.times[row]);
                if is_meant && same_value(&rows.keys, row, &self.keys, label as usize) {
                    found.push((first + row as u32, label));
                }
                label = index.next.get(label as usize).copied().unwrap_or(NONE);
            }
        }
    }

    /// Chains begin with the first label: they are put together from the end.
    fn indexed(&self) -> Index {
        let mut index = Index { first: HashMap::with_capacity(self.len()), next: vec![NONE; self.len()] };
        for (label, hash) in self.hashes.iter().enumerate().rev() {
            let Some(hash) = hash else { continue };
            if let Some(later) = index.first.insert(*hash, label as u32) {
                index.next[label] = later;
            }
        }
        index
    }

    /// The rows of a segment that have labels among these, each with each of its labels, in order of rows.
    ///
    /// Row groups are passed by where times or the filter of keys tell that there are none.
    pub(crate) fn in_segment(&self, segment: &SegmentReader, relation: &Relation) -> Result<Vec<(u32, u32)>> {
        let mut found = Vec::new();
        if self.within(segment.info().time()).next().is_none() {
            return Ok(found);
        }
        for (index, group) in segment.groups()?.iter().enumerate() {
            let sought: Vec<u32> = self.within(group.time).collect();
            if !sought.is_empty() && self.may_hold(segment, index, group.rows, &sought, relation)? {
                let rows = segment.read_whole(index, &relation.row_columns())?;
                // A segment has fewer rows than a u32 can count.
                self.join(&Keyed::of(&rows)?, group.first_row as u32, &mut found);
            }
        }
        Ok(found)
    }

    /// The labels whose rows may lie in this range.
    fn within(&self, time: TimeRange) -> impl Iterator<Item = u32> {
        let wide =
            TimeRange { min: time.min.saturating_sub(NEAR_NANOS), max: time.max.saturating_add(NEAR_NANOS) };
        let (at, near) = (between(&self.at, time), between(&self.near, wide));
        at.iter().chain(near).map(|(_, label)| *label).chain(self.anywhere.iter().copied())
    }

    /// Whether a row group may hold rows of some of these labels.
    fn may_hold(
        &self,
        segment: &SegmentReader,
        group: usize,
        rows: usize,
        sought: &[u32],
        relation: &Relation,
    ) -> Result<bool> {
        if sought.len() > rows / FILTERED_SHARE {
            return Ok(true);
        }
        let hashes: Vec<Option<u64>> = sought.iter().map(|label| self.hashes[*label as usize]).collect();
        Ok(segment.may_contain_each(group, relation.row_key.id, &hashes)?.contains(&true))
    }
}

fn between(sorted: &[(i64, u32)], time: TimeRange) -> &[(i64, u32)] {
    let start = sorted.partition_point(|(at, _)| *at < time.min);
    let end = sorted.partition_point(|(at, _)| *at <= time.max);
    sorted.get(start..end).unwrap_or_default()
}
