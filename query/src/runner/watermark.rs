//! How far the time of a table has come.
//!
//! A table's *watermark* is the time before which no more rows are expected: the newest event time there was, never past the
//! clock. Where data stop, the clock carries it on from there at its own pace, after a pause that tells a stop from a client
//! that sends a batch now and then. So a table that is filled with rows of last year has a watermark of last year.

use crate::limits::WATERMARK_PAUSE_NANOS;

/// The newest event of a table and when it came. Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Progressing {
    /// The newest event time; None where there never was a row.
    pub(crate) newest: Option<i64>,
    /// What the clock showed when rows came last.
    pub(crate) arrived: i64,
    /// Whether a continuous query keeps it: then only that says how far it has come.
    pub(crate) is_kept: bool,
    /// Windows that end up to here were closed.
    #[serde(skip, default = "never")]
    pub(crate) closed: i64,
    /// The runner wants to know when an event of this time comes.
    #[serde(skip, default = "never")]
    pub(crate) due: i64,
}

const fn never() -> i64 {
    i64::MIN
}

impl Progressing {
    /// Of a table whose newest row is of this time, and came at `arrived`.
    pub(crate) fn new(newest: Option<i64>, arrived: i64) -> Self {
        Self { newest, arrived, is_kept: false, closed: never(), due: never() }
    }

    /// Of a table that a continuous query keeps.
    pub(crate) fn kept(newest: Option<i64>) -> Self {
        Self { is_kept: true, ..Self::new(newest, never()) }
    }

    /// How far its newest row came behind the clock.
    pub(crate) fn lag(&self) -> Option<i64> {
        Some(self.arrived.saturating_sub(self.newest?)).filter(|_| !self.is_kept)
    }

    /// Rows came, the newest of this time.
    pub(crate) fn arrived(&mut self, newest: i64, now: i64) {
        self.newest = Some(self.newest.map_or(newest, |known| known.max(newest)));
        self.arrived = self.arrived.max(now);
    }

    /// The watermark by a clock; None where there never was a row. It never goes back while the clock does not.
    pub(crate) fn watermark(&self, now: i64) -> Option<i64> {
        let newest = self.newest?;
        if self.is_kept {
            return Some(newest.min(now));
        }
        let quiet = now.saturating_sub(self.arrived).saturating_sub(WATERMARK_PAUSE_NANOS).max(0);
        Some(newest.saturating_add(quiet).min(now))
    }

    /// When the clock alone brings the watermark to a time, if no row comes before; None where it never does.
    pub(crate) fn reaches(&self, time: i64) -> Option<i64> {
        let missing = time.saturating_sub(self.newest?).max(0);
        if self.is_kept && missing > 0 {
            return None;
        }
        let pause = if missing > 0 { WATERMARK_PAUSE_NANOS } else { 0 };
        Some(self.arrived.saturating_add(missing).saturating_add(pause).max(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn the_watermark_is_the_newest_event_until_data_stop_and_then_goes_with_the_clock() {
        let mut progress = Progressing::new(None, 0);
        assert_eq!(progress.watermark(1_000 * S), None);
        progress.arrived(990 * S, 1_000 * S);
        progress.arrived(980 * S, 1_001 * S);
        assert_eq!(progress.watermark(1_001 * S), Some(990 * S));
        let pause = WATERMARK_PAUSE_NANOS;
        assert_eq!(progress.watermark(1_001 * S + pause), Some(990 * S));
        assert_eq!(progress.watermark(1_006 * S + pause), Some(995 * S));
    }

    #[test]
    fn an_event_ahead_of_the_clock_waits_for_it() {
        let mut progress = Progressing::new(None, 0);
        progress.arrived(1_005 * S, 1_000 * S);
        assert_eq!(progress.watermark(1_000 * S), Some(1_000 * S));
        assert_eq!(progress.reaches(1_004 * S), Some(1_004 * S));
    }

    #[test]
    fn when_the_clock_reaches_a_time_the_watermark_is_there() {
        let mut progress = Progressing::new(None, 0);
        progress.arrived(990 * S, 1_000 * S);
        for time in [980 * S, 990 * S, 991 * S, 2_000 * S] {
            let at = progress.reaches(time).unwrap();
            assert!(progress.watermark(at).unwrap() >= time, "{time}");
            if at > 1_000 * S {
                assert!(progress.watermark(at - 1).unwrap() < time, "{time}");
            }
        }
    }
}
