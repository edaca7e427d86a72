//! Retention of columns at work: segments whose rows are all past the age of a column are written anew without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Inner;
use super::compact::{CANCELLED_MAX, Work};
use crate::compaction::Job;
use crate::error::{Result, StorageError};
use crate::limits::{COMPACTION_JOBS_MAX, COMPACTION_SHARED_BYTES_MAX, ROW_GROUP_ROWS_MAX};
use crate::schema::ColumnId;
use crate::segment::{SegmentInfo, SegmentReader};

/// By segment the columns that it is known to have no values of: looked at once, not once a minute.
pub(super) type Stripped = BTreeMap<u64, BTreeSet<ColumnId>>;

impl Inner {
    /// Writes segments anew without the columns that are past their age; how many. Everything that tells of a column goes
    /// with it: pages, filters, summaries, least and greatest values, last rows. Row groups that compaction has encoded
    /// are copied as they lie.
    pub(super) fn expire_columns(&self, force: bool) -> Result<u64> {
        let (mut stripped, mut cancelled) = (0, 0);
        loop {
            let running = self.hold_compaction();
            let works = self.past_columns()?;
            if works.is_empty() {
                return Ok(stripped);
            }
            let segments = works.len() as u64;
            match self.work(works, force) {
                Ok(()) => stripped += segments,
                // A flush took the ground from under it, as in a compaction that was asked for.
                Err(StorageError::Cancelled) if !self.is_closed() && cancelled < CANCELLED_MAX => {
                    cancelled += 1
                }
                Err(error) => return Err(error),
            }
            drop(running);
        }
    }

    /// Segments to be written anew, as many as go together.
    fn past_columns(&self) -> Result<Vec<Work>> {
        let (limited, now) = (self.limited_columns(), self.options.clock.now_nanos());
        let mut stripped = self.stripped.lock();
        if limited.is_empty() {
            stripped.clear();
            return Ok(Vec::new());
        }
        let (mut works, mut bytes, mut seen) = (Vec::new(), 0, BTreeSet::new());
        for (table, ages) in limited.iter() {
            let data = self.state.lock().tables.get(table).cloned().unwrap_or_default();
            let (segments, labels) = (data.segments, data.labels);
            for segment in segments.iter() {
                let info = segment.info();
                seen.insert(info.id);
                let past = |(_, age): &&(ColumnId, i64)| info.max_time < now.saturating_sub(*age);
                let past = ages.iter().filter(past).map(|(column, _)| *column);
                let is_labelled = |column: &ColumnId| labels.contains_key(&(info.id, *column));
                let (labelled, past): (Vec<_>, Vec<_>) = past.partition(is_labelled);
                let mut without = held(segment, past.into_iter(), stripped.entry(info.id).or_default())?;
                // Late labels lie beside the segment, and go as it is written anew.
                without.extend(labelled);
                let is_full = works.len() >= COMPACTION_JOBS_MAX || bytes >= COMPACTION_SHARED_BYTES_MAX;
                if !without.is_empty() && !is_full {
                    bytes += info.bytes;
                    works.push(Work { job: job_of(info), without });
                }
            }
        }
        stripped.retain(|segment, _| seen.contains(segment));
        Ok(works)
    }
}

/// Those of some columns that a segment has values of.
fn held(
    segment: &Arc<SegmentReader>,
    columns: impl Iterator<Item = ColumnId>,
    known: &mut BTreeSet<ColumnId>,
) -> Result<BTreeSet<ColumnId>> {
    let mut held = BTreeSet::new();
    for column in columns {
        if known.contains(&column) {
            continue;
        }
        match segment.has_values(column)? {
            true => held.insert(column),
            false => known.insert(column),
        };
    }
    Ok(held)
}

/// The segment as it is, alone.
fn job_of(info: &SegmentInfo) -> Job {
    Job {
        table: info.table,
        partition: info.partition,
        inputs: vec![info.id],
        first_seq: info.first_seq,
        last_seq: info.last_seq,
        width: info.width,
        level: info.level,
        cuts: Vec::new(),
        open: None,
        run_bytes_max: u64::MAX,
        group_rows: ROW_GROUP_ROWS_MAX,
        bytes: info.bytes,
    }
}
