//! Tables that continuous queries and alerts look at: which of their times writes have touched, and how far their time has
//! come.
//!
//! A write to a watched table is *begun* before it goes to the engine and *done* after it was acknowledged there or
//! refused. So whoever collects the marks knows up to where none is missing: a write that is still under way may be
//! visible already, and its marks are yet to come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use driftline_storage::TableId;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::activity::Activity;
use super::alerts::outbox::Outbox;
use super::board::Board;
use super::watermark::Progressing;
use crate::continuous::Spans;
use crate::limits::TOUCHED_KEYS_MAX;

/// What has been touched of one table since it was collected last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// Times of rows that came or went.
    pub(crate) spans: Spans,
    /// Times of rows that were labelled.
    pub(crate) labelled: Spans,
    /// Keys of predictions that were labelled, and of which no time is known.
    pub(crate) keys: Vec<String>,
}

impl Marks {
    /// Whether nothing was touched.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.labelled.is_empty() && self.keys.is_empty()
    }

    /// Adds others; more keys than anybody looks up one by one are everything.
    pub(crate) fn merge(&mut self, other: Self) {
        self.spans.extend(other.spans.iter());
        self.labelled.extend(other.labelled.iter());
        self.keys.extend(other.keys);
        if self.keys.len() > TOUCHED_KEYS_MAX {
            self.keys.clear();
            self.labelled.add(crate::continuous::Span::ALL);
        }
    }
}

/// A table that is watched.
#[derive(Debug)]
pub(crate) struct Source {
    /// Marks are made of whole stretches of this length; none are made where it is 0.
    granule: AtomicI64,
    marks: Mutex<Marks>,
    progress: Mutex<Progressing>,
    /// Whether the runner was woken for what came late, and has not looked since.
    is_late: AtomicBool,
    /// When its rows come; None until somebody looks at that.
    activity: Mutex<Option<Activity>>,
}

impl Source {
    /// When its rows came.
    pub(crate) fn activity(&self) -> Option<Activity> {
        self.activity.lock().clone()
    }

    /// From now on it is noted when rows come, beginning with what is known.
    pub(crate) fn watch_activity(&self, known: impl FnOnce() -> Activity) {
        self.activity.lock().get_or_insert_with(known);
    }

    /// The length of marks, where some are asked for.
    pub(crate) fn granule(&self) -> Option<i64> {
        Some(self.granule.load(Ordering::Acquire)).filter(|granule| *granule > 0)
    }

    /// How far its time has come.
    pub(crate) fn progress(&self) -> Progressing {
        *self.progress.lock()
    }

    fn wakes_at(&self) -> i64 {
        self.progress.lock().due
    }
}

/// What is known of a table of labels.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    /// The table of the predictions.
    pub(crate) model: TableId,
    /// Its KEY.
    pub(crate) key: String,
    /// Whether marks of labels have to outlast a crash: a table that is kept depends on them.
    pub(crate) is_kept: bool,
}

/// All tables that are watched.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    sources: RwLock<HashMap<TableId, Arc<Source>>>,
    labels: RwLock<HashMap<TableId, Labelled>>,
    under_way: Mutex<UnderWay>,
    board: Board,
    outbox: Outbox,
    /// Rows that came to watched tables.
    rows: AtomicU64,
    /// Told when there may be something to do.
    pub(crate) news: Notify,
    /// Whether it was told since the runner looked.
    has_news: AtomicBool,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// By number: the write that was newest when it began, and its stamp.
    writes: BTreeMap<u64, (u64, u64)>,
    next_stamp: u64,
}

/// A write under way. Dropping it makes no marks.
#[derive(Debug)]
pub(crate) struct Begun<'a> {
    watched: &'a Watched,
    number: u64,
    /// Of the marks that it writes down with its rows; they rise.
    pub(crate) stamp: u64,
}

/// Up to where all marks are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Writes up to this one are marked.
    pub(crate) seq: u64,
    /// Stamps below this one are marked.
    pub(crate) stamp: u64,
}

impl Watched {
    /// The table, if it is watched.
    pub(crate) fn source(&self, table: TableId) -> Option<Arc<Source>> {
        self.sources.read().get(&table).cloned()
    }

    /// The table whose rows a table of labels labels, if that is watched, and its KEY.
    pub(crate) fn labelled(&self, labels: TableId) -> Option<Labelled> {
        self.labels.read().get(&labels).cloned()
    }

    /// Watches these tables from now on, each with the length of its marks, and no others. Marks and times of those that
    /// were watched before are kept. `labels` has tables of labels, each with what is known of it.
    pub(crate) fn watch(
        &self,
        tables: impl IntoIterator<Item = (TableId, Option<i64>, Progressing)>,
        labels: Vec<(TableId, Labelled)>,
    ) {
        *self.labels.write() = labels.into_iter().collect();
        let mut sources = self.sources.write();
        let mut kept = HashMap::new();
        for (table, granule, found) in tables {
            let new = || Source {
                granule: AtomicI64::new(0),
                marks: Mutex::default(),
                progress: Mutex::new(found),
                is_late: AtomicBool::new(false),
                activity: Mutex::default(),
            };
            // The same one as before: a write that has it in hand may be about to add its marks.
            let source = sources.remove(&table).unwrap_or_else(|| Arc::new(new()));
            source.granule.store(granule.unwrap_or(0), Ordering::Release);
            kept.insert(table, source);
        }
        *sources = kept;
    }

    /// Rows that came to watched tables so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// So many rows come to a watched table.
    pub(crate) fn count_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// What the runner shows of its work.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Messages on their way out.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Begins a write after the write `seq`.
    pub(crate) fn begin(&self, seq: u64) -> Begun<'_> {
        let mut under_way = self.under_way.lock();
        let (number, stamp) = (under_way.next, under_way.next_stamp);
        under_way.next += 1;
        under_way.next_stamp += 1;
        under_way.writes.insert(number, (seq, stamp));
        Begun { watched: self, number, stamp }
    }

    /// Stamps begin here.
    pub(crate) fn stamps_from(&self, stamp: u64) {
        let mut under_way = self.under_way.lock();
        under_way.next_stamp = under_way.next_stamp.max(stamp);
    }

    /// Takes all marks, and says up to where none is missing. `seq` is asked for the newest write there is, before any mark
    /// is taken.
    pub(crate) fn collect(&self, seq: impl FnOnce() -> u64) -> (HashMap<TableId, Marks>, Reach) {
        let reach = {
            let under_way = self.under_way.lock();
            let (seq, stamp) = (seq(), under_way.next_stamp);
            let earliest = under_way.writes.values();
            earliest.fold(Reach { seq, stamp }, |reach, (seq, stamp)| Reach {
                seq: reach.seq.min(*seq),
                stamp: reach.stamp.min(*stamp),
            })
        };
        let taken = |(table, source): (&TableId, &Arc<Source>)| {
            let marks = std::mem::take(&mut *source.marks.lock());
            (!marks.is_empty()).then_some((*table, marks))
        };
        (self.sources.read().iter().filter_map(taken).collect(), reach)
    }

    /// The runner looks at what came late: the next that does wakes it again.
    pub(crate) fn look_at_late(&self) {
        self.sources.read().values().for_each(|source| source.is_late.store(false, Ordering::Release));
    }

    /// Whether something came late since it looked.
    pub(crate) fn has_late(&self) -> bool {
        self.sources.read().values().any(|source| source.is_late.load(Ordering::Acquire))
    }

    /// From which time of a table on the runner wants to be woken, and up to where windows are closed.
    pub(crate) fn wake_at(&self, table: TableId, due: i64, closed: i64) {
        if let Some(source) = self.source(table) {
            let mut progress = source.progress.lock();
            (progress.due, progress.closed) = (due, closed);
        }
    }

    /// A table that is kept has come so far.
    pub(crate) fn advance(&self, table: TableId, closed: i64, now: i64) {
        if let Some(source) = self.source(table) {
            source.progress.lock().arrived(closed, now);
        }
    }

    /// Wakes the runner.
    pub(crate) fn wake(&self) {
        self.has_news.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Whether it was woken since the last call.
    pub(crate) fn take_news(&self) -> bool {
        self.has_news.swap(false, Ordering::AcqRel)
    }
}

impl Begun<'_> {
    /// Ends the write with what it touched: marks of a table, and the newest time among its rows where some came, at `now`.
    pub(crate) fn done(self, touched: Vec<(TableId, Marks, Option<i64>)>, now: i64) {
        let mut wakes = false;
        for (table, marks, newest) in touched {
            let Some(source) = self.watched.source(table) else { continue };
            // What is marked below what was closed already is late, and wants to be looked at.
            let closed = source.progress.lock().closed;
            let spans = [marks.spans.hull(), marks.labelled.hull()].into_iter().flatten();
            let is_late = spans.map(|hull| hull.start).min().is_some_and(|start| start < closed)
                || !marks.keys.is_empty();
            source.marks.lock().merge(marks);
            // Once, and after the marks are there: what else comes late is seen when it looks.
            let is_late = is_late && !source.is_late.swap(true, Ordering::AcqRel);
            if let Some(newest) = newest {
                source.progress.lock().arrived(newest, now);
                if let Some(activity) = &mut *source.activity.lock() {
                    activity.arrived(now);
                }
            }
            wakes |= is_late || newest.is_some_and(|newest| newest >= source.wakes_at());
        }
        if wakes {
            self.watched.wake();
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.watched.under_way.lock().writes.remove(&self.number);
    }
}
