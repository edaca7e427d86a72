//! The thread that makes the steps.

use std::sync::Weak;
use std::time::{Duration, Instant};

use crate::database::{Database, Inner};
use crate::limits::{
    FULL_SPEED_PAUSE, FULL_SPEED_PAUSE_MAX, FULL_SPEED_ROWS, RUNNER_PAUSE, RUNNER_PAUSE_MAX,
};

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

/// How long to wait in any case. While rows come at full speed the processors are left to them for four fifths of the time: what
/// waits meanwhile is computed when they have come.
fn pause(rows: u64, worked: Duration) -> Duration {
    let is_full_speed = rows as f64 > FULL_SPEED_ROWS * worked.as_secs_f64();
    if rows > 0 && is_full_speed {
        (FULL_SPEED_PAUSE * worked).min(FULL_SPEED_PAUSE_MAX)
    } else {
        Duration::ZERO
    }
}

async fn work(database: Weak<Inner>) {
    loop {
        let Some(db) = Database::upgrade(&database) else { return };
        if db.is_closed() {
            return;
        }
        let (began, rows) = (Instant::now(), db.watched().rows());
        let step = db.step(false).await;
        let pause = pause(db.watched().rows().saturating_sub(rows), began.elapsed());
        let wait = match step {
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
        tokio::time::sleep(pause).await;
        if !watched.take_news() {
            let _ = tokio::time::timeout(wait, watched.news.notified()).await;
            watched.take_news();
        }
    }
}
