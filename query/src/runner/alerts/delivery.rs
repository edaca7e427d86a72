//! How messages leave: whoever sends them asks for those that are due, and says what became of each.

use driftline_storage::WriteBatch;

use super::outbox::{Letter, LetterState};
use crate::alert::registry::Registry;
use crate::alert::{Message, Notice, Notifier, Severity, Status};
use crate::database::Database;
use crate::error::Result;
use crate::runner::store;

/// A message that is due. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct DueMessage {
    /// The message.
    pub message: Message,
    /// Its notifier; None where it was dropped since.
    pub notifier: Option<Notifier>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried first.
    pub first_attempt_at: Option<i64>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was taken.
    Sent,
    /// It is tried again.
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

impl Database {
    /// Messages that are due at `now`, at most `max` of each notifier, in the order in which they were written, and when
    /// the next of the others is due. One that waits holds back the later ones of its notifier and group.
    ///
    /// # Errors
    /// A notifier that cannot be read.
    pub fn due_messages(&self, now: i64, max: usize) -> Result<(Vec<DueMessage>, Option<i64>)> {
        let (letters, next) = self.outbox().due(now, max);
        if letters.is_empty() {
            return Ok((Vec::new(), next));
        }
        let notifiers = Registry::of(&self.engine().snapshot())?.notifiers;
        let due = |letter: Letter| DueMessage {
            notifier: notifiers.iter().find(|known| known.name == letter.message.notifier).cloned(),
            attempts: letter.attempts,
            first_attempt_at: letter.first_attempt_at,
            message: letter.message,
        };
        Ok((letters.into_iter().map(due).collect(), next))
    }

    /// Writes down what became of a message. Until it returns the message is due: whoever stops before sends it again.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn settle_message(&self, id: &str, settled: Settled) -> Result<()> {
        // One that is settled already was sent twice.
        let Some(letter) = self.outbox().get(id) else { return Ok(()) };
        let after = after(letter, settled, self.now_nanos());
        let written = vec![after.clone()];
        self.blocking(move |ingest| ingest.tell(&[], &written, &[])).await?;
        self.outbox().put(after);
        Ok(())
    }

    /// Resolves when there are new messages since the last call, at once if there were some in between.
    pub async fn messages_changed(&self) {
        self.outbox().changed.notified().await;
    }

    /// Puts a message that says it is a test into the outbox.
    pub(crate) async fn test_notifier(&self, name: &str) -> Result<()> {
        let notifiers = Registry::of(&self.engine().snapshot())?.notifiers;
        let names = notifiers.iter().map(|known| known.name.as_str());
        let found = crate::catalog::name::find("notifier", names.clone(), name)?;
        let found = found.ok_or_else(|| crate::catalog::name::missing("notifier", name, names, ""))?;
        let now = self.now_nanos();
        let letter = Letter::new(test_message(found, now), self.outbox().number(now));
        let written = vec![letter.clone()];
        self.blocking(move |ingest| {
            // It may be the first message there is.
            ingest.change(|snapshot| {
                let catalog = store::create(snapshot, ingest.engine());
                Ok((!catalog.is_empty()).then(|| WriteBatch { catalog, ..WriteBatch::default() }))
            })?;
            ingest.tell(&[], &written, &[])
        })
        .await?;
        self.outbox().add(vec![letter]);
        Ok(())
    }
}

fn after(letter: Letter, settled: Settled, now: i64) -> Letter {
    let first_attempt_at = letter.first_attempt_at.or(Some(now));
    let tried = Letter {
        attempts: letter.attempts.saturating_add(1),
        first_attempt_at,
        next_at: None,
        ..letter.clone()
    };
    match settled {
        Settled::Sent => Letter { state: LetterState::Sent, error: None, ..tried },
        Settled::Later { at, error } => Letter { next_at: Some(at), error: Some(error), ..tried },
        Settled::Dead { error } => Letter { state: LetterState::Dead, error: Some(error), ..tried },
        Settled::Skipped { reason } => {
            Letter { state: LetterState::Skipped, error: Some(reason), next_at: None, ..letter }
        }
    }
}

fn test_message(notifier: &str, now: i64) -> Message {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let group = [label("alertname", "test")].into();
    let summary = format!("This is a test of notifier {notifier}. Nothing is wrong.");
    let notice = Notice {
        status: Status::Test,
        alert: "test".to_owned(),
        id: format!("test-{now}"),
        fingerprint: "test".to_owned(),
        model: None,
        severity: Severity::Low,
        labels: [label("alertname", "test"), label("severity", "low")].into(),
        annotations: [label("summary", &summary)].into(),
        value: None,
        threshold: None,
        statistic: None,
        window_start: now,
        window_end: now,
        starts_at: now,
        ends_at: None,
        query: String::new(),
        evidence: Vec::new(),
        reason: None,
    };
    let (id, notifier) = (format!("test-{notifier}-{now}"), notifier.to_owned());
    Message { id, notifier, group, status: Status::Test, alerts: vec![notice], late: false, created_at: now }
}
