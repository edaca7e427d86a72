//! How time is cut: partitions, and within them intervals of one width.
//!
//! A *cell* is the rows of one series in one interval. Widths nest: each divides the next, and all are aligned to
//! 1970, so that an interval lies within one interval of every greater width.

/// Nanoseconds of the widths an interval can have, least first: 1 m, 10 m, 1 h, 6 h, 1 d, 7 d, 28 d.
const LADDER: [i64; 7] = [60, 600, 3_600, 21_600, 86_400, 604_800, 2_419_200];
const NANOS: i64 = 1_000_000_000;

/// The width of the intervals of a segment: a rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Width(u8);

impl Width {
    /// The finest: a minute.
    pub const MIN: Self = Self(0);
    /// The coarsest: 28 days.
    pub const MAX: Self = Self(LADDER.len() as u8 - 1);

    /// All, finest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..LADDER.len() as u8).map(Self)
    }

    /// Its nanoseconds.
    pub fn nanos(self) -> i64 {
        LADDER[usize::from(self.0)] * NANOS
    }

    /// Its number on disk.
    pub(crate) fn code(self) -> u8 {
        self.0
    }

    /// The width of a number on disk.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        (usize::from(code) < LADDER.len()).then_some(Self(code))
    }

    /// Where the interval that holds `time` begins; the first interval of all begins at the least time.
    pub fn interval(self, time: i64) -> i64 {
        time.saturating_sub(time.rem_euclid(self.nanos()))
    }
}

/// A stretch of event time whose rows lie in segments of their own: a day, or 28 days where rows come seldom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The first nanosecond in it.
    pub start: i64,
    /// Its length in nanoseconds, a multiple of every width its segments may have.
    pub length: i64,
}

impl Partition {
    /// The length of most partitions: a day.
    pub const DAY: i64 = 86_400 * NANOS;
    /// The length of partitions of tables whose rows come seldom: 28 days.
    pub const LONG: i64 = 28 * Self::DAY;

    /// The partition of a length that holds `time`.
    pub fn of(time: i64, length: i64) -> Self {
        Self { start: time.saturating_sub(time.rem_euclid(length)), length }
    }

    /// The last nanosecond in it.
    pub fn end(self) -> i64 {
        // The first partition of all may begin before the least time there is.
        let next = i128::from(self.start).div_euclid(i128::from(self.length)) + 1;
        i64::try_from(next * i128::from(self.length) - 1).unwrap_or(i64::MAX)
    }

    /// Whether it holds `time`.
    pub fn contains(self, time: i64) -> bool {
        self.start <= time && time <= self.end()
    }
}

/// Where a row stands in the order of a segment, before its time: interval, then series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// Where the interval begins.
    pub interval: i64,
    /// The series.
    pub series: crate::schema::SeriesId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_nest_and_intervals_hold_their_times() {
        for (fine, coarse) in Width::all().zip(Width::all().skip(1)) {
            assert_eq!(coarse.nanos() % fine.nanos(), 0);
        }
        for time in [i64::MIN, i64::MIN + 1, -1, 0, 1, 1_700_000_000_123_456_789, i64::MAX] {
            for width in Width::all() {
                let start = width.interval(time);
                assert!(start <= time && i128::from(time) - i128::from(start) < i128::from(width.nanos()));
            }
            for length in [Partition::DAY, Partition::LONG] {
                assert!(Partition::of(time, length).contains(time), "{time} {length}");
            }
        }
    }
}
