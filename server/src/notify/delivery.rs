//! Takes messages out of the outbox and sends them: in order within a notifier, notifiers side by side.

mod line;
mod work;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use driftline_query::alert::{Message, Notifier, options};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::SendError;
use super::outbox::{Outbox, Outgoing};
use super::send::Sender;
use line::Line;
use work::work;

/// Notifiers that send at once; others wait for one of them to finish its messages.
const NOTIFIERS_AT_ONCE_MAX: usize = 16;
/// Messages of one notifier that are taken at once: so many may still go out as the notifier was, when it is changed.
const DUE_MAX: usize = 16;
/// How long messages under way may take when the loop is to stop.
pub const GRACE: Duration = Duration::from_secs(5);
/// The longest sleep: a wall clock that jumps, or an outbox that forgets to say that it changed, costs no more.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The shortest: an outbox that names what is due but hands out nothing does not make the loop spin.
const SLEEP_MIN: Duration = Duration::from_millis(10);
/// How long a notifier rests whose task panicked.
const PANIC_REST_NS: i64 = 60_000_000_000;

/// The wall clock, in nanoseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Sends one message.
pub trait Courier: Send + Sync + 'static {
    /// See [`Sender::send`].
    ///
    /// # Errors
    /// Why it did not go out.
    fn send(
        &self,
        notifier: &Notifier,
        message: &Message,
        now: i64,
    ) -> impl Future<Output = Result<(), SendError>> + Send;
}

impl<C: Courier> Courier for Arc<C> {
    async fn send(&self, notifier: &Notifier, message: &Message, now: i64) -> Result<(), SendError> {
        C::send(self, notifier, message, now).await
    }
}

impl Courier for Sender {
    async fn send(&self, notifier: &Notifier, message: &Message, now: i64) -> Result<(), SendError> {
        Sender::send(self, notifier, message, now).await
    }
}

/// What the loop and its tasks share.
struct Shared<O, C> {
    outbox: O,
    courier: C,
    clock: Clock,
    /// True when it is to stop.
    stop: watch::Receiver<bool>,
}

/// A notifier, as the loop sees it.
enum Place {
    /// A task sends its messages.
    Busy,
    Idle(Line),
}

struct Delivery<O, C> {
    shared: Arc<Shared<O, C>>,
    places: HashMap<String, Place>,
    tasks: JoinSet<Line>,
    /// Whose task it is.
    names: HashMap<Id, String>,
}

/// Delivers until `stop` resolves; messages under way then have [`GRACE`] to go out and be settled. What has not been
/// settled is still due in the outbox, and goes out again when delivery starts again.
pub async fn deliver<O: Outbox, C: Courier>(
    outbox: O,
    courier: C,
    clock: Clock,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopping, stop_seen) = watch::channel(false);
    let shared = Arc::new(Shared { outbox, courier, clock, stop: stop_seen });
    let mut delivery =
        Delivery { shared, places: HashMap::new(), tasks: JoinSet::new(), names: HashMap::new() };
    tokio::select! {
        () = delivery.run() => {}
        () = stop => {}
    }
    stopping.send_replace(true);
    let rest = async { while delivery.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!(
            "notifiers did not finish within {} s; what they sent may be sent again",
            GRACE.as_secs()
        );
    }
}

impl<O: Outbox, C: Courier> Delivery<O, C> {
    async fn run(&mut self) {
        loop {
            let now = (self.shared.clock)();
            self.places.retain(|_, place| !matches!(place, Place::Idle(line) if line.is_new(now)));
            let (due, next) = self.shared.outbox.due(now, DUE_MAX).await;
            let next = self.start(due, now).into_iter().chain(next).min();
            self.wait(next.map(|at| at.saturating_sub((self.shared.clock)()))).await;
        }
    }

    /// Starts a task for each notifier that can send. When the next of those that cannot, by themselves, will be able.
    fn start(&mut self, due: Vec<Outgoing>, now: i64) -> Option<i64> {
        let mut next: Option<i64> = None;
        for (name, messages) in by_notifier(due) {
            if self.tasks.len() >= NOTIFIERS_AT_ONCE_MAX {
                break;
            }
            match self.places.remove(&name).unwrap_or_else(|| Place::Idle(Line::new())) {
                Place::Busy => drop(self.places.insert(name, Place::Busy)),
                Place::Idle(line) => {
                    next = next.into_iter().chain(self.start_one(name, line, messages, now)).min()
                }
            }
        }
        next
    }

    /// None where the notifier's task has been started, else when it can be.
    fn start_one(&mut self, name: String, mut line: Line, messages: Vec<Outgoing>, now: i64) -> Option<i64> {
        line.rate(rate(&messages));
        let (ready, ready_at) = line.ready(messages, now);
        if ready.is_empty() {
            self.places.insert(name, Place::Idle(line));
            return ready_at;
        }
        let task = self.tasks.spawn(work(Arc::clone(&self.shared), line, ready));
        self.names.insert(task.id(), name.clone());
        self.places.insert(name, Place::Busy);
        None
    }

    /// Until a task ends, something is new, or the time has come.
    async fn wait(&mut self, wait_ns: Option<i64>) {
        let wait = wait_ns.map_or(SLEEP_MAX, |ns| Duration::from_nanos(ns.max(0).cast_unsigned()));
        tokio::select! {
            Some(done) = self.tasks.join_next_with_id() => self.done(done),
            () = self.shared.outbox.changed() => {}
            () = tokio::time::sleep(wait.clamp(SLEEP_MIN, SLEEP_MAX)) => {}
        }
    }

    fn done(&mut self, done: Result<(Id, Line), JoinError>) {
        let (id, line) = match done {
            Ok((id, line)) => (id, line),
            // What it was sending is still due: without a rest it would panic again at once.
            Err(error) => (error.id(), Line::resting((self.shared.clock)().saturating_add(PANIC_REST_NS))),
        };
        if let Some(name) = self.names.remove(&id) {
            self.places.insert(name, Place::Idle(line));
        }
    }
}

/// In the order in which their first message came.
fn by_notifier(due: Vec<Outgoing>) -> Vec<(String, Vec<Outgoing>)> {
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<(String, Vec<Outgoing>)> = Vec::new();
    for outgoing in due {
        let name = outgoing.message.notifier.clone();
        let i = *at.entry(name.clone()).or_insert(all.len());
        match all.get_mut(i) {
            Some((_, messages)) => messages.push(outgoing),
            None => all.push((name, vec![outgoing])),
        }
    }
    all
}

fn rate(messages: &[Outgoing]) -> u32 {
    let notifier = messages.first().and_then(|outgoing| outgoing.notifier.as_ref());
    notifier.map_or(options::RATE_DEFAULT, |notifier| options::rate_limit(&notifier.options))
}

#[cfg(test)]
mod tests;
