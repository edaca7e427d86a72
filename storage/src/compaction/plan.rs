//! What to compact next: a pure rule over what the manifest knows.
//!
//! Two things hold before and after every job, whatever was written late. Level-1 runs of a partition share no cell.
//! And where two segments share a cell, their write ranges are disjoint, and the order of the ranges is the order of
//! the rows: so no row needs a sequence of its own. Both follow from what a job takes: neighbours in order of
//! writing, cut only between disjoint write ranges, and every run that shares a cell with what comes out.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::limits::{COMPACTION_BYTES_MAX, COMPACTION_INPUTS_MAX, ROW_GROUP_ROWS_MAX, RUN_BYTES_MAX};
use crate::partition::{CellKey, Partition, Width};
use crate::schema::{SeriesId, TableId};
use crate::segment::SegmentInfo;

/// Flushed segments are folded into the runs once they hold this share of the bytes they would rewrite. Before that
/// they are gathered among themselves, so that a partition much larger than a flush is not rewritten every few flushes.
const FOLD_SHARE: f64 = 0.25;
/// A run is rewritten for its hidden rows alone once they are this share of it.
const HIDDEN_SHARE: f64 = 0.25;
/// What lies before the interval that is still being written becomes a run of its own where it has this part of one.
const OPEN_PART: u64 = 4;
/// Fewer neighbours than this are not worth gathering.
const GATHER_MIN: usize = 4;
/// How often the width of a job may draw in further runs and then be chosen anew.
const WIDTH_ROUNDS_MAX: usize = 4;

/// When to compact.
#[derive(Clone, Debug)]
pub(crate) struct PlanOptions {
    /// So many flushed segments of a partition make a job.
    pub(crate) runs_max: usize,
    /// A quiet partition is left alone while its flushed bytes are at most this share of its runs' bytes.
    pub(crate) late_share: f64,
    /// Bytes of a run.
    pub(crate) run_bytes_max: u64,
    /// Rows that the merge puts into a row group at most.
    pub(crate) group_rows: usize,
    /// No write has come for a while: what is worth it is merged.
    pub(crate) quiet: bool,
    /// Somebody asked: everything becomes disjoint runs, as few as the limit allows.
    pub(crate) force: bool,
    /// How many rows of a segment are hidden, where any are.
    pub(crate) hidden: BTreeMap<u64, u64>,
    /// Segments that keep a shared file of which little else is in use.
    pub(crate) sparse: BTreeSet<u64>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            runs_max: 8,
            late_share: 0.05,
            run_bytes_max: RUN_BYTES_MAX,
            group_rows: ROW_GROUP_ROWS_MAX,
            quiet: false,
            force: false,
            hidden: BTreeMap::new(),
            sparse: BTreeSet::new(),
        }
    }
}

/// Segments to be merged, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// The table they belong to.
    pub(crate) table: TableId,
    /// The partition they lie in.
    pub(crate) partition: Partition,
    /// Their ids; where keys are equal, the rows of the one named first come first.
    pub(crate) inputs: Vec<u64>,
    /// The first write in any of them.
    pub(crate) first_seq: u64,
    /// The last write in any of them.
    pub(crate) last_seq: u64,
    /// The width of the intervals of what comes out.
    pub(crate) width: Width,
    /// 1 for runs; 0 where flushed segments were only gathered.
    pub(crate) level: u8,
    /// Where runs begin that stay as they are: nothing that comes out may lie on both sides of one. In order.
    pub(crate) cuts: Vec<CellKey>,
    /// The interval that is still being written, where it is worth a run of its own: the next job then rewrites that
    /// run and not the ones before it.
    pub(crate) open: Option<i64>,
    /// A segment ends at the next cell once it has this many bytes.
    pub(crate) run_bytes_max: u64,
    /// Rows of a row group at most.
    pub(crate) group_rows: usize,
    /// Bytes of the inputs.
    pub(crate) bytes: u64,
}

impl Job {
    /// The next cell at which a segment may have to end, whatever its bytes.
    pub(crate) fn border(&self, cell: CellKey) -> Option<CellKey> {
        let open =
            self.open.filter(|open| cell.interval < *open).map(|interval| CellKey { interval, series: 0 });
        self.cut_after(cell).into_iter().chain(open).min()
    }

    fn cut_after(&self, cell: CellKey) -> Option<CellKey> {
        self.cuts.get(self.cuts.partition_point(|cut| *cut <= cell)).copied()
    }

    /// Whether a segment of `bytes` whose last cell is `last` ends before the cell `next`, which is greater.
    pub(crate) fn ends(&self, last: CellKey, next: CellKey, bytes: u64) -> bool {
        let run_between = self.cut_after(last).is_some_and(|cut| cut <= next);
        let opens = self.open.is_some_and(|open| last.interval < open && open <= next.interval);
        run_between || bytes >= self.run_bytes_max || (opens && bytes >= self.run_bytes_max / OPEN_PART)
    }
}

/// Chooses the width for the rows of some segments.
pub(crate) type ChooseWidth<'a> = dyn FnMut(&[&SegmentInfo]) -> Result<Width> + 'a;

/// The next job for the segments of one table, given in any order; none where nothing is due. Fails only where
/// `width` does.
pub(crate) fn plan(
    segments: &[SegmentInfo],
    options: &PlanOptions,
    width: &mut ChooseWidth<'_>,
) -> Result<Option<Job>> {
    let mut stretches: Vec<Stretch<'_>> = partitions(segments);
    // The partition with most to merge first: it is the one that queries feel.
    stretches.sort_by_key(|s| (std::cmp::Reverse(s.flushed.len()), s.partition));
    for stretch in &stretches {
        if let Some(job) = stretch.job(options, width)? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The segments of one partition.
struct Stretch<'a> {
    partition: Partition,
    /// Level 0, in order of writing.
    flushed: Vec<&'a SegmentInfo>,
    /// Level 1, in order of key.
    runs: Vec<&'a SegmentInfo>,
}

fn partitions(segments: &[SegmentInfo]) -> Vec<Stretch<'_>> {
    let mut found: BTreeMap<Partition, Stretch<'_>> = BTreeMap::new();
    for segment in segments {
        let empty = || Stretch { partition: segment.partition, flushed: Vec::new(), runs: Vec::new() };
        let stretch = found.entry(segment.partition).or_insert_with(empty);
        match segment.level {
            0 => stretch.flushed.push(segment),
            _ => stretch.runs.push(segment),
        }
    }
    for stretch in found.values_mut() {
        stretch.flushed.sort_by_key(|s| (s.first_seq, s.last_seq, s.first_key, s.id));
        stretch.runs.sort_by_key(|s| (s.first_key, s.id));
    }
    found.into_values().collect()
}

fn bytes_of(segments: &[&SegmentInfo]) -> u64 {
    segments.iter().map(|s| s.bytes).sum()
}

impl<'a> Stretch<'a> {
    fn job(&self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> Result<Option<Job>> {
        if self.flushed.is_empty() {
            let joined = self.join_small(options, width)?;
            return if joined.is_some() { Ok(joined) } else { self.shed(options, width) };
        }
        let (flushed, runs) = (bytes_of(&self.flushed), bytes_of(&self.runs));
        let late = options.quiet && flushed as f64 > options.late_share * runs as f64;
        let crowded = self.flushed.len() >= options.runs_max;
        if options.force || late {
            return self.fold(options, width).map(Some);
        }
        if crowded {
            return self.relieve(options, width).map(Some);
        }
        Ok(None)
    }

    /// Too many flushed segments: folds them where they are worth the runs they touch, else gathers the newest.
    fn relieve(&self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> Result<Job> {
        let folded = self.fold(options, width)?;
        let late: u64 = self.prefix().iter().map(|s| s.bytes).sum();
        let touched = folded.bytes.saturating_sub(late);
        let gathered = self.similar_suffix();
        if late as f64 >= FOLD_SHARE * touched as f64 || gathered.len() < GATHER_MIN {
            return Ok(folded);
        }
        let width = width(gathered)?;
        Ok(self.make(gathered.to_vec(), width, 0, options))
    }

    /// The flushed segments a job takes: the oldest, whole write ranges, within the limits. At least one range.
    fn prefix(&self) -> &[&'a SegmentInfo] {
        let (mut end, mut bytes) = (0, 0);
        for group in ranges(&self.flushed) {
            bytes += bytes_of(group);
            if end > 0 && (end + group.len() > COMPACTION_INPUTS_MAX || bytes > COMPACTION_BYTES_MAX) {
                break;
            }
            end += group.len();
        }
        self.flushed.get(..end).unwrap_or_default()
    }

    /// The newest flushed segments, as far back as each write range is at most twice as large as all after it.
    fn similar_suffix(&self) -> &[&'a SegmentInfo] {
        let groups: Vec<_> = ranges(&self.flushed).collect();
        let (mut taken, mut bytes) = (0, 0);
        for group in groups.iter().rev() {
            let size = bytes_of(group);
            let full = taken + group.len() > COMPACTION_INPUTS_MAX || bytes + size > COMPACTION_BYTES_MAX;
            if taken > 0 && (full || size > 2 * bytes) {
                break;
            }
            taken += group.len();
            bytes += size;
        }
        self.flushed.get(self.flushed.len() - taken..).unwrap_or_default()
    }

    /// The oldest flushed segments and the runs they touch become runs.
    fn fold(&self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> Result<Job> {
        let flushed = self.prefix();
        let (inputs, width) = self.with_touched(&[], flushed, width)?;
        let mut job = self.make(inputs, width, 1, options);
        if !options.force && !options.quiet {
            job.open = flushed.iter().map(|s| width.interval(s.max_time)).max();
        }
        Ok(job)
    }

    /// Neighbouring runs that fit into one are joined: all such when asked, when quiet only where they are many.
    fn join_small(&self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> Result<Option<Job>> {
        let at_least = match (options.force, options.quiet) {
            (true, _) => 2,
            (false, true) => options.runs_max.max(2),
            (false, false) => return Ok(None),
        };
        let Some(runs) = self.small_neighbours(at_least, options.run_bytes_max) else { return Ok(None) };
        let (inputs, width) = self.with_touched(runs, &[], width)?;
        Ok(Some(self.make(inputs, width, 1, options)))
    }

    /// A run is rewritten without its hidden rows: any such when asked, else where they are many. So is one that keeps a
    /// file alive of which hardly anything is in use.
    fn shed(&self, options: &PlanOptions, width: &mut ChooseWidth<'_>) -> Result<Option<Job>> {
        let is_worth_it = |run: &&&SegmentInfo| {
            let hidden = options.hidden.get(&run.id).copied().unwrap_or(0);
            let is_shed = hidden > 0 && (options.force || hidden as f64 >= HIDDEN_SHARE * run.rows as f64);
            is_shed || options.sparse.contains(&run.id)
        };
        let Some(run) = self.runs.iter().find(is_worth_it) else { return Ok(None) };
        let (inputs, width) = self.with_touched(&[run], &[], width)?;
        Ok(Some(self.make(inputs, width, 1, options)))
    }

    /// The first `at_least` or more neighbouring runs that are no larger than one run together.
    fn small_neighbours(&self, at_least: usize, run_bytes_max: u64) -> Option<&[&'a SegmentInfo]> {
        for start in 0..self.runs.len() {
            let (mut end, mut bytes) = (start, 0);
            while let Some(run) = self.runs.get(end).filter(|run| bytes + run.bytes <= run_bytes_max) {
                bytes += run.bytes;
                end += 1;
            }
            if end - start >= at_least {
                return self.runs.get(start..end);
            }
        }
        None
    }

    /// The given runs and flushed segments with every run that shares a cell with what they become, and the width that
    /// was chosen for all of them. Rounding to a coarser width may touch further runs, and these may change the width:
    /// after some rounds the width stays, for the set of runs only grows.
    fn with_touched(
        &self,
        runs: &[&'a SegmentInfo],
        flushed: &[&'a SegmentInfo],
        choose: &mut ChooseWidth<'_>,
    ) -> Result<(Vec<&'a SegmentInfo>, Width)> {
        let mut taken: Vec<bool> =
            self.runs.iter().map(|r| runs.iter().any(|given| given.id == r.id)).collect();
        self.take_touched(&mut taken, flushed, None);
        let mut inputs = self.inputs(&taken, flushed);
        let mut width = choose(&inputs)?;
        for _ in 0..WIDTH_ROUNDS_MAX {
            if !self.take_touched(&mut taken, flushed, Some(width)) {
                break;
            }
            inputs = self.inputs(&taken, flushed);
            width = choose(&inputs)?;
        }
        while self.take_touched(&mut taken, flushed, Some(width)) {}
        Ok((self.inputs(&taken, flushed), width))
    }

    /// Marks the runs that share a cell with any input at this width, or at the width each has; whether any was added.
    fn take_touched(&self, taken: &mut [bool], flushed: &[&SegmentInfo], width: Option<Width>) -> bool {
        let cover = |s: &SegmentInfo| Cover::of(s).at(width.unwrap_or(s.width));
        let covers: Vec<Cover> = self.inputs(taken, flushed).into_iter().map(cover).collect();
        let mut added = false;
        for (run, taken) in self.runs.iter().zip(taken).filter(|(_, taken)| !**taken) {
            let own = Cover::of(run);
            *taken = covers.iter().any(|cover| cover.overlaps(&own));
            added |= *taken;
        }
        added
    }

    /// Runs come before flushed segments: every flushed segment was written after all that the runs hold.
    fn inputs(&self, taken: &[bool], flushed: &[&'a SegmentInfo]) -> Vec<&'a SegmentInfo> {
        let runs = self.runs.iter().zip(taken).filter(|(_, taken)| **taken).map(|(run, _)| *run);
        runs.chain(flushed.iter().copied()).collect()
    }

    fn make(&self, inputs: Vec<&SegmentInfo>, width: Width, level: u8, options: &PlanOptions) -> Job {
        let stays = |run: &&&SegmentInfo| level > 0 && inputs.iter().all(|input| input.id != run.id);
        let cut = |run: &&SegmentInfo| match run.width == width {
            true => run.first_key,
            false => CellKey { interval: run.first_key.interval, series: 0 },
        };
        Job {
            table: inputs.first().map_or(0, |s| s.table),
            partition: self.partition,
            first_seq: inputs.iter().map(|s| s.first_seq).min().unwrap_or(0),
            last_seq: inputs.iter().map(|s| s.last_seq).max().unwrap_or(0),
            width,
            level,
            cuts: self.runs.iter().filter(stays).map(cut).collect(),
            open: None,
            run_bytes_max: options.run_bytes_max,
            group_rows: options.group_rows,
            bytes: bytes_of(&inputs),
            inputs: inputs.iter().map(|s| s.id).collect(),
        }
    }
}

/// Flushed segments in pieces whose write ranges are disjoint: those of one flush have one range, and one of them
/// alone must not move to the runs, where its rows would seem older than those of the others.
fn ranges<'s, 'a>(flushed: &'s [&'a SegmentInfo]) -> impl Iterator<Item = &'s [&'a SegmentInfo]> {
    let mut rest = flushed;
    std::iter::from_fn(move || {
        let mut last = rest.first()?.last_seq;
        let end = rest.iter().position(|s| {
            let beyond = s.first_seq > last;
            last = last.max(s.last_seq);
            beyond
        });
        let (range, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(range)
    })
}

/// The cells from one key to another, both included, at a width.
#[derive(Clone, Copy, Debug)]
struct Cover {
    first: CellKey,
    last: CellKey,
    width: Width,
}

impl Cover {
    fn of(segment: &SegmentInfo) -> Self {
        Self { first: segment.first_key, last: segment.last_key, width: segment.width }
    }

    /// The last nanosecond that can lie in it.
    fn end(&self) -> i64 {
        self.last.interval.saturating_add(self.width.nanos() - 1)
    }

    /// The cells at another width that its rows can fall into.
    fn at(&self, width: Width) -> Self {
        if width == self.width {
            return *self;
        }
        let first = CellKey { interval: width.interval(self.first.interval), series: 0 };
        let last = CellKey { interval: width.interval(self.end()), series: SeriesId::MAX };
        Self { first, last, width }
    }

    /// Whether a row could lie in both. Where widths differ the order of their keys does too, so times decide.
    fn overlaps(&self, other: &Self) -> bool {
        if self.width == other.width {
            return self.first <= other.last && other.first <= self.last;
        }
        self.first.interval <= other.end() && other.first.interval <= self.end()
    }
}

/// Whether two segments share a cell, as far as the manifest can tell.
#[cfg(test)]
pub(crate) fn overlap(a: &SegmentInfo, b: &SegmentInfo) -> bool {
    Cover::of(a).overlaps(&Cover::of(b))
}

#[cfg(test)]
mod tests;
