//! Where messages wait until they have gone out.

use std::future::Future;
use std::sync::Arc;

use driftline_query::alert::{Message, Notifier};

/// A message that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// Its notifier; None where it has been dropped since.
    pub notifier: Option<Notifier>,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first of them was, in nanoseconds since 1970.
    pub first_attempt_at: Option<i64>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Sent,
    /// It is to be tried again: the outbox counts one attempt more, and keeps the time of the first.
    Later {
        /// When, in nanoseconds since 1970.
        at: i64,
        /// What happened.
        error: String,
    },
    /// It is given up.
    Dead {
        /// Why.
        error: String,
    },
    /// It was not meant to go out.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// Where messages wait. Durable: a message is there until it is settled as anything but later.
pub trait Outbox: Send + Sync + 'static {
    /// The messages that are due at `now`, at most `max` **of each notifier** (one that is slow must not hide the
    /// others), and when the next of the rest is due, if any is.
    ///
    /// Of one notifier they come in the order in which they were written. A message that waits holds back the later
    /// ones of the same notifier and group: they are not due before it is, so that an end is never told before its
    /// beginning, even after a restart.
    fn due(&self, now: i64, max: usize) -> impl Future<Output = (Vec<Outgoing>, Option<i64>)> + Send;

    /// Writes down what became of a message.
    ///
    /// # Errors
    /// It cannot be written. It is tried again; until then the notifier sends nothing else, for the message would
    /// still be due and go out again.
    fn settle(&self, message: &Message, outcome: &Outcome)
    -> impl Future<Output = Result<(), String>> + Send;

    /// Resolves when something is new since the last call of `due` began, at once if it has been in between
    /// (as `tokio::sync::Notify::notify_one` does).
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

impl<O: Outbox> Outbox for Arc<O> {
    async fn due(&self, now: i64, max: usize) -> (Vec<Outgoing>, Option<i64>) {
        O::due(self, now, max).await
    }

    async fn settle(&self, message: &Message, outcome: &Outcome) -> Result<(), String> {
        O::settle(self, message, outcome).await
    }

    async fn changed(&self) {
        O::changed(self).await;
    }
}
