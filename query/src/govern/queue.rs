//! Places for statements that run, and the queue for them: first come, first served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::QueryLimits;
use crate::error::{QueryError, Result};

/// A place among those that run; free again when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// The places of a database.
#[derive(Debug)]
pub(super) struct Queue {
    /// None where any number may run.
    places: Option<Arc<Semaphore>>,
    waiting: AtomicUsize,
}

/// One of those that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// With the places that the limits say.
    pub(super) fn new(limits: &QueryLimits) -> Self {
        let places = (limits.running > 0).then(|| limits.running.min(Semaphore::MAX_PERMITS));
        Self { places: places.map(|places| Arc::new(Semaphore::new(places))), waiting: AtomicUsize::new(0) }
    }

    /// A place, at once or after a wait. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`QueryError::Limit`] where the queue is full or the wait was too long.
    pub(super) async fn place(&self, limits: &QueryLimits) -> Result<Option<Place>> {
        let Some(places) = &self.places else { return Ok(None) };
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(Some(place));
        }
        let _waiting = self.wait(limits)?;
        let place = tokio::time::timeout(limits.queued_time, Arc::clone(places).acquire_owned()).await;
        // The semaphore is never closed: the inner result has no other end.
        place.ok().and_then(std::result::Result::ok).map(Some).ok_or_else(|| too_long(limits))
    }

    fn wait(&self, limits: &QueryLimits) -> Result<Waiting<'_>> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waiting(&self.waiting);
        if waiting < limits.queued { Ok(place) } else { Err(full(limits, waiting)) }
    }
}

fn full(limits: &QueryLimits, waiting: usize) -> QueryError {
    QueryError::Limit(format!(
        "{} queries run, the limit, and {waiting} wait, of at most {}; try again later, or raise them: \
         --query-concurrency and --query-queue of driftline serve, QueryLimits::running and queued of a program",
        limits.running, limits.queued
    ))
}

fn too_long(limits: &QueryLimits) -> QueryError {
    QueryError::Limit(format!(
        "the query waited {} s, the limit, for one of {} places to run; try again later, or raise them: \
         --query-queue-s and --query-concurrency of driftline serve, QueryLimits::queued_time and running of a program",
        limits.queued_time.as_secs_f64(),
        limits.running
    ))
}
