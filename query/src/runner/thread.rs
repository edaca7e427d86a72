//! The thread that makes the steps.

use std::sync::Weak;
use std::time::Duration;

use crate::database::{Database, Inner};
use crate::limits::{RUNNER_PAUSE, RUNNER_PAUSE_MAX};

/// Whether a thread works for a database.
#[derive(Debug, Default)]
pub(crate) struct Background(parking_lot::Mutex<bool>);

impl Background {
    /// True for the first caller only.
    pub(crate) fn claim(&self) -> bool {
        !std::mem::replace(&mut *self.0.lock(), true)
    }
}

/// Starts it. It ends when the database is closed or gone.
pub(crate) fn start(database: Weak<Inner>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let body = move || runtime.block_on(work(database));
    std::thread::Builder::new().name("driftline-runner".to_owned()).spawn(body).map(drop)
}

async fn work(database: Weak<Inner>) {
    loop {
        let Some(db) = Database::upgrade(&database) else { return };
        if db.is_closed() {
            return;
        }
        let wait = match db.step(false).await {
            Ok(left) if left.has_more => RUNNER_PAUSE,
            Ok(left) => left.due_at.map_or(RUNNER_PAUSE_MAX, |due| {
                let nanos = due.saturating_sub(db.now_nanos()).max(0);
                Duration::from_nanos(nanos.unsigned_abs()).clamp(RUNNER_PAUSE, RUNNER_PAUSE_MAX)
            }),
            Err(error) => {
                tracing::warn!("continuous queries and alerts wait: {error}");
                RUNNER_PAUSE_MAX
            }
        };
        let watched = std::sync::Arc::clone(db.watched());
        // Whoever closes the database need not wait for this thread.
        drop(db);
        if !watched.take_news() {
            let _ = tokio::time::timeout(wait, watched.news.notified()).await;
            watched.take_news();
        }
    }
}
