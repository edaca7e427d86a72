//! Compaction at work: one thread that plans, merges, and puts the result in force.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Inner;
use super::flush::{Context, open_segments};
pub(super) use super::moved::Moved;
use super::moved::{Inputs, Output};
use super::open::Files;
use crate::compaction::{self, Control, Job, Merged, PlanOptions, Run, Source, Target, choose_width, plan};
use crate::error::{Result, StorageError};
use crate::limits::{COMPACTION_IDLE_CHECK_SECONDS, QUIET_NANOS};
use crate::manifest::Manifest;
use crate::partition::{Partition, Width};
use crate::patch::LabelBlock;
use crate::schema::{TableId, TableSchema};
use crate::segment::{SegmentInfo, SegmentReader, Written};
use parking_lot::{Condvar, Mutex};

/// How often a compaction that was asked for begins anew.
pub(super) const CANCELLED_MAX: u32 = 16;

/// How the thread is woken, and that it runs one job at a time.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    wanted: Mutex<bool>,
    wake: Condvar,
    /// Held while a job runs: what replaces the engine's state under it waits for its end.
    running: Mutex<()>,
}

/// What is to be compacted although nothing asks for it.
#[derive(Clone, Copy, Debug)]
struct Force {
    /// Rows up to this write.
    until: u64,
    /// Only of this table.
    table: Option<TableId>,
}

impl Force {
    fn takes(self, segment: &SegmentInfo) -> bool {
        segment.first_seq <= self.until && self.table.is_none_or(|table| table == segment.table)
    }
}

impl Inner {
    /// Tells the thread that there are new segments.
    pub(super) fn wake_compaction(&self) {
        *self.compaction.wanted.lock() = true;
        self.compaction.wake.notify_one();
    }

    /// Stops a job that runs, and keeps others from beginning, while `work` is done.
    pub(super) fn without_compaction<T>(&self, work: impl FnOnce() -> T) -> T {
        self.cancel.fetch_add(1, Ordering::AcqRel);
        let running = self.compaction.running.lock();
        let result = work();
        self.cancel.fetch_sub(1, Ordering::AcqRel);
        drop(running);
        result
    }

    /// Stops a job that runs, and keeps the thread from beginning others, while `work` runs jobs of its own.
    pub(super) fn beside_no_compaction<T>(&self, work: impl FnOnce() -> T) -> T {
        self.cancel.fetch_add(1, Ordering::AcqRel);
        let _running = self.compaction.running.lock();
        self.cancel.fetch_sub(1, Ordering::AcqRel);
        work()
    }

    /// The compaction thread: drops what retention has passed by, and works whatever is worth it, after each flush and now
    /// and then for partitions that have become quiet.
    pub(super) fn compact_when_woken(&self) {
        loop {
            {
                let mut wanted = self.compaction.wanted.lock();
                if !*wanted {
                    let check = Duration::from_secs(COMPACTION_IDLE_CHECK_SECONDS);
                    self.compaction.wake.wait_for(&mut wanted, check);
                }
                *wanted = false;
            }
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            if let Err(error) = self.expire() {
                self.counters.failed(&error);
            }
            // What fails leaves all as it was, is counted, and is tried again after the next flush.
            while let Ok(true) = self.compact_once(None) {}
        }
    }

    /// Brings all that is written now into compacted runs; what comes meanwhile is left, or this might never end.
    /// Only those of one table, if it is given.
    pub(super) fn compact_all(&self, table: Option<TableId>) -> Result<()> {
        let until = self.state.lock().seq;
        let mut cancelled = 0;
        loop {
            match self.compact_once(Some(Force { until, table })) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // A flush that hid rows of its inputs, or emptied one, takes the ground from under a job.
                Err(StorageError::Cancelled) if !self.is_closed() && cancelled < CANCELLED_MAX => {
                    cancelled += 1
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs the next job, if there is one worth it; with `force` any job over what that takes.
    fn compact_once(&self, force: Option<Force>) -> Result<bool> {
        let _running = self.compaction.running.lock();
        let Some(job) = self.plan(force)? else { return Ok(false) };
        let result = self.run(&job, force.is_some());
        self.counters.compacted(&result);
        result.map(|_| true)
    }

    fn plan(&self, force: Option<Force>) -> Result<Option<Job>> {
        let manifest = self.files.lock().manifest.clone();
        let idle = self.options.clock.now_nanos().saturating_sub(self.last_write.load(Ordering::Relaxed));
        let options = PlanOptions {
            runs_max: self.options.compaction_runs_max,
            run_bytes_max: self.options.run_bytes_max,
            quiet: idle >= QUIET_NANOS,
            force: force.is_some(),
            hidden: manifest.hidden.iter().map(|(segment, hidden)| (*segment, hidden.rows)).collect(),
            ..PlanOptions::default()
        };
        let mut tables: BTreeMap<TableId, Vec<SegmentInfo>> = BTreeMap::new();
        let catalog = self.state.lock().catalog.clone();
        let is_meant = |s: &&SegmentInfo| {
            catalog.by_id.contains_key(&s.table) && force.is_none_or(|force| force.takes(s))
        };
        for segment in manifest.segments.iter().filter(is_meant) {
            tables.entry(segment.table).or_default().push(segment.clone());
        }
        for (table, segments) in tables {
            let mut width = |inputs: &[&SegmentInfo]| self.width_of(table, inputs);
            if let Some(job) = plan(&segments, &options, &mut width)? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// The width for the rows of these segments of a table, by what their cell tables say of their rate.
    fn width_of(&self, table: TableId, inputs: &[&SegmentInfo]) -> Result<Width> {
        let Some(schema) = self.state.lock().catalog.by_id.get(&table).cloned() else {
            return Err(StorageError::Cancelled);
        };
        let ids: Vec<u64> = inputs.iter().map(|s| s.id).collect();
        let partition = inputs.first().map_or(Partition::of(0, Partition::DAY), |s| s.partition);
        choose_width(&self.segments_of(table, &ids), &schema, partition)
    }

    /// Merges the inputs and publishes; the bytes written. For who holds `compaction.running`.
    pub(super) fn run(&self, job: &Job, force: bool) -> Result<u64> {
        let context = Context::new(self);
        let inputs = self.sources_of(job)?;
        let Some(schema) = self.state.lock().catalog.by_id.get(&job.table).cloned() else {
            return Err(StorageError::Cancelled);
        };
        let lattices = self.files.lock().manifest.lattices.get(&job.table).cloned().unwrap_or_default();
        let is_cancelled = || self.cancel.load(Ordering::Acquire) > 0;
        let rest = |worked: Duration| self.rest_after(worked, force);
        let control = Control::new(&*self.options.clock, &is_cancelled, &rest);
        let target = Target {
            disk: &**context.disk,
            take_id: &|| context.take_id(),
            series: context.registry,
            lattices: &lattices,
            threads: context.threads,
        };
        let written = compaction::run(job, &inputs, &schema, &target, &control)?;
        self.put_in_force(job, &inputs, &schema, written)
    }

    /// Leaves the machine to writers for a while after some work, as long as there are any; a flush, which brings more
    /// to do, ends the pause early.
    fn rest_after(&self, worked: Duration, force: bool) {
        let now = self.options.clock.now_nanos();
        let since = now.saturating_sub(self.last_write.load(Ordering::Relaxed));
        let rest = compaction::rest(worked, since, force);
        if rest > Duration::ZERO {
            let mut wanted = self.compaction.wanted.lock();
            self.compaction.wake.wait_for(&mut wanted, rest);
        }
    }

    /// The open segments of these ids, in the order of the ids.
    fn segments_of(&self, table: TableId, ids: &[u64]) -> Vec<Arc<SegmentReader>> {
        let state = self.state.lock();
        let segments = state.tables.get(&table).map(|data| data.segments.clone()).unwrap_or_default();
        drop(state);
        let open = |id: &u64| segments.iter().find(|s| s.info().id == *id).cloned();
        ids.iter().filter_map(open).collect()
    }

    /// The inputs of a job, with the rows of them that are hidden by now.
    fn sources_of(&self, job: &Job) -> Result<Vec<Source>> {
        let hidden = self.state.lock().tables.get(&job.table).map(|data| data.hidden.clone());
        let source = |segment: Arc<SegmentReader>| {
            let hidden = hidden.as_ref().and_then(|all| all.get(&segment.info().id));
            let hidden = hidden.map(|hidden| hidden.rows()).transpose()?;
            Ok(Source { segment, hidden })
        };
        self.segments_of(job.table, &job.inputs).into_iter().map(source).collect()
    }

    /// What flushes said of the inputs, also while they were merged, is said of the outputs too; none comes while this is
    /// made sure of.
    fn put_in_force(
        &self,
        job: &Job,
        inputs: &[Source],
        schema: &TableSchema,
        merged: Vec<Merged>,
    ) -> Result<u64> {
        let no_flush = self.flushing.lock();
        let context = Context::new(self);
        let bytes = merged.iter().map(|m| m.written.info.bytes).sum();
        let (written, origins): (Vec<Written>, Vec<Vec<Run>>) =
            merged.into_iter().map(|m| (m.written, m.origins)).unzip();
        let segments = open_segments(&context, written.iter().map(|w| w.info.clone()).collect());
        let output = |(segment, origins): (&Arc<SegmentReader>, Vec<Run>)| Output {
            segment: segment.clone(),
            origins,
        };
        let outputs: Vec<Output> = segments.iter().zip(origins).map(output).collect();
        let result = self.moved(job, inputs, schema, &outputs).and_then(|moved| {
            self.publish(
                &no_flush,
                |files| next_manifest(files, job, &written, &moved),
                |state| state.compacted(job.table, &job.inputs, segments.clone(), &moved),
            )
        });
        if matches!(result, Err(StorageError::Cancelled)) {
            // No manifest will ever name these files.
            segments.iter().for_each(|segment| segment.file().obsolete());
        }
        result.map(|()| bytes)
    }

    fn moved(&self, job: &Job, then: &[Source], schema: &TableSchema, outputs: &[Output]) -> Result<Moved> {
        let now = self.sources_of(job)?;
        if now.len() != then.len() {
            // One went with its table, or because all its rows are hidden.
            return Err(StorageError::Cancelled);
        }
        let labels =
            self.state.lock().tables.get(&job.table).map(|data| data.labels.clone()).unwrap_or_default();
        let inputs = Inputs { then, now: &now, labels: &labels };
        Moved::write(&Context::new(self), schema, &inputs, outputs)
    }
}

/// The manifest with the outputs in the place of the inputs; cancelled where these went with their table.
fn next_manifest(files: &Files, job: &Job, written: &[Written], moved: &Moved) -> Result<Manifest> {
    let mut next = (*files.manifest).clone();
    let before = next.segments.len();
    next.segments.retain(|s| !job.inputs.contains(&s.id));
    if before - next.segments.len() != job.inputs.len() {
        return Err(StorageError::Cancelled);
    }
    next.segments.extend(written.iter().map(|w| w.info.clone()));
    next.forget_others();
    next.hidden.extend(moved.hidden.iter().map(|hidden| (hidden.segment(), hidden.place)));
    let places = |blocks: &Vec<Arc<LabelBlock>>| blocks.iter().map(|block| block.place).collect();
    next.labels.extend(moved.labels.iter().map(|(key, blocks)| (*key, places(blocks))));
    next.segments.sort_by_key(|s| (s.first_seq, s.id));
    for written in written {
        next.lattices.entry(job.table).or_default().extend(&written.lattices);
    }
    Ok(next)
}
