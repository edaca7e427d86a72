//! The runner's work on continuous queries.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use driftline_storage::{RETENTION_OPTION, Snapshot, TableId, TableSchema, duration_nanos};

use super::Sight;
use super::board::Work;
use super::store;
use super::watched::{Marks, Reach};
use crate::continuous::shape::Shape;
use crate::continuous::{Bucket, Definition, Progress, Span, Spans};
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::limits::{CONTINUOUS_ROWS_AIMED, CONTINUOUS_WINDOWS_MAX};
use crate::statement::query_of;
use crate::write::Kept;

/// A continuous query at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) definition: Arc<Definition>,
    query: Box<datafusion::sql::sqlparser::ast::Query>,
    /// How many others stand between it and rows that people write.
    pub(crate) depth: usize,
    pub(crate) source: TableId,
    /// Base rows from before here may be gone, so windows from before are left as they are.
    retained: Retained,
    pub(crate) progress: Progress,
    /// What it is made of, once it was asked; None in it of one that can only be asked as it is written.
    shape: Option<Option<Arc<Shape>>>,
    /// Windows that end up to here have had their turn: those of later are computed as soon as they are closed.
    fresh_from: i64,
    /// Keys of labelled predictions whose times are still to be looked up.
    keys: Vec<String>,
    work: Work,
}

/// How long rows are kept.
#[derive(Clone, Copy, Debug, Default)]
struct Retained {
    source: Option<i64>,
    into: Option<i64>,
}

/// What is computed at one go.
#[derive(Debug)]
pub(crate) struct Computed {
    /// Of which query.
    pub(crate) at: usize,
    pub(crate) span: Span,
    pub(crate) kept: Kept,
}

impl Running {
    /// A query with what is written down of it.
    pub(crate) fn new(
        definition: Definition,
        snapshot: &Snapshot,
        states: &BTreeMap<String, String>,
        touched: &[store::Touched],
    ) -> Result<Self> {
        let source = snapshot.table(&definition.source);
        let source = source.ok_or_else(|| missing(&definition, &definition.source))?;
        let state = states.get(&Progress::key(&definition.name));
        let progress = match state.and_then(|text| serde_json::from_str::<Progress>(text).ok()) {
            Some(progress) => recovered(progress, snapshot, source.id, touched),
            None => Progress::new(snapshot.touched_since(source.id, 0).iter().map(span_of)),
        };
        let into = snapshot.table(&definition.into).map(|table| age(table));
        let retained = Retained { source: age(source), into: into.flatten() };
        let query = query_of(&definition.query)?;
        let (keys, work, source) = (Vec::new(), Work::default(), source.id);
        let definition = Arc::new(definition);
        Ok(Self {
            definition,
            query,
            depth: 0,
            source,
            retained,
            progress,
            shape: None,
            fresh_from: i64::MIN,
            keys,
            work,
        })
    }

    /// Whether it is the same query, over the same table, as it was.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let plain = |definition: &Definition| Definition {
            paused: false,
            delay: 0,
            lateness: 0,
            every: 0,
            ..definition.clone()
        };
        self.source == other.source && plain(&self.definition) == plain(&other.definition)
    }

    /// The same as it is said now, as far as the one before has come.
    pub(crate) fn with_progress(self, before: Self) -> Self {
        let Self { progress, shape, fresh_from, keys, work, .. } = before;
        Self { progress, shape, fresh_from, keys, work, ..self }
    }

    /// Whether windows that are closed wait to be computed.
    pub(crate) fn is_behind(&self) -> bool {
        !self.progress.pending.within(Span { start: i64::MIN, end: self.progress.closed }).is_empty()
    }

    /// Adds what was touched of its source, all that there is up to `reach`.
    pub(crate) fn touched(&mut self, marks: Option<&Marks>, reach: Reach) {
        if let Some(marks) = marks {
            self.progress.pending.extend(marks.spans.iter());
            if self.definition.reads_labels {
                self.progress.pending.extend(marks.labelled.iter());
                self.keys.extend(marks.keys.iter().cloned());
            }
        }
        (self.progress.seq, self.progress.stamp) = (reach.seq, reach.stamp);
    }

    /// Leaves out times of which neither base rows nor windows are there: what was touched may have no end.
    pub(crate) fn clip(&mut self, snapshot: &Snapshot) {
        let is_endless = |hull: Span| hull.start == i64::MIN || hull.end == i64::MAX;
        if !self.progress.pending.hull().is_some_and(is_endless) {
            return;
        }
        let tables = [&self.definition.source, &self.definition.into];
        let times = tables.into_iter().filter_map(|name| snapshot.size(snapshot.table(name)?.id).time);
        let times = times.reduce(driftline_storage::TimeRange::union);
        let there = times.map(|times| self.definition.bucket.around(span_of(&times)));
        self.progress.pending = there.map(|there| self.progress.pending.within(there)).unwrap_or_default();
    }

    /// Whether windows within its lateness wait to be computed again.
    pub(crate) fn has_prompt(&self) -> bool {
        let closed = self.progress.closed;
        let prompt = Span { start: closed.saturating_sub(self.definition.lateness), end: closed };
        !self.definition.paused
            && self.work.error.is_none()
            && !self.progress.pending.within(prompt).is_empty()
    }

    /// Computes all again within these times.
    pub(crate) fn again(&mut self, span: Span) {
        self.progress.pending.add(span);
    }

    /// Up to where windows are closed at a watermark of its source.
    pub(crate) fn closed(&self, watermark: i64) -> i64 {
        let Definition { bucket, every, delay, .. } = &*self.definition;
        let reached = Bucket::even(*every).floor(watermark.saturating_sub(*delay));
        bucket.floor(reached)
    }

    /// The watermark at which more windows are closed than at this one.
    pub(crate) fn due(&self, closed: i64) -> i64 {
        let Definition { bucket, every, delay, .. } = &*self.definition;
        Bucket::even(*every).ceil(bucket.end(closed)).saturating_add(*delay)
    }

    /// The windows to compute now: closed, touched, and with all their base rows. Those that have just closed at once;
    /// `is_idle`: also those that have changed since, the ones within its lateness first.
    pub(crate) fn next(&mut self, closed: i64, now: i64, is_idle: bool) -> Option<Span> {
        let bucket = &self.definition.bucket;
        self.progress.closed = self.progress.closed.max(closed);
        let gone = Span { start: i64::MIN, end: bucket.ceil(self.frozen_until(now)) };
        self.progress.pending.remove(gone);
        let closed = self.progress.closed;
        let prompt = closed.saturating_sub(self.definition.lateness);
        let within = |start| Span { start, end: closed };
        let fresh = self.progress.pending.within(within(prompt.max(self.fresh_from))).iter().next();
        if fresh.is_none() {
            self.fresh_from = closed;
        }
        let due = fresh.or_else(|| {
            let late = |from| self.progress.pending.within(within(from));
            let prompt = is_idle.then(|| late(prompt).iter().next()).flatten();
            prompt.or_else(|| is_idle.then(|| late(i64::MIN).iter().next_back()).flatten())
        })?;
        let first = bucket.first(bucket.around(due), self.windows_at_once());
        Some(Span { start: first.start, end: first.end.min(closed) })
    }

    /// Rows of a window may be many or few: about as many are computed at once as one batch takes.
    fn windows_at_once(&self) -> i64 {
        let Work { windows, rows, .. } = self.work;
        if self.definition.uses_now {
            return 1;
        }
        if windows == 0 {
            return CONTINUOUS_WINDOWS_MAX.min(64);
        }
        let rows_each = (rows / windows.max(1)).max(1);
        i64::try_from(CONTINUOUS_ROWS_AIMED / rows_each).unwrap_or(1).clamp(1, CONTINUOUS_WINDOWS_MAX)
    }

    /// Windows that begin before are left as they are: base rows of theirs may be gone, or their own would go at once.
    fn frozen_until(&self, now: i64) -> i64 {
        let before = |age: Option<i64>| age.map_or(i64::MIN, |age| now.saturating_sub(age));
        before(self.retained.source).max(before(self.retained.into))
    }

    /// What it is made of; None where it can only be asked as it is written.
    pub(crate) async fn shape(&mut self, sight: &Sight<'_>) -> Result<Option<Arc<Shape>>> {
        let session = sight.session(None);
        let source = session.view().table(&self.definition.source)?;
        let known =
            self.shape.as_ref().filter(|known| known.as_ref().is_none_or(|shape| shape.is_over(&source)));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let shape = match self.definition.uses_now {
            true => None,
            false => Shape::of(&session, &self.query, source).await?.map(Arc::new),
        };
        self.shape = Some(shape.clone());
        Ok(shape)
    }

    /// The query as it is written, and whether it asks for the moment.
    pub(crate) fn query(&self) -> (&datafusion::sql::sqlparser::ast::Query, bool) {
        (&self.query, self.definition.uses_now)
    }

    /// What is to be written of windows that were asked for, which took so long.
    pub(crate) fn computed(
        &mut self,
        at: usize,
        span: Span,
        rows: Option<RecordBatch>,
        took: Duration,
    ) -> Computed {
        let count = rows.as_ref().map_or(0, RecordBatch::num_rows);
        self.work.windows += self.definition.bucket.count(span);
        self.work.rows += count as u64;
        self.work.took_nanos += u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let kept = Kept { table: self.definition.into.clone(), span, rows: rows.filter(|_| count > 0) };
        Computed { at, span, kept }
    }

    /// What is written down once these windows are.
    pub(crate) fn state_after(&self, spans: &Spans) -> (String, Option<String>) {
        let mut progress = self.progress.clone();
        spans.iter().for_each(|span| progress.pending.remove(span));
        if !self.keys.is_empty() {
            // Whoever reads it again does not know the keys.
            progress.pending.add(Span::ALL);
        }
        (Progress::key(&self.definition.name), serde_json::to_string(&progress).ok())
    }

    /// These windows were written.
    pub(crate) fn done(&mut self, span: Span, now: i64) {
        self.progress.pending.remove(span);
        if span.end == self.progress.closed && self.work.closed != Some(span.end) {
            (self.work.closed, self.work.closed_at) = (Some(span.end), Some(now));
        }
        self.work.ran_at = Some(now);
        self.work.error = None;
    }

    /// It cannot go on for now.
    pub(crate) fn failed(&mut self, error: &QueryError) {
        self.work.error = Some(error.to_string());
    }

    /// Whether it could not go on last time.
    pub(crate) fn has_failed(&self) -> bool {
        self.work.error.is_some()
    }

    /// What is shown of it.
    pub(crate) fn work(&self, watermark: Option<i64>) -> Work {
        let bucket = &self.definition.bucket;
        let closed = Some(self.progress.closed).filter(|closed| *closed > i64::MIN);
        let due = self.progress.pending.within(Span { start: i64::MIN, end: self.progress.closed });
        let windows = due.iter().map(|span| bucket.count(bucket.around(span)));
        let oldest = due.hull().map(|hull| bucket.end(bucket.floor(hull.start)));
        Work {
            watermark: watermark.map(|watermark| watermark.saturating_sub(self.definition.delay)),
            closed,
            pending_windows: windows.fold(0, u64::saturating_add),
            lag_nanos: oldest.and_then(|oldest| Some(closed?.saturating_sub(oldest).max(0))).unwrap_or(0),
            ..self.work.clone()
        }
    }

    /// Looks up the times of predictions that were labelled by key.
    pub(crate) async fn look_up(&mut self, db: &Database) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let session = db.session(Access::Embedded, None);
        let table = session.view().table(&self.definition.source)?;
        let spans = super::keys::times(&session, &table, &self.keys).await?;
        self.progress.pending.extend(spans);
        self.keys.clear();
        Ok(())
    }
}

/// A progress that was written down, with what has come since.
fn recovered(
    mut progress: Progress,
    snapshot: &Snapshot,
    source: TableId,
    touched: &[store::Touched],
) -> Progress {
    progress.pending.extend(snapshot.touched_since(source, progress.seq).iter().map(span_of));
    let later = touched.iter().filter(|mark| mark.table == source && mark.stamp >= progress.stamp);
    later.for_each(|mark| progress.pending.extend(mark.marks.spans.iter()));
    progress
}

fn span_of(range: &driftline_storage::TimeRange) -> Span {
    Span { start: range.min, end: range.max.saturating_add(1) }
}

fn age(table: &TableSchema) -> Option<i64> {
    table.options.get(RETENTION_OPTION).and_then(|text| duration_nanos(text))
}

pub(crate) fn missing(definition: &Definition, table: &str) -> QueryError {
    QueryError::NotFound(format!("continuous query {}: table {table} is gone", definition.name))
}

/// Puts queries in an order in which each comes after those whose tables it reads.
pub(crate) fn in_order(queries: &mut [Running]) {
    let by_table: HashMap<&str, &str> =
        queries.iter().map(|q| (q.definition.into.as_str(), q.definition.source.as_str())).collect();
    let depth_of = |source: &str| {
        let (mut depth, mut table) = (0, source);
        while let Some(before) = by_table.get(table).filter(|_| depth <= by_table.len()) {
            (depth, table) = (depth + 1, before);
        }
        depth
    };
    let depths: Vec<usize> = queries.iter().map(|query| depth_of(&query.definition.source)).collect();
    queries.iter_mut().zip(depths).for_each(|(query, depth)| query.depth = depth);
    queries.sort_by_key(|query| query.depth);
}
