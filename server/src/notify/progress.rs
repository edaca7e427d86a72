//! How many requests of a message went through, so that the next attempt goes on behind them: a gateway that takes
//! 60 a minute would otherwise see the first 60 again and again, and never the rest.
//!
//! Kept in memory only: after a restart all are sent again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use driftline_query::alert::Message;

/// Messages that are remembered; the oldest is forgotten first.
const MESSAGES_MAX: usize = 1024;

/// What has been sent of messages that are to be tried again.
#[derive(Default)]
pub(super) struct Progress(Mutex<VecDeque<Part>>);

struct Part {
    notifier: String,
    id: String,
    sent: usize,
}

impl Progress {
    /// How many requests of the message were taken. Forgets them.
    pub(super) fn take(&self, message: &Message) -> usize {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = parts.iter().position(|part| part.id == message.id && part.notifier == message.notifier);
        at.and_then(|at| parts.remove(at)).map_or(0, |part| part.sent)
    }

    /// Remembers how many requests of the message were taken.
    pub(super) fn keep(&self, message: &Message, sent: usize) {
        if sent == 0 {
            return;
        }
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.len() >= MESSAGES_MAX {
            parts.pop_front();
        }
        parts.push_back(Part { notifier: message.notifier.clone(), id: message.id.clone(), sent });
    }
}
