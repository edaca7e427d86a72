//! One statement: what is known of it, and what it holds while it runs.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::cost::Cost;
use super::queue::Place;
use super::way::Way;
use crate::database::Access;
use crate::error::{QueryError, Result};

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Queued,
    Running,
    Finished,
    Failed,
    /// Whoever asked went before the end.
    Cancelled,
    /// By `KILL QUERY`.
    Killed,
}

impl State {
    /// As `system.queries` shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Killed => "killed",
        }
    }
}

/// How a statement ends.
#[derive(Debug)]
pub(crate) enum End {
    Finished,
    /// Of itself.
    Failed(String),
    /// By the clock, with what whoever asked is told.
    TimedOut(String),
    Cancelled,
    /// By somebody else, with what whoever asked is told.
    Killed(String),
}

/// A statement at one moment, as `system.queries` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) access: Access,
    pub(crate) sql: Arc<str>,
    /// When it came, in nanoseconds since 1970.
    pub(crate) came_at: i64,
    pub(crate) queued: Duration,
    pub(crate) ran: Duration,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) cost: Cost,
    pub(crate) plan_reused: bool,
    pub(crate) error: Option<String>,
}

/// A statement. Found by what runs for it through `SessionConfig::get_extension::<Query>()`.
pub(crate) struct Query {
    number: u64,
    id: String,
    sql: Arc<str>,
    access: Access,
    came_at: i64,
    came: Instant,
    time: Option<Duration>,
    life: Mutex<Life>,
    /// Held while somebody takes rows out of it. Taken away when the statement ends.
    stream: Mutex<Option<SendableRecordBatchStream>>,
    /// Whoever waits for the statement, to hear that it was ended.
    waker: AtomicWaker,
    rows: AtomicU64,
    bytes: AtomicU64,
    memory: AtomicUsize,
    memory_peak: AtomicUsize,
    plan_reused: AtomicBool,
}

#[derive(Debug)]
struct Life {
    phase: Phase,
    started: Option<Instant>,
    ended: Option<Instant>,
    plan: Option<Arc<dyn ExecutionPlan>>,
    cost: Cost,
    place: Option<Place>,
    timer: Option<AbortHandle>,
    /// Why it was refused memory last.
    refused: Option<String>,
}

#[derive(Debug)]
enum Phase {
    Queued,
    Running,
    /// It is changing something, and must not be ended.
    Writing,
    Ended {
        state: State,
        error: Option<String>,
    },
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Query {
    /// One that came now.
    pub(super) fn new(
        number: u64,
        id: String,
        sql: Arc<str>,
        access: Access,
        came_at: i64,
        time: Option<Duration>,
    ) -> Self {
        let life = Life {
            phase: Phase::Queued,
            started: None,
            ended: None,
            plan: None,
            cost: Cost::default(),
            place: None,
            timer: None,
            refused: None,
        };
        Self {
            number,
            id,
            sql,
            access,
            came_at,
            came: Instant::now(),
            time,
            life: Mutex::new(life),
            stream: Mutex::new(None),
            waker: AtomicWaker::new(),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            memory: AtomicUsize::new(0),
            memory_peak: AtomicUsize::new(0),
            plan_reused: AtomicBool::new(false),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What names it in `KILL QUERY`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Who asks.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// When its time is over; None where it has all the time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.came.checked_add(self.time?)
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(super) fn keep_timer(&self, timer: AbortHandle) {
        self.life.lock().timer = Some(timer);
    }

    /// It runs from here on. What was ended in the queue stays so.
    pub(super) fn start(&self, place: Option<Place>, way: Way) {
        let mut life = self.life.lock();
        if matches!(life.phase, Phase::Queued) {
            life.phase = if way == Way::Change { Phase::Writing } else { Phase::Running };
            life.started = Some(Instant::now());
            life.place = place;
        }
    }

    /// It changes something from here on, and is no more ended before it is done.
    ///
    /// # Errors
    /// It was ended before.
    pub(crate) fn begin_write(&self) -> Result<()> {
        let mut life = self.life.lock();
        if let Some(error) = life.stopped() {
            return Err(error);
        }
        if matches!(life.phase, Phase::Running) {
            life.phase = Phase::Writing;
        }
        Ok(())
    }

    /// The plan that runs for it, for what it reads.
    pub(crate) fn set_plan(&self, plan: &Arc<dyn ExecutionPlan>) {
        self.life.lock().plan = Some(Arc::clone(plan));
    }

    /// Its plan was made before.
    pub(crate) fn set_plan_reused(&self) {
        self.plan_reused.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_stream(&self, stream: SendableRecordBatchStream) {
        *self.stream.lock() = Some(stream);
    }

    pub(super) fn stream(&self) -> &Mutex<Option<SendableRecordBatchStream>> {
        &self.stream
    }

    pub(super) fn waker(&self) -> &AtomicWaker {
        &self.waker
    }

    /// Why it was ended, where somebody else did it.
    pub(crate) fn stopped(&self) -> Option<QueryError> {
        self.life.lock().stopped()
    }

    /// Waits until somebody ends it.
    pub(super) async fn until_stopped(&self) -> QueryError {
        poll_fn(|context| {
            self.waker.register(context.waker());
            self.stopped().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Ends it and lets go of what it holds; whether it had not ended before.
    pub(super) fn end(&self, end: End) -> bool {
        let mut life = self.life.lock();
        let may = match life.phase {
            Phase::Queued | Phase::Running => true,
            // Nobody from outside ends what writes.
            Phase::Writing => !matches!(end, End::Killed(_) | End::TimedOut(_)),
            Phase::Ended { .. } => false,
        };
        if !may {
            return false;
        }
        let plan = life.end(end);
        drop(life);
        drop(plan);
        // Where somebody is taking rows just now, he lets go of it when he looks up.
        let stream = self.stream.try_lock().and_then(|mut stream| stream.take());
        drop(stream);
        self.waker.wake();
        true
    }

    /// Counts rows of the answer, or that were changed; how many they are.
    pub(super) fn add_rows(&self, rows: u64, bytes: u64) -> u64 {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed) + rows
    }

    /// Bytes it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    pub(crate) fn add_memory(&self, bytes: usize) {
        let held = self.memory.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.memory_peak.fetch_max(held, Ordering::Relaxed);
    }

    pub(crate) fn give_memory(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// It was refused memory; why. It may still go on, with what it has and with files.
    pub(crate) fn refused_memory(&self, why: String) {
        self.life.lock().refused = Some(why);
    }

    /// The error with which it fails. Operators that were refused memory say so in words that name no limit.
    pub(super) fn explain(&self, error: QueryError) -> QueryError {
        let QueryError::DataFusion(inner) = &error else { return error };
        let DataFusionError::ResourcesExhausted(text) = inner.find_root() else { return error };
        match self.life.lock().refused.take() {
            Some(why) if why.ends_with(text.as_str()) => QueryError::Limit(text.clone()),
            Some(why) => QueryError::Limit(format!("{why} ({text})")),
            None => error,
        }
    }

    /// It as it is now.
    pub(crate) fn record(&self) -> Record {
        let life = self.life.lock();
        let until = life.ended.unwrap_or_else(Instant::now);
        let started = life.started.unwrap_or(until);
        let (state, error) = life.state();
        Record {
            id: self.id.clone(),
            state,
            access: self.access,
            sql: Arc::clone(&self.sql),
            came_at: self.came_at,
            queued: started.saturating_duration_since(self.came),
            ran: until.saturating_duration_since(started),
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            peak_memory_bytes: self.memory_peak.load(Ordering::Relaxed) as u64,
            cost: life.plan.as_ref().map_or(life.cost, Cost::of),
            plan_reused: self.plan_reused.load(Ordering::Relaxed),
            error,
        }
    }
}

impl Life {
    fn stopped(&self) -> Option<QueryError> {
        match &self.phase {
            Phase::Ended { state: State::Killed, error } => {
                Some(QueryError::Killed(error.clone().unwrap_or_default()))
            }
            Phase::Ended { state: State::Failed, error } => {
                Some(QueryError::Limit(error.clone().unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn state(&self) -> (State, Option<String>) {
        match &self.phase {
            Phase::Queued => (State::Queued, None),
            Phase::Running | Phase::Writing => (State::Running, None),
            Phase::Ended { state, error } => (*state, error.clone()),
        }
    }

    /// Ends it; the plan, to be dropped without the lock.
    fn end(&mut self, end: End) -> Option<Arc<dyn ExecutionPlan>> {
        let (state, error) = match end {
            End::Finished => (State::Finished, None),
            End::Failed(error) | End::TimedOut(error) => (State::Failed, Some(error)),
            End::Cancelled => (State::Cancelled, None),
            End::Killed(why) => (State::Killed, Some(why)),
        };
        self.phase = Phase::Ended { state, error };
        self.ended = Some(Instant::now());
        self.place = None;
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        let plan = self.plan.take();
        self.cost = plan.as_ref().map(Cost::of).unwrap_or_default();
        plan
    }
}
