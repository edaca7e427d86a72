//! Which rows belong together: one window, or windows of one width end to end.

use datafusion::common::{Result, plan_err};

use super::arguments::Arguments;

/// The windows of a call, times in nanoseconds since 1970, ends not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Windows {
    /// One, reported even where it has no rows.
    One {
        /// Its start.
        start: i64,
        /// Its end.
        end: i64,
    },
    /// Windows of one width counted from 1970-01-01, as `date_bin` does; those that lie wholly in the range and have
    /// rows are reported. A range without a start begins with the first row's window, one without an end stops with
    /// the last row.
    Every {
        /// Their width, more than 0.
        width: i64,
        /// Where the range starts.
        from: Option<i64>,
        /// Where the range ends.
        to: Option<i64>,
    },
}

/// What `drift` was told of its window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    from: Option<i64>,
    to: Option<i64>,
    at: Option<i64>,
    window: Option<i64>,
}

impl Span {
    /// Reads `from`, `to`, `at` and `window`.
    pub(super) fn new(arguments: &Arguments<'_>) -> Result<Self> {
        let (from, to) = (arguments.moment("from")?, arguments.moment("to")?);
        let (at, window) = (arguments.moment("at")?, arguments.duration("window")?);
        if to.is_some() && at.is_some() {
            return plan_err!("drift: `to` and `at` both say where the window ends; give one of them");
        }
        match (from, window) {
            (Some(_), Some(_)) => {
                plan_err!("drift: `from` and `window` both say where the window starts; give one of them")
            }
            (None, None) => plan_err!(
                "drift: say which window: window => INTERVAL '7 days' (the last 7 days, or those before at => ..), or from => .., to => .."
            ),
            _ => Ok(Self { from, to, at, window }),
        }
    }

    /// The window when the query began at `now`.
    pub(super) fn at(self, now: i64) -> Result<Windows> {
        let end = self.to.or(self.at).unwrap_or(now);
        let start = self.from.or_else(|| end.checked_sub(self.window?));
        match start {
            Some(start) if start < end => Ok(Windows::One { start, end }),
            Some(_) => plan_err!("drift: the window is empty: `from` must be earlier than its end"),
            None => plan_err!(
                "drift: the window starts before 1677, the first time there is; make `window` shorter"
            ),
        }
    }
}

impl Windows {
    /// Reads `window`, `from` and `to` of `drift_over_time`.
    pub(super) fn every(arguments: &Arguments<'_>) -> Result<Self> {
        let width = arguments.duration("window")?.ok_or_else(|| arguments.missing("window"))?;
        let (from, to) = (arguments.moment("from")?, arguments.moment("to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return plan_err!("drift_over_time: the range is empty: `from` must be earlier than `to`");
        }
        Ok(Self::Every { width, from, to })
    }

    /// The times whose rows are needed: from, to. Rows of windows that are not wholly in the range are not.
    pub(super) fn range(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::One { start, end } => (Some(start), Some(end)),
            Self::Every { width, from, to } => {
                let whole_from = from.map(|from| ceil(from, width));
                (whole_from, to.map(|to| to.div_euclid(width).saturating_mul(width)))
            }
        }
    }

    /// The window of a row.
    pub(super) fn key(self, time: i64) -> i64 {
        match self {
            Self::One { .. } => 0,
            Self::Every { width, .. } => time.div_euclid(width),
        }
    }

    /// Start and end of a window, None where it is not to be reported.
    pub(super) fn bounds(self, key: i64, last_row: Option<i64>) -> Option<(i64, i64)> {
        match self {
            Self::One { start, end } => Some((start, end)),
            Self::Every { width, from, to } => {
                let start = key.checked_mul(width)?;
                let end = start.checked_add(width)?;
                let range_end = to.or(last_row.map(|last| last.saturating_add(1)))?;
                let whole = from.is_none_or(|from| from <= start) && end <= range_end;
                whole.then_some((start, end))
            }
        }
    }
}

/// The first multiple of `width` not before `time`.
fn ceil(time: i64, width: i64) -> i64 {
    let floor = time.div_euclid(width).saturating_mul(width);
    if floor == time { time } else { floor.saturating_add(width) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weeks_start_on_thursday_as_in_date_bin() {
        let week = 7 * 86_400_000_000_000_i64;
        let windows = Windows::Every { width: week, from: None, to: None };
        assert_eq!(windows.key(-1), -1);
        assert_eq!(windows.bounds(0, Some(week - 1)), Some((0, week)));
        assert_eq!(windows.bounds(0, Some(week - 2)), None);
    }

    proptest! {
        #[test]
        fn a_window_is_reported_when_it_lies_in_the_range(
            width in 1_i64..50, from in -200_i64..200, length in 1_i64..200, time in -300_i64..300,
        ) {
            let (from, to) = (from, from + length);
            let windows = Windows::Every { width, from: Some(from), to: Some(to) };
            let start = time - time.rem_euclid(width);
            let whole = from <= start && start + width <= to;
            let expected = whole.then_some((start, start + width));
            prop_assert_eq!(windows.bounds(windows.key(time), None), expected);
            // What the scan leaves out belongs to no reported window.
            let (scan_from, scan_to) = windows.range();
            let scanned = scan_from.unwrap() <= time && time < scan_to.unwrap();
            prop_assert_eq!(scanned, whole);
        }
    }
}
