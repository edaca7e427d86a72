//! Compaction at work: one thread that plans, merges, and puts the result in force.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Inner;
use super::flush::{Context, open_segments};
pub(super) use super::moved::Moved;
use super::moved::{Inputs, Output};
use super::open::Files;
use super::state::State;
use crate::compaction::{
    self, Control, Job, Merged, PlanOptions, Shared, Source, Target, choose_width, plan,
};
use crate::error::{Result, StorageError};
use crate::limits::{
    COMPACTION_IDLE_CHECK_SECONDS, COMPACTION_JOBS_MAX, COMPACTION_SHARED_BYTES_MAX, COMPACTION_SPARSE_SHARE,
    QUIET_NANOS, SHARED_SEGMENT_BYTES_MAX,
};
use crate::manifest::Manifest;
use crate::partition::{Partition, Width};
use crate::patch::LabelBlock;
use crate::schema::{ColumnId, TableId, TableSchema};
use crate::segment::{SegmentInfo, SegmentReader};

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

/// A state of things in which there was nothing to compact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looked {
    manifest: u64,
    quiet: bool,
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

    /// Looks once whether there is anything to do, unless the last look found nothing and nothing has changed since: an
    /// idle database with many tables costs nothing. What the look found nothing in, if so.
    fn work_what_is_due(&self, last: Option<Looked>) -> Option<Looked> {
        let looked = Looked { manifest: self.files.lock().manifest.version, quiet: self.is_quiet() };
        if last == Some(looked) {
            return last;
        }
        // What fails leaves all as it was, is counted, and is tried again after the next flush.
        loop {
            match self.compact_once(None) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return None,
            }
        }
        let now = self.files.lock().manifest.version;
        Some(Looked { manifest: now, ..looked })
    }

    fn is_quiet(&self) -> bool {
        let idle = self.options.clock.now_nanos().saturating_sub(self.last_write.load(Ordering::Relaxed));
        idle >= QUIET_NANOS
    }

    /// The compaction thread: drops what retention has passed by, and works whatever is worth it, after each flush and now
    /// and then for partitions that have become quiet.
    pub(super) fn compact_when_woken(&self) {
        let mut looked = None;
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
            if let Err(error) = self.expire().and_then(|_| self.expire_columns(false)) {
                self.counters.failed(&error);
            }
            looked = self.work_what_is_due(looked);
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

    /// Runs the next jobs, if there are some worth it: a large one, or those of many small tables together. With `force`
    /// any job over what that takes.
    fn compact_once(&self, force: Option<Force>) -> Result<bool> {
        let _running = self.compaction.running.lock();
        let jobs = self.plan(force)?;
        if jobs.is_empty() {
            return Ok(false);
        }
        let works = jobs.into_iter().map(|job| Work { job, without: BTreeSet::new() }).collect();
        self.work(works, force.is_some()).map(|()| true)
    }

    /// Runs jobs, for who holds [`Self::hold_compaction`].
    pub(super) fn work(&self, works: Vec<Work>, force: bool) -> Result<()> {
        let result = self.run(works, force);
        self.counters.compacted(&result);
        result.map(drop)
    }

    /// Keeps others from beginning a job, once the one that runs has ended.
    pub(super) fn hold_compaction(&self) -> MutexGuard<'_, ()> {
        self.compaction.running.lock()
    }

    fn plan(&self, force: Option<Force>) -> Result<Vec<Job>> {
        let manifest = self.files.lock().manifest.clone();
        let quiet = self.is_quiet();
        let options = PlanOptions {
            runs_max: self.options.compaction_runs_max,
            run_bytes_max: self.options.run_bytes_max,
            quiet,
            force: force.is_some(),
            sparse: if quiet || force.is_some() { self.sparse(&manifest)? } else { BTreeSet::new() },
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
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        for (table, segments) in tables {
            let mut width = |inputs: &[&SegmentInfo]| self.width_of(table, inputs);
            let Some(job) = plan(&segments, &options, &mut width)? else { continue };
            bytes += job.bytes;
            match job.bytes < SHARED_SEGMENT_BYTES_MAX as u64 {
                true => jobs.push(job),
                false if jobs.is_empty() => return Ok(vec![job]),
                // Its turn comes once the small ones are done.
                false => {}
            }
            if jobs.len() >= COMPACTION_JOBS_MAX || bytes >= COMPACTION_SHARED_BYTES_MAX {
                break;
            }
        }
        Ok(jobs)
    }

    /// Segments that keep a shared file of which little else is in use.
    fn sparse(&self, manifest: &Manifest) -> Result<BTreeSet<u64>> {
        let mut files: BTreeMap<u64, Vec<&SegmentInfo>> = BTreeMap::new();
        for segment in &manifest.segments {
            files.entry(segment.file).or_default().push(segment);
        }
        let mut sparse = BTreeSet::new();
        // Only small segments share a file.
        let is_small = |segment: &&SegmentInfo| segment.bytes < SHARED_SEGMENT_BYTES_MAX as u64;
        let shared = files.into_values().filter(|held| held.iter().all(is_small));
        for held in shared {
            let used: u64 = held.iter().map(|segment| segment.bytes).sum();
            let Some(path) = held.first().map(|segment| segment.path()) else { continue };
            let length = self.disk.open(&path).and_then(|file| file.len());
            match length {
                Ok(length) if used < length / COMPACTION_SPARSE_SHARE => {
                    sparse.extend(held.iter().map(|segment| segment.id));
                }
                Ok(_) => {}
                // A flush has hidden the last of its rows since the manifest was looked at.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StorageError::io("read the length of", &path, error)),
            }
        }
        Ok(sparse)
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

    /// Merges the inputs and publishes; the bytes written. Several jobs share a file, and come into force together. For
    /// who holds `compaction.running`.
    pub(super) fn run(&self, works: Vec<Work>, force: bool) -> Result<u64> {
        let shared = (works.len() > 1).then(Shared::default);
        let is_cancelled = || self.cancel.load(Ordering::Acquire) > 0;
        let rest = |worked: Duration| self.rest_after(worked, force);
        let control = Control::new(&*self.options.clock, &is_cancelled, &rest);
        let done: Result<Vec<Done>> =
            works.into_iter().map(|work| self.merge(work, shared.as_ref(), &control)).collect();
        let checked = done.and_then(|done| {
            let Some(shared) = &shared else { return Ok(done) };
            shared.finish()?;
            done.iter().try_for_each(|d| compaction::check(&d.merged, &d.inputs, &d.schema, &control))?;
            Ok(done)
        });
        if let (Err(_), Some(shared)) = (&checked, &shared) {
            shared.remove(&*self.disk);
        }
        self.put_in_force(&checked?)
    }

    fn merge(&self, work: Work, shared: Option<&Shared>, control: &Control<'_>) -> Result<Done> {
        let Work { job, without } = work;
        let context = Context::new(self);
        let inputs = self.sources_of(&job)?;
        let Some(mut schema) = self.state.lock().catalog.by_id.get(&job.table).cloned() else {
            return Err(StorageError::Cancelled);
        };
        if !without.is_empty() {
            Arc::make_mut(&mut schema).columns.retain(|column| !without.contains(&column.id));
        }
        let lattices = self.files.lock().manifest.lattices.get(&job.table).cloned().unwrap_or_default();
        let target = Target {
            disk: &**context.disk,
            take_id: &|| context.take_id(),
            series: context.registry,
            lattices: &lattices,
            threads: context.threads,
            shared,
        };
        let merged = compaction::run(&job, &inputs, &schema, &target, control)?;
        Ok(Done { job, inputs, schema, merged })
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
    fn put_in_force(&self, done: &[Done]) -> Result<u64> {
        let no_flush = self.flushing.lock();
        let context = Context::new(self);
        let written = || done.iter().flat_map(|done| &done.merged).map(|merged| &merged.written);
        let bytes = written().map(|w| w.info.bytes).sum();
        let all = open_segments(&context, written().map(|w| w.info.clone()).collect());
        let result = self.ready(&context, done, &all).and_then(|ready| {
            let change = |state: &mut State| ready.iter().flat_map(|ready| ready.apply(state)).collect();
            self.publish(&no_flush, |files| next_manifest(files, &ready), change)
        });
        if result.is_err() && self.is_unnamed() {
            context.discard();
            // No manifest will ever name these files.
            all.iter().for_each(|segment| segment.file().obsolete());
        }
        result.map(|()| bytes)
    }

    /// Each job with its outputs, which are given in the order of the jobs.
    fn ready<'a>(
        &self,
        context: &Context<'_>,
        done: &'a [Done],
        outputs: &[Arc<SegmentReader>],
    ) -> Result<Vec<Ready<'a>>> {
        let mut rest = outputs.iter().cloned();
        let mut ready = Vec::with_capacity(done.len());
        for done in done {
            let output = |(merged, segment): (&'a Merged, Arc<SegmentReader>)| Output {
                segment,
                origins: &merged.origins,
            };
            let outputs: Vec<Output<'a>> = done.merged.iter().zip(rest.by_ref()).map(output).collect();
            let moved = self.moved(context, done, &outputs)?;
            ready.push(Ready { done, outputs, moved });
        }
        Ok(ready)
    }

    fn moved(&self, context: &Context<'_>, done: &Done, outputs: &[Output<'_>]) -> Result<Moved> {
        let Done { job, inputs: then, schema, .. } = done;
        let now = self.sources_of(job)?;
        if now.len() != then.len() {
            // One went with its table, or because all its rows are hidden.
            return Err(StorageError::Cancelled);
        }
        let labels =
            self.state.lock().tables.get(&job.table).map(|data| data.labels.clone()).unwrap_or_default();
        let inputs = Inputs { then, now: &now, labels: &labels };
        Moved::write(context, schema, &inputs, outputs)
    }
}

/// A job, and the columns that what comes out is to be without.
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) without: BTreeSet<ColumnId>,
}

/// A job whose outputs are written.
struct Done {
    job: Job,
    inputs: Vec<Source>,
    schema: Arc<TableSchema>,
    merged: Vec<Merged>,
}

/// The same, its outputs open and all known that is said of rows of them.
struct Ready<'a> {
    done: &'a Done,
    outputs: Vec<Output<'a>>,
    moved: Moved,
}

impl Ready<'_> {
    /// The segments that leave.
    fn apply(&self, state: &mut State) -> Vec<Arc<SegmentReader>> {
        let job = &self.done.job;
        let outputs = self.outputs.iter().map(|output| output.segment.clone()).collect();
        state.compacted(job.table, &job.inputs, outputs, &self.moved)
    }
}

/// The manifest with the outputs in the place of the inputs; cancelled where these went with their table.
fn next_manifest(files: &Files, ready: &[Ready<'_>]) -> Result<Manifest> {
    let mut next = (*files.manifest).clone();
    let before = next.segments.len();
    let gone: HashSet<u64> = ready.iter().flat_map(|ready| &ready.done.job.inputs).copied().collect();
    next.segments.retain(|s| !gone.contains(&s.id));
    if before - next.segments.len() != gone.len() {
        return Err(StorageError::Cancelled);
    }
    next.forget_others();
    for Ready { done, moved, .. } in ready {
        next.segments.extend(done.merged.iter().map(|merged| merged.written.info.clone()));
        next.hidden.extend(moved.hidden.iter().map(|hidden| (hidden.segment(), hidden.place)));
        let places = |blocks: &Vec<Arc<LabelBlock>>| blocks.iter().map(|block| block.place).collect();
        next.labels.extend(moved.labels.iter().map(|(key, blocks)| (*key, places(blocks))));
        for merged in &done.merged {
            next.lattices.entry(done.job.table).or_default().extend(&merged.written.lattices);
        }
    }
    next.segments.sort_by_key(|s| (s.first_seq, s.id));
    Ok(next)
}
