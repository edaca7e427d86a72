//! Days, weeks and months as a calendar has them: of different lengths, and by the clock of a zone.
//!
//! Borders are those of DataFusion's `date_trunc` and `date_bin`, since the groups of a query are theirs.

use arrow::array::timezone::Tz;
use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
    Utc,
};

const HOUR: i64 = 3_600 * 1_000_000_000;
const DAY: i64 = 24 * HOUR;
/// 400 years of the calendar have 146,097 days.
const AVERAGE_MONTH: i64 = 146_097 * (DAY / 4_800);
/// No month is longer.
const LONGEST_MONTH: i64 = 31 * DAY;

/// Buckets of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Calendar {
    pub(crate) unit: Unit,
    /// By which clock, as in the database of time zones; None for UTC.
    pub(crate) zone: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Unit {
    Day,
    /// From Monday on.
    Week,
    /// So many months; one bucket begins with the month `first`, counted from the beginning of year 0.
    Months {
        count: u32,
        first: u32,
    },
}

impl Calendar {
    /// So many months from one that begins at an instant; None where no month of UTC begins there.
    pub(crate) fn of_months(count: u32, origin: i64) -> Option<Self> {
        let origin = DateTime::<Utc>::from_timestamp_nanos(origin).naive_utc();
        let is_first = origin.date().day() == 1 && origin.time() == NaiveTime::MIN;
        let first = u32::try_from(month_of(origin.date()).rem_euclid(i64::from(count))).ok()?;
        is_first.then_some(Self { unit: Unit::Months { count, first }, zone: None })
    }

    /// The beginning of the bucket that a time lies in; the beginning of time for those that lie before the first.
    pub(crate) fn floor(&self, time: i64) -> i64 {
        let utc = DateTime::<Utc>::from_timestamp_nanos(time).naive_utc();
        let start = match self.zone.as_deref().map(str::parse::<Tz>) {
            None => self.unit.floor(utc).map(|start| start.and_utc().timestamp_nanos_opt()),
            Some(Ok(zone)) => {
                let here = zone.from_utc_datetime(&utc);
                self.unit.floor(here.naive_local()).map(|start| instant(start, &here))
            }
            // It was read when the query was made.
            Some(Err(_)) => return i64::MIN,
        };
        start.flatten().unwrap_or(i64::MIN)
    }

    /// The end of the bucket that begins at a time.
    pub(crate) fn end(&self, start: i64) -> i64 {
        // Half a day into the next one, however long this one is and whichever way clocks are moved.
        let within_next = start.saturating_add(self.unit.longest()).saturating_add(12 * HOUR);
        Some(self.floor(within_next)).filter(|end| *end > start).unwrap_or(i64::MAX)
    }

    /// How long buckets are on average.
    pub(crate) fn typical(&self) -> i64 {
        match self.unit {
            Unit::Day => DAY,
            Unit::Week => 7 * DAY,
            Unit::Months { count, .. } => AVERAGE_MONTH.saturating_mul(i64::from(count)),
        }
    }
}

impl Unit {
    fn floor(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = time.date();
        let start = match self {
            Self::Day => date,
            Self::Week => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))?,
            Self::Months { count, first } => {
                let month = month_of(date);
                let start = month - (month - i64::from(first)).rem_euclid(i64::from(count));
                let year = i32::try_from(start.div_euclid(12)).ok()?;
                NaiveDate::from_ymd_opt(year, u32::try_from(start.rem_euclid(12)).ok()? + 1, 1)?
            }
        };
        Some(start.and_time(NaiveTime::MIN))
    }

    fn longest(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Months { count, .. } => LONGEST_MONTH.saturating_mul(i64::from(count)),
        }
    }
}

/// Months since the beginning of year 0.
fn month_of(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// When a clock shows the beginning of a bucket. One that it shows twice is the one on this side of the change; one that it
/// skips is the moment of the change.
fn instant(start: NaiveDateTime, here: &DateTime<Tz>) -> Option<i64> {
    let zone = here.timezone();
    let start = match start.and_local_timezone(zone) {
        LocalResult::Single(start) => start,
        LocalResult::Ambiguous(first, _) if first.offset().fix() == here.offset().fix() => first,
        LocalResult::Ambiguous(_, second) => second,
        LocalResult::None => {
            let gap = TimeDelta::hours(3);
            start.checked_sub_signed(gap)?.and_local_timezone(zone).single()?.checked_add_signed(gap)?
        }
    };
    start.timestamp_nanos_opt()
}

#[cfg(test)]
mod tests;
