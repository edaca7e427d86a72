//! Compaction gives way to writers: after work it rests for as long as its share of the time demands.

use std::time::Duration;

/// While writers are active a compaction works at most this share of the time.
const BUSY_SHARE: f64 = 0.5;
/// A rest is never longer than this, should one piece of work have taken very long.
const REST_MAX: Duration = Duration::from_secs(2);
/// Writers are active until so long after the last write.
const BUSY_NANOS: i64 = 1_000_000_000;

/// How long to rest after so much work, with the last write `since_write` nanoseconds ago. Not at all where nobody
/// writes, or where the user asked for the compaction and waits for it.
pub(crate) fn rest(worked: Duration, since_write: i64, force: bool) -> Duration {
    if force || since_write >= BUSY_NANOS {
        return Duration::ZERO;
    }
    let factor = (1.0 - BUSY_SHARE) / BUSY_SHARE;
    // A clock that jumped makes work seem endless: no rest is.
    worked.min(REST_MAX).mul_f64(factor).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::compaction::control::Control;

    #[test]
    fn work_takes_its_share_while_writers_are_active_and_all_when_idle() {
        let clock = ManualClock::at(0);
        let since_write = Cell::new(0);
        let pause = |worked| clock.advance(rest(worked, since_write.get(), false).as_nanos() as i64);
        let control = Control::new(&clock, &|| false, &pause);
        let work = |times| {
            let begun = clock.now_nanos();
            for _ in 0..times {
                clock.advance(7_000_000);
                control.breathe().unwrap();
            }
            f64::from(times) * 7e6 / (clock.now_nanos() - begun) as f64
        };
        assert!((work(100) - BUSY_SHARE).abs() < 1e-6);
        since_write.set(BUSY_NANOS);
        assert!((work(100) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_user_who_waits_and_a_clock_that_jumps_do_not_stop_compaction() {
        assert_eq!(rest(Duration::from_secs(5), 0, true), Duration::ZERO);
        assert_eq!(rest(Duration::MAX, 0, false), REST_MAX);
        let clock = ManualClock::at(5);
        let rested = Cell::new(None);
        let note = |worked| rested.set(Some(worked));
        let control = Control::new(&clock, &|| false, &note);
        clock.advance(-4);
        control.breathe().unwrap();
        assert_eq!(rested.get(), Some(Duration::ZERO));
    }
}
