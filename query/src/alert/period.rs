//! Spans of time that may come back every week, as silences do.
//!
//! Weeks are counted in UTC, where each has the same length: a span set for 02:00 UTC is at 02:00 UTC in summer too.

/// Nanoseconds of a week.
pub const WEEK: i64 = 7 * 24 * 3600 * 1_000_000_000;

/// From `from`, up to and without `to`; where `weekly`, the same again each week from then on, without end. Nanoseconds
/// since 1970.
///
/// One that ends where it begins, or before, covers nothing; a weekly one of a week or longer covers all from its
/// beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// Its first nanosecond.
    pub from: i64,
    /// The first nanosecond after it.
    pub to: i64,
    /// Whether it comes back.
    pub weekly: bool,
}

impl Span {
    /// Whether it covers that moment.
    pub fn covers(&self, at: i64) -> bool {
        at >= self.from && self.into(at) < self.length()
    }

    /// Whether it covers any moment from `start` on, up to and without `end`.
    pub fn touches(&self, start: i64, end: i64) -> bool {
        let next = if self.weekly && start > self.from {
            i128::from(start) + i128::from(WEEK) - self.into(start)
        } else {
            i128::from(self.from)
        };
        let begins = self.length() > 0 && next >= i128::from(start) && next < i128::from(end);
        start < end && (self.covers(start) || begins)
    }

    /// When it no longer covers what it covers at that moment; None where it does not cover it, or without end.
    pub fn end_from(&self, at: i64) -> Option<i64> {
        let endless = self.weekly && self.length() >= i128::from(WEEK);
        let end = i128::from(at) + self.length() - self.into(at);
        (self.covers(at) && !endless).then(|| i64::try_from(end).unwrap_or(i64::MAX))
    }

    /// Whether it covers nothing from that moment on: it can be forgotten.
    pub fn is_over(&self, at: i64) -> bool {
        self.length() <= 0 || !self.weekly && at >= self.to
    }

    fn length(&self) -> i128 {
        i128::from(self.to) - i128::from(self.from)
    }

    /// How far into the span, or this week's repetition of it.
    fn into(&self, at: i64) -> i128 {
        let since = i128::from(at) - i128::from(self.from);
        if self.weekly { since.rem_euclid(i128::from(WEEK)) } else { since }
    }
}

#[cfg(test)]
mod tests;
