//! Compaction at work: one thread that plans, merges, and puts the result in force.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Inner;
use super::flush::{Context, open_segments};
use super::open::Files;
use crate::compaction::{self, Control, Job, PlanOptions};
use crate::error::{Result, StorageError};
use crate::limits::{COMPACTION_IDLE_CHECK_SECONDS, QUIET_NANOS};
use crate::manifest::Manifest;
use crate::schema::TableId;
use crate::segment::{SegmentInfo, SegmentReader, Written};

/// How the thread is woken, and that it runs one job at a time.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    wanted: Mutex<bool>,
    wake: Condvar,
    /// Held while a job runs: what replaces the engine's state under it waits for its end.
    running: Mutex<()>,
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

    /// The compaction thread: works whatever is worth it after each flush, and now and then for partitions that have
    /// become quiet.
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
            // What fails leaves all as it was, is counted, and is tried again after the next flush.
            while let Ok(true) = self.compact_once(false) {}
        }
    }

    /// Brings all of every table into compacted runs.
    pub(super) fn compact_all(&self) -> Result<()> {
        while self.compact_once(true)? {}
        Ok(())
    }

    /// Runs the next job, if there is one worth it.
    fn compact_once(&self, force: bool) -> Result<bool> {
        let _running = self.compaction.running.lock();
        let Some(job) = self.plan(force) else { return Ok(false) };
        let result = self.run(&job, force);
        self.counters.compacted(&result);
        result.map(|_| true)
    }

    fn plan(&self, force: bool) -> Option<Job> {
        let manifest = self.files.lock().manifest.clone();
        let idle = self.options.clock.now_nanos().saturating_sub(self.last_write.load(Ordering::Relaxed));
        let options = PlanOptions {
            runs_max: self.options.compaction_runs_max,
            run_bytes_max: self.options.run_bytes_max,
            quiet: idle >= QUIET_NANOS,
            force,
            ..PlanOptions::default()
        };
        let mut tables: Vec<TableId> = manifest.segments.iter().map(|s| s.table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables.into_iter().find_map(|table| {
            let segments: Vec<SegmentInfo> =
                manifest.segments.iter().filter(|s| s.table == table).cloned().collect();
            compaction::plan(&segments, &options)
        })
    }

    /// Merges the inputs and publishes; the bytes written.
    fn run(&self, job: &Job, force: bool) -> Result<u64> {
        let context = Context::new(self);
        let inputs = self.inputs(job);
        let Some(schema) = self.state.lock().catalog.by_id.get(&job.table).cloned() else {
            return Err(StorageError::Cancelled);
        };
        let lattices = self.files.lock().manifest.lattices.get(&job.table).cloned().unwrap_or_default();
        let throttle = |worked: Duration| self.rest_after(worked, force);
        let control = Control { cancel: &self.cancel, rest: &throttle };
        let written = compaction::run(job, &inputs, &schema, &context, &lattices, &control)?;
        self.put_in_force(job, &context, written)
    }

    fn inputs(&self, job: &Job) -> Vec<Arc<SegmentReader>> {
        let state = self.state.lock();
        let segments = state.tables.get(&job.table).map(|data| data.segments.clone()).unwrap_or_default();
        segments.iter().filter(|s| job.inputs.contains(&s.info().id)).cloned().collect()
    }

    fn put_in_force(&self, job: &Job, context: &Context<'_>, written: Vec<Written>) -> Result<u64> {
        let bytes = written.iter().map(|w| w.info.bytes).sum();
        let outputs = open_segments(context, written.iter().map(|w| w.info.clone()).collect());
        let result = self.publish(
            |files| next_manifest(files, job, &written),
            |state| state.compacted(job.table, &job.inputs, outputs.clone()),
        );
        if matches!(result, Err(StorageError::Cancelled)) {
            // No manifest will ever name these files.
            outputs.iter().for_each(|segment| segment.file().obsolete());
        }
        result.map(|()| bytes)
    }

    /// Leaves the machine to writers for a while after some work, as long as there are any.
    fn rest_after(&self, worked: Duration, force: bool) {
        let now = self.options.clock.now_nanos();
        let since = now.saturating_sub(self.last_write.load(Ordering::Relaxed));
        let rest = compaction::rest(worked, since, force);
        if rest > Duration::ZERO {
            let mut pause = self.compaction.wanted.lock();
            // Woken early by a flush: then there is more to do, not less, and the next group rests again.
            self.compaction.wake.wait_for(&mut pause, rest);
        }
    }
}

/// The manifest with the outputs in the place of the inputs; cancelled where these went with their table.
fn next_manifest(files: &Files, job: &Job, written: &[Written]) -> Result<Manifest> {
    let mut next = (*files.manifest).clone();
    let before = next.segments.len();
    next.segments.retain(|s| !job.inputs.contains(&s.id));
    if before - next.segments.len() != job.inputs.len() {
        return Err(StorageError::Cancelled);
    }
    next.segments.extend(written.iter().map(|w| w.info.clone()));
    next.segments.sort_by_key(|s| (s.first_seq, s.id));
    for written in written {
        next.lattices.entry(job.table).or_default().extend(&written.lattices);
    }
    Ok(next)
}
