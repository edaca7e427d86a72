//! Statements under control: how many run at once and who waits ([`queue`]), what one may take ([`limits`]), what is
//! known of each ([`query`], [`cost`]), and how one is ended before its time.
//!
//! Every statement is registered when it comes and stays known for a while after it ended. What holds memory, files
//! and its place among those that run goes at the moment it ends, also where nobody asks for its rows any more.

mod cost;
mod limits;
mod query;
mod queue;
mod slow;
mod stream;
mod text;
mod ticket;
mod way;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::database::Access;
use crate::error::{QueryError, Result};
use crate::limits::QUERIES_KEPT_MAX;
pub use limits::QueryLimits;
pub(crate) use query::{End, Query, Record, State};
use queue::Queue;
pub(crate) use ticket::Ticket;
pub(crate) use way::Way;

/// All statements of a database.
#[derive(Debug)]
pub(crate) struct Governor {
    limits: QueryLimits,
    queue: Queue,
    /// Leads the ids, so that one of before a restart names no statement of after it.
    opened_at: i64,
    count: AtomicU64,
    known: Mutex<Known>,
}

/// By number, hence in the order in which they came.
#[derive(Debug, Default)]
struct Known {
    live: BTreeMap<u64, Arc<Query>>,
    /// The one that ended last stands last.
    ended: VecDeque<Arc<Query>>,
}

impl Governor {
    /// Of a database opened then, in nanoseconds since 1970.
    pub(crate) fn new(limits: QueryLimits, opened_at: i64) -> Self {
        let (queue, count) = (Queue::new(&limits), AtomicU64::new(0));
        Self { limits, queue, opened_at, count, known: Mutex::default() }
    }

    /// What holds for each statement.
    pub(crate) fn limits(&self) -> &QueryLimits {
        &self.limits
    }

    /// Registers a statement that came now, in nanoseconds since 1970, and waits until it may run.
    ///
    /// # Errors
    /// [`QueryError::Limit`] where too many wait already or it waited too long, [`QueryError::Killed`].
    pub(crate) async fn admit(
        self: &Arc<Self>,
        sql: &str,
        access: Access,
        way: Way,
        now: i64,
    ) -> Result<Ticket> {
        let query = self.register(sql, access, way, now);
        let ticket = Ticket::new(Arc::clone(self), Arc::clone(&query));
        let place = match way {
            Way::Limited => match ticket.during(self.queue.place(&self.limits)).await {
                Ok(place) => place,
                Err(error) => return Err(ticket.fail(error)),
            },
            Way::Aside | Way::Change => None,
        };
        query.start(place, way);
        Ok(ticket)
    }

    fn register(self: &Arc<Self>, sql: &str, access: Access, way: Way, now: i64) -> Arc<Query> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("{:x}-{number}", self.opened_at / 1_000_000_000);
        let time = (way != Way::Change).then_some(self.limits.time).filter(|time| !time.is_zero());
        let query = Arc::new(Query::new(number, id, text::kept(sql), access, now, time));
        self.known.lock().live.insert(number, Arc::clone(&query));
        self.set_timer(&query);
        query
    }

    /// A task that looks at the clock although nobody may be asking for rows.
    fn set_timer(self: &Arc<Self>, query: &Arc<Query>) {
        let Some(deadline) = query.deadline() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (governor, of) = (Arc::downgrade(self), Arc::downgrade(query));
        let timer = runtime.spawn(async move {
            tokio::time::sleep_until(deadline.into()).await;
            if let (Some(governor), Some(query)) = (governor.upgrade(), of.upgrade()) {
                governor.time_out(&query);
            }
        });
        query.keep_timer(timer.abort_handle());
    }

    /// Ends a statement; whether it had not ended before.
    pub(crate) fn end(&self, query: &Arc<Query>, end: End) -> bool {
        if !query.end(end) {
            return false;
        }
        let mut known = self.known.lock();
        known.live.remove(&query.number());
        known.ended.push_back(Arc::clone(query));
        let old = (known.ended.len() > QUERIES_KEPT_MAX).then(|| known.ended.pop_front());
        drop(known);
        drop(old);
        slow::log(&query.record(), self.limits.slow);
        true
    }

    /// Ends a statement whose time is over, unless it is writing.
    pub(crate) fn time_out(&self, query: &Arc<Query>) -> bool {
        self.end(query, End::TimedOut(limits::over_time(query, &self.limits)))
    }

    /// Ends the statement of an id, on behalf of `by`; what it was.
    ///
    /// # Errors
    /// None of that id runs, or it is writing.
    pub(crate) fn kill(&self, id: &str, by: &Query) -> Result<Record> {
        let live = self.known.lock().live.values().find(|query| query.id() == id).cloned();
        let Some(query) = live else { return Err(self.not_running(id)) };
        let before = query.record();
        let whom = match by.access() {
            Access::Embedded => "the embedding program",
            Access::Network => "somebody on the network",
        };
        let why = format!("the query was ended by KILL QUERY of {whom} (statement {})", by.id());
        if self.end(&query, End::Killed(why)) {
            return Ok(before);
        }
        Err(match query.record().state {
            State::Running | State::Queued => QueryError::Invalid(format!(
                "query {id} is changing something, which is never cut in the middle; it runs to its end"
            )),
            _ => self.not_running(id),
        })
    }

    fn not_running(&self, id: &str) -> QueryError {
        let ended = self.known.lock().ended.iter().find(|query| query.id() == id).cloned();
        let remedy =
            "SELECT id, sql FROM system.queries WHERE state IN ('queued', 'running') lists those that are";
        QueryError::NotFound(match ended {
            Some(query) => format!("query {id} is {} already; {remedy}", query.record().state.name()),
            None => format!("no query {id:?} is queued or running; {remedy}"),
        })
    }

    /// All that are known, in the order in which they came.
    pub(crate) fn records(&self) -> Vec<Record> {
        let known = self.known.lock();
        let mut all: Vec<Arc<Query>> = known.ended.iter().chain(known.live.values()).cloned().collect();
        drop(known);
        all.sort_by_key(|query| query.number());
        all.iter().map(|query| query.record()).collect()
    }
}

#[cfg(test)]
mod tests;
