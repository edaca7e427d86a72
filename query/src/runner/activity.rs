//! When the rows of a table come, and how long it was silent at most: what tells a model that has fallen silent from one that
//! seldom speaks.

use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The longest silence of so many days counts.
const DAYS: i64 = 14;
/// No silence up to this is one.
const ALLOWED_LEAST: i64 = 10 * MINUTE;
/// So many times the longest silence before.
const TIMES: i64 = 3;

/// The arrivals of a table's rows, by the clock of the database; nanoseconds since 1970, or of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Activity {
    /// Since when it is watched.
    since: i64,
    /// When rows came last; the same where none ever did.
    arrived: i64,
    /// For how long of the time after that nobody could have heard of any, since the database was down.
    down: i64,
    /// The longest silence that ended on a day, by the day's number.
    silences: BTreeMap<i64, i64>,
    /// Whether rows ever came.
    has_rows: bool,
}

impl Activity {
    /// Of a table that is watched from now on.
    pub(crate) fn new(now: i64) -> Self {
        Self { since: now, arrived: now, ..Self::default() }
    }

    /// Rows came.
    pub(crate) fn arrived(&mut self, now: i64) {
        let (day, silence) = (now.div_euclid(DAY), self.silent(now));
        if self.has_rows {
            let longest = self.silences.entry(day).or_default();
            *longest = (*longest).max(silence);
        }
        self.silences.retain(|known, _| *known > day - DAYS);
        (self.arrived, self.down, self.has_rows) = (self.arrived.max(now), 0, true);
    }

    /// The database was down for a while; rows came last at `arrived` at the earliest.
    pub(crate) fn was_down(&mut self, from: i64, to: i64, arrived: Option<i64>) {
        if let Some(arrived) = arrived.filter(|arrived| *arrived > self.arrived && *arrived <= to) {
            (self.arrived, self.down) = (arrived, 0);
        }
        self.down = self.down.saturating_add(to.saturating_sub(from.max(self.arrived)).max(0));
    }

    /// For how long no row has come.
    pub(crate) fn silent(&self, now: i64) -> i64 {
        now.saturating_sub(self.arrived).saturating_sub(self.down).max(0)
    }

    /// The longest silence of the last days.
    pub(crate) fn longest(&self, now: i64) -> Option<i64> {
        let first = now.div_euclid(DAY) - DAYS;
        self.silences.range(first + 1..).map(|(_, silence)| *silence).max()
    }

    /// How long it may be silent: three times as long as it was at most, at least ten minutes; a day where it is not known
    /// for a day yet.
    pub(crate) fn allowed(&self, now: i64) -> i64 {
        match now.saturating_sub(self.since) < DAY || !self.has_rows {
            true => DAY,
            false => self.longest(now).unwrap_or(0).saturating_mul(TIMES).max(ALLOWED_LEAST),
        }
    }

    /// When rows came last, if ever.
    pub(crate) fn last(&self) -> Option<i64> {
        self.has_rows.then_some(self.arrived)
    }

    /// Since when it is watched.
    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// Whether there is more to remember than that rows came again.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let plain = |it: &Self| Self { arrived: 0, ..it.clone() };
        plain(self) != plain(other) || self.arrived.abs_diff(other.arrived) >= MINUTE.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    /// Rows every so often for some hours.
    fn after(hours: i64, every: i64) -> (Activity, i64) {
        let (mut activity, mut now) = (Activity::new(0), 0);
        while now < hours * HOUR {
            now += every;
            activity.arrived(now);
        }
        (activity, now)
    }

    #[test]
    fn what_is_not_known_for_a_day_may_be_silent_for_one() {
        let (activity, now) = after(2, MINUTE);
        assert_eq!(activity.allowed(now), DAY);
        assert_eq!(Activity::new(0).allowed(30 * HOUR), DAY);
        assert_eq!(Activity::new(0).silent(30 * HOUR), 30 * HOUR);
    }

    #[test]
    fn later_three_times_the_longest_silence_but_ten_minutes_at_least() {
        let (often, now) = after(25, MINUTE);
        assert_eq!(often.allowed(now), 10 * MINUTE);
        let (mut seldom, now) = after(30, 2 * HOUR);
        assert_eq!((seldom.longest(now), seldom.allowed(now)), (Some(2 * HOUR), 6 * HOUR));
        // A long silence is forgotten after a fortnight.
        let mut now = now + 20 * HOUR;
        seldom.arrived(now);
        assert_eq!(seldom.allowed(now), 60 * HOUR);
        for _ in 0..15 * 12 {
            now += 2 * HOUR;
            seldom.arrived(now);
        }
        assert_eq!(seldom.allowed(now), 6 * HOUR);
    }

    #[test]
    fn while_the_database_is_down_nobody_is_silent() {
        let (mut activity, now) = after(25, MINUTE);
        activity.was_down(now + 5 * MINUTE, now + 3 * HOUR, None);
        assert_eq!(activity.silent(now + 3 * HOUR), 5 * MINUTE);
        // Twice, and rows that came before nobody wrote it down.
        activity.was_down(now + 3 * HOUR + MINUTE, now + 9 * HOUR, None);
        assert_eq!(activity.silent(now + 9 * HOUR), 6 * MINUTE);
        activity.was_down(now + 9 * HOUR + 2 * MINUTE, now + 10 * HOUR, Some(now + 9 * HOUR + MINUTE));
        assert_eq!(activity.silent(now + 10 * HOUR), MINUTE);
        activity.arrived(now + 10 * HOUR);
        assert_eq!(activity.longest(now + 10 * HOUR), Some(MINUTE));
    }
}
