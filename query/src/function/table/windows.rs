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
    /// Windows of so many rows, in order of time: from the first row of the range on, where the last is reported if it is
    /// full; or only the last one, full or not.
    Rows {
        /// Rows of a window, more than 0.
        count: i64,
        /// Whether it is the last rows alone.
        is_last: bool,
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
    rows: Option<i64>,
    function: &'static str,
}

/// Rows of a window by rows, at most.
const ROWS_MAX: usize = 1 << 30;

fn rows(arguments: &Arguments<'_>) -> Result<Option<i64>> {
    Ok(arguments.count("rows", 1, ROWS_MAX)?.and_then(|rows| i64::try_from(rows).ok()))
}

impl Span {
    /// Reads `from`, `to`, `at`, `window` and `rows`.
    pub(super) fn new(arguments: &Arguments<'_>, function: &'static str) -> Result<Self> {
        let (from, to) = (arguments.moment("from")?, arguments.moment("to")?);
        let (at, window) = (arguments.moment("at")?, arguments.duration("window")?);
        let rows = rows(arguments)?;
        if to.is_some() && at.is_some() {
            return plan_err!("{function}: `to` and `at` both say where the window ends; give one of them");
        }
        if window.is_some() && rows.is_some() {
            return plan_err!(
                "{function}: `window` and `rows` both say how long the window is; give one of them"
            );
        }
        match (from, window, rows) {
            (Some(_), Some(_), _) => {
                plan_err!(
                    "{function}: `from` and `window` both say where the window starts; give one of them"
                )
            }
            (None, None, None) => plan_err!(
                "{function}: say which window: window => INTERVAL '7 days' (the last 7 days, or those before at => ..), or from => .., to => .., or rows => 1000"
            ),
            _ => Ok(Self { from, to, at, window, rows, function }),
        }
    }

    /// The window when the query began at `now`.
    pub(super) fn at(self, now: i64) -> Result<Windows> {
        let (end, function) = (self.to.or(self.at).unwrap_or(now), self.function);
        if let Some(count) = self.rows {
            return Ok(Windows::Rows { count, is_last: true, from: self.from, to: Some(end) });
        }
        let start = self.from.or_else(|| end.checked_sub(self.window?));
        match start {
            Some(start) if start < end => Ok(Windows::One { start, end }),
            Some(_) => plan_err!("{function}: the window is empty: `from` must be earlier than its end"),
            None => plan_err!(
                "{function}: the window starts before 1677, the first time there is; make `window` shorter"
            ),
        }
    }
}

impl Windows {
    /// Reads `window`, `from` and `to` of `drift_over_time`.
    pub(super) fn every(arguments: &Arguments<'_>) -> Result<Self> {
        let (width, rows) = (arguments.duration("window")?, rows(arguments)?);
        let (from, to) = (arguments.moment("from")?, arguments.moment("to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return plan_err!("drift_over_time: the range is empty: `from` must be earlier than `to`");
        }
        match (width, rows) {
            (Some(width), None) => Ok(Self::Every { width, from, to }),
            (None, Some(count)) => Ok(Self::Rows { count, is_last: false, from, to }),
            (None, None) => Err(arguments.missing("window")),
            (Some(_), Some(_)) => plan_err!(
                "drift_over_time: `window` and `rows` both say how long windows are; give one of them"
            ),
        }
    }

    /// With as many rows or as much time before as the first window is long, so that it has one before it.
    pub(super) fn with_previous(self) -> Self {
        match self {
            Self::One { start, end } => {
                Self::One { start: start.saturating_sub(end.saturating_sub(start)), end }
            }
            Self::Every { width, from, to } => {
                let first = from.map(|from| ceil(from, width).saturating_sub(width));
                Self::Every { width, from: first, to }
            }
            rows => rows,
        }
    }

    /// The times whose rows are needed: from, to. Rows of windows that are not wholly in the range are not.
    pub(super) fn range(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::One { start, end } => (Some(start), Some(end)),
            Self::Every { width, from, to } => {
                let whole_from = from.map(|from| ceil(from, width));
                (whole_from, to.map(|to| to.div_euclid(width).saturating_mul(width)))
            }
            Self::Rows { from, to, .. } => (from, to),
        }
    }

    /// The window of a row by its time: counted from 1970, or from the one window, before which is -1. Windows of rows are
    /// numbered where rows are.
    pub(super) fn key(self, time: i64) -> i64 {
        match self {
            Self::One { start, end } => {
                let length = end.saturating_sub(start).max(1);
                time.saturating_sub(start).div_euclid(length)
            }
            Self::Every { width, .. } => time.div_euclid(width),
            Self::Rows { .. } => 0,
        }
    }

    /// The window before another.
    pub(super) fn before(self, key: i64) -> i64 {
        match self {
            // The last rows are numbered from the newest on.
            Self::Rows { is_last: true, .. } => key + 1,
            _ => key - 1,
        }
    }

    /// Start and end of a window, None where it is not to be reported.
    pub(super) fn bounds(self, key: i64, last_row: Option<i64>) -> Option<(i64, i64)> {
        match self {
            Self::One { start, end } => (key == 0).then_some((start, end)),
            // Their bounds are those of their rows.
            Self::Rows { .. } => None,
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
