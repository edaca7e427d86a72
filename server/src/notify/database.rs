//! The outbox of a database, as the loop of deliveries sees it.

use std::sync::Arc;

use driftline_query::alert::Message;
use driftline_query::{Database, DueMessage, Settled};

use super::{Clock, Outbox, Outcome, Outgoing, Sender, SenderOptions, deliver};
use crate::error::Result;

/// Messages of a database.
struct OfDatabase(Database);

impl Outbox for OfDatabase {
    async fn due(&self, now: i64, max: usize) -> (Vec<Outgoing>, Option<i64>) {
        match self.0.due_messages(now, max) {
            Ok((due, next)) => (due.into_iter().map(outgoing).collect(), next),
            Err(error) => {
                tracing::warn!("messages of alerts wait: {error}");
                (Vec::new(), None)
            }
        }
    }

    async fn settle(&self, message: &Message, outcome: &Outcome) -> Result<(), String> {
        let settled = match outcome.clone() {
            Outcome::Sent => Settled::Sent,
            Outcome::Later { at, error } => Settled::Later { at, error },
            Outcome::Dead { error } => Settled::Dead { error },
            Outcome::Skipped { reason } => Settled::Skipped { reason },
        };
        self.0.settle_message(&message.id, settled).await.map_err(|error| error.to_string())
    }

    async fn changed(&self) {
        self.0.messages_changed().await;
    }
}

fn outgoing(due: DueMessage) -> Outgoing {
    let DueMessage { message, notifier, attempts, first_attempt_at } = due;
    Outgoing { message, notifier, attempts, first_attempt_at }
}

/// Delivers the messages of a database until `stop` resolves.
pub(crate) fn start(
    database: Database,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<tokio::task::JoinHandle<()>> {
    let sender = Sender::new(SenderOptions::default()).map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        crate::error::ServerError::System { action: "set up TLS for notifiers", source }
    })?;
    let engine = Arc::clone(database.engine());
    let clock: Clock = Arc::new(move || engine.now_nanos());
    Ok(tokio::spawn(deliver(OfDatabase(database), sender, clock, stop)))
}
