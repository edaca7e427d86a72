//! Sends the messages of one notifier, one after the other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use driftline_query::alert::{Message, Notifier};

use super::super::outbox::{Outbox, Outcome, Outgoing};
use super::super::{SendError, backoff};
use super::line::Line;
use super::{Courier, Shared};

/// The first wait after an outcome could not be written; it doubles.
const SETTLE_WAIT_FIRST: Duration = Duration::from_millis(100);
/// The longest.
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(60);

/// What an attempt makes of a message, and how long the notifier rests, if the other side asked for it.
struct Attempt {
    outcome: Outcome,
    rests_until: Option<i64>,
}

/// Sends what can be sent, and gives the line back. Ends early where the rate is used up or delivery stops.
pub(super) async fn work<O: Outbox, C: Courier>(
    shared: Arc<Shared<O, C>>,
    mut line: Line,
    messages: Vec<Outgoing>,
) -> Line {
    for outgoing in messages {
        let message = &outgoing.message;
        if *shared.stop.borrow() {
            break;
        }
        if line.waits(message) {
            continue;
        }
        let outcome = match &outgoing.notifier {
            None => dropped(message),
            Some(notifier) if !notifier.enabled => off(notifier),
            Some(_) if !line.take((shared.clock)()) => break,
            Some(notifier) => sent(&shared, &mut line, notifier, &outgoing).await,
        };
        tell(message, &outcome);
        if !settle(&shared, message, &outcome).await {
            break;
        }
    }
    line
}

fn dropped(message: &Message) -> Outcome {
    Outcome::Dead { error: format!("the notifier {} has been dropped", message.notifier) }
}

fn off(notifier: &Notifier) -> Outcome {
    Outcome::Skipped { reason: format!("the notifier {} is off", notifier.name) }
}

async fn sent<O: Outbox, C: Courier>(
    shared: &Shared<O, C>,
    line: &mut Line,
    notifier: &Notifier,
    outgoing: &Outgoing,
) -> Outcome {
    let began = (shared.clock)();
    let sent = shared.courier.send(notifier, &outgoing.message, began).await;
    let attempt = judge(sent, outgoing, began, (shared.clock)());
    if let Outcome::Later { at, .. } = &attempt.outcome {
        line.hold(&outgoing.message, *at);
    }
    if let Some(until) = attempt.rests_until {
        line.rest(until);
    }
    attempt.outcome
}

fn judge(sent: Result<(), SendError>, outgoing: &Outgoing, began: i64, now: i64) -> Attempt {
    let (what, retry_after) = match sent {
        Ok(()) => return Attempt { outcome: Outcome::Sent, rests_until: None },
        Err(SendError::Refused(error)) => {
            return Attempt { outcome: Outcome::Dead { error }, rests_until: None };
        }
        Err(SendError::Later { what, retry_after }) => (what, retry_after),
    };
    let attempts = outgoing.attempts.saturating_add(1);
    let delay = backoff::delay(attempts, retry_after, seed(&outgoing.message));
    let at = now.saturating_add(i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX));
    // The other side speaks for all messages: others would only be told the same, and use up their attempts.
    let rests_until = retry_after.map(|_| at);
    let outcome = match backoff::given_up(attempts, outgoing.first_attempt_at.unwrap_or(began), now) {
        Some(given_up) => Outcome::Dead { error: format!("{given_up}: {what}") },
        None => Outcome::Later { at, error: what },
    };
    Attempt { outcome, rests_until }
}

/// Of the message, so that its waits are the same whenever they are worked out.
fn seed(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.id.hash(&mut hasher);
    hasher.finish()
}

fn tell(message: &Message, outcome: &Outcome) {
    let (id, notifier) = (&message.id, &message.notifier);
    match outcome {
        Outcome::Sent => tracing::debug!("message {id} went out by {notifier}"),
        Outcome::Skipped { reason } => tracing::debug!("message {id} did not go out: {reason}"),
        Outcome::Later { error, .. } => {
            tracing::info!("message {id} did not go out by {notifier} yet: {error}")
        }
        Outcome::Dead { error } => tracing::warn!("message {id} will not go out by {notifier}: {error}"),
    }
}

/// Whether it could be written, however late. False where delivery stops before.
async fn settle<O: Outbox, C: Courier>(shared: &Shared<O, C>, message: &Message, outcome: &Outcome) -> bool {
    let mut stop = shared.stop.clone();
    let mut wait = SETTLE_WAIT_FIRST;
    while let Err(error) = shared.outbox.settle(message, outcome).await {
        tracing::warn!("cannot write what became of message {}: {error}; its notifier waits", message.id);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return false,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(SETTLE_WAIT_MAX),
        }
    }
    true
}
