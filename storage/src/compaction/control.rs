//! How the engine stops a merge and slows it down.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Result, StorageError};

/// What a merge asks after each row group.
pub(crate) struct Control<'a> {
    cancelled: &'a dyn Fn() -> bool,
    rest: &'a dyn Fn(Duration),
    clock: &'a dyn Clock,
    since: Cell<i64>,
}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl<'a> Control<'a> {
    /// `cancelled` says whether to stop; `rest` is called with the time of each piece of work and waits as long as
    /// [`super::throttle::rest`] says.
    pub(crate) fn new(
        clock: &'a dyn Clock,
        cancelled: &'a dyn Fn() -> bool,
        rest: &'a dyn Fn(Duration),
    ) -> Self {
        Self { cancelled, rest, clock, since: Cell::new(clock.now_nanos()) }
    }

    /// Between two pieces of work: rests, and gives [`StorageError::Cancelled`] where the engine wants the merge to end.
    pub(crate) fn breathe(&self) -> Result<()> {
        if (self.cancelled)() {
            return Err(StorageError::Cancelled);
        }
        let worked = self.clock.now_nanos().saturating_sub(self.since.get());
        (self.rest)(Duration::from_nanos(u64::try_from(worked).unwrap_or(0)));
        self.since.set(self.clock.now_nanos());
        if (self.cancelled)() { Err(StorageError::Cancelled) } else { Ok(()) }
    }
}
