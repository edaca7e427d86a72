//! Compaction gives way to writers: after work it pauses for a share of the time the work took.

use std::fmt;

use crate::clock::Clock;

/// While writers are active a compaction works at most this share of the time.
pub(crate) const BUSY_SHARE: f64 = 0.5;
/// A pause is never longer than this, should one piece of work have taken very long: 2 s, in nanoseconds.
pub(crate) const PAUSE_NANOS_MAX: i64 = 2_000_000_000;

/// Pauses between pieces of work. The engine decides by what it gives as `pause` how it waits (and wakes early when
/// it closes); tests count instead.
pub(crate) struct Throttle<'a> {
    clock: &'a dyn Clock,
    /// Whether writers are active now.
    busy: &'a (dyn Fn() -> bool + Sync),
    /// Waits so many nanoseconds.
    pause: &'a (dyn Fn(i64) + Sync),
}

impl fmt::Debug for Throttle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl<'a> Throttle<'a> {
    /// A throttle that asks `busy` after each piece of work and waits by `pause`.
    pub(crate) fn new(
        clock: &'a dyn Clock,
        busy: &'a (dyn Fn() -> bool + Sync),
        pause: &'a (dyn Fn(i64) + Sync),
    ) -> Self {
        Self { clock, busy, pause }
    }

    /// What the clock says now; give it back to [`Self::after`] once the work is done.
    pub(crate) fn begin(&self) -> i64 {
        self.clock.now_nanos()
    }

    /// Waits for as long as the share demands, where writers are active.
    pub(crate) fn after(&self, begun: i64) {
        // A clock that was set back must not turn into a pause.
        let worked = self.clock.now_nanos().saturating_sub(begun).max(0);
        let pause = pause_after(worked);
        if pause > 0 && (self.busy)() {
            (self.pause)(pause);
        }
    }
}

/// The pause after so much work, both in nanoseconds.
fn pause_after(worked: i64) -> i64 {
    let factor = (1.0 - BUSY_SHARE) / BUSY_SHARE;
    ((worked as f64 * factor) as i64).clamp(0, PAUSE_NANOS_MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn work_takes_its_share_while_writers_are_active_and_all_when_idle() {
        let clock = ManualClock::at(0);
        let (busy, paused) = (AtomicBool::new(true), AtomicI64::new(0));
        let is_busy = || busy.load(Ordering::Relaxed);
        let pause = |nanos: i64| {
            paused.fetch_add(nanos, Ordering::Relaxed);
            clock.advance(nanos);
        };
        let throttle = Throttle::new(&clock, &is_busy, &pause);
        for _ in 0..100 {
            let begun = throttle.begin();
            clock.advance(7_000_000);
            throttle.after(begun);
        }
        let worked = 700_000_000.0;
        let share = worked / clock.now_nanos() as f64;
        assert!((share - BUSY_SHARE).abs() < 1e-6, "{share}");
        busy.store(false, Ordering::Relaxed);
        let before = paused.load(Ordering::Relaxed);
        let begun = throttle.begin();
        clock.advance(7_000_000);
        throttle.after(begun);
        assert_eq!(paused.load(Ordering::Relaxed), before);
    }

    #[test]
    fn a_clock_set_back_or_forth_does_not_stop_compaction() {
        assert_eq!(pause_after(i64::MAX), PAUSE_NANOS_MAX);
        let clock = ManualClock::at(5);
        let throttle = Throttle::new(&clock, &|| true, &|_| panic!("no pause is due"));
        let begun = throttle.begin();
        clock.advance(-4);
        throttle.after(begun);
    }
}
