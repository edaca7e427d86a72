//! Back-pressure: writers wait where memory is short, and are refused where waiting does not help.

use std::time::Duration;

use super::Inner;
use super::flush::Choice;
use crate::error::{Result, StorageError};
use crate::limits::{IDLE_FLUSH_BYTES_MIN, IDLE_FLUSH_SECONDS, ROOM_WAIT_STEP_MS};

impl Inner {
    /// Waits while memory is over its limits and a flush, or a query that ends, can still free some; refuses the
    /// write where nothing does in time (flushes that keep failing must not hold writers for ever).
    pub(super) fn await_room(&self) -> Result<()> {
        let limit = self.options.memtable_bytes_max.saturating_mul(2);
        let step = Duration::from_millis(ROOM_WAIT_STEP_MS);
        let steps = self.options.room_wait.as_millis().div_ceil(u128::from(ROOM_WAIT_STEP_MS));
        let begun = self.options.clock.now_nanos();
        let mut state = self.state.lock();
        for waited in 0..=steps {
            let bytes = state.memtable_bytes();
            if !self.options.background_flush || (bytes <= limit && !self.is_short(bytes)) {
                drop(state);
                if waited > 0 {
                    self.counters.stalled(self.options.clock.now_nanos() - begun, false);
                }
                return Ok(());
            }
            if self.is_closed() {
                return Err(StorageError::Closed);
            }
            self.press();
            self.flushed.wait_for(&mut state, step);
        }
        drop(state);
        self.counters.stalled(self.options.clock.now_nanos() - begun, true);
        Err(StorageError::OverBudget {
            used: self.budget.used() as u64,
            limit: self.budget.limit().min(limit) as u64,
        })
    }

    /// Asks for a flush where memtables or WAL have reached their limit.
    pub(super) fn note_pressure(&self) {
        let memtables = self.state.lock().memtable_bytes();
        let is_due = memtables > self.options.memtable_bytes_max
            || self.is_short(memtables)
            || self.wal_bytes() > self.options.wal_total_bytes_max;
        if is_due {
            self.press();
        }
    }

    /// Whether rows and queries together hold too much, and a flush would help: where it is queries alone, writers that
    /// flush a few rows each time would only make the disk full of small segments.
    fn is_short(&self, memtable_bytes: usize) -> bool {
        self.budget.is_over() && memtable_bytes >= IDLE_FLUSH_BYTES_MIN.min(self.options.memtable_bytes_max)
    }

    pub(super) fn press(&self) {
        *self.pressure.lock() = true;
        self.pressed.notify_one();
    }

    /// The flush thread: flushes when asked, and once after writers have fallen silent, until the engine closes.
    pub(super) fn flush_when_pressed(&self) {
        let mut seen = 0;
        loop {
            let due = {
                let mut wanted = self.pressure.lock();
                if !*wanted {
                    self.pressed.wait_for(&mut wanted, Duration::from_secs(IDLE_FLUSH_SECONDS));
                }
                std::mem::take(&mut *wanted)
            };
            if self.is_closed() {
                return;
            }
            let (seq, bytes) = {
                let state = self.state.lock();
                (state.seq, state.memtable_bytes())
            };
            let is_silent = std::mem::replace(&mut seen, seq) == seq;
            // A flush that fails leaves everything where it was; the next write over the limit asks again.
            if due {
                let _ = self.flush(Choice::Due);
            } else if is_silent && bytes >= IDLE_FLUSH_BYTES_MIN {
                let _ = self.flush(Choice::All);
            }
        }
    }
}
