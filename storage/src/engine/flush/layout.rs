//! Into which partitions and intervals the rows of a table go.

use std::collections::{BTreeMap, HashMap};

use crate::compaction::width::{self, Rate};
use crate::error::Result;
use crate::memtable::times;
use crate::partition::{Partition, Width};
use crate::rows::Rows;
use crate::schema::{SeriesId, TableSchema};
use crate::segment::SegmentInfo;

/// How the time of one table is cut: as its segments cut it already, and by the rate of its rows where there are
/// none yet.
#[derive(Debug)]
pub(super) struct Layout {
    /// Partitions that have segments, by their start, with the width of the newest segment.
    known: BTreeMap<i64, (Partition, Width)>,
    length: i64,
    day: Width,
    long: Width,
}

impl Layout {
    /// For rows of a table that has `segments`, oldest write first.
    pub(super) fn new(schema: &TableSchema, chunks: &[Rows], segments: &[SegmentInfo]) -> Result<Self> {
        let known = segments.iter().map(|s| (s.partition.start, (s.partition, s.width))).collect();
        let rate = Rate::of(counts(chunks), span(schema, chunks)?);
        let of = |length| width::for_flush(rate, schema, Partition { start: 0, length });
        Ok(Self {
            known,
            length: width::partition_length(rate, schema),
            day: of(Partition::DAY),
            long: of(Partition::LONG),
        })
    }

    /// The partition that holds `time`: one that has segments, else a new one that shares no time with any.
    pub(super) fn partition(&self, time: i64) -> Partition {
        let long = Partition::of(time, Partition::LONG);
        let near = self.known.range(long.start..=long.end()).map(|(_, (partition, _))| *partition);
        width::partition_at(time, self.length, near)
    }

    /// The width of the intervals of a partition.
    pub(super) fn width(&self, partition: Partition) -> Width {
        match self.known.get(&partition.start) {
            Some((_, width)) => *width,
            None if partition.length == Partition::LONG => self.long,
            None => self.day,
        }
    }
}

/// Rows of each series.
fn counts(chunks: &[Rows]) -> Vec<u64> {
    let mut counts: HashMap<SeriesId, u64> = HashMap::new();
    for run in chunks.iter().flat_map(|chunk| chunk.series.chunk_by(|a, b| a == b)) {
        if let Some(series) = run.first() {
            *counts.entry(*series).or_default() += run.len() as u64;
        }
    }
    counts.into_values().collect()
}

/// Nanoseconds from the least time to the greatest.
fn span(schema: &TableSchema, chunks: &[Rows]) -> Result<i64> {
    let (mut least, mut greatest) = (i64::MAX, i64::MIN);
    for chunk in chunks {
        for time in times(schema, chunk)? {
            (least, greatest) = (least.min(*time), greatest.max(*time));
        }
    }
    Ok(greatest.saturating_sub(least).max(0))
}
