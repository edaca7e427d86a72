//! Where buckets of time begin. In UTC they lie as `date_bin` lays them, from 1970-01-01T00:00; in a zone its clock
//! on the wall is binned in that way, and each begins when the clock gets there.

use arrow::array::timezone::Tz;
use arrow::datatypes::IntervalMonthDayNano;
use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone};
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use std::str::FromStr;

const HOUR: i64 = 3_600 * 1_000_000_000;
const DAY: i64 = 24 * HOUR;

/// How wide buckets are by the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stride {
    Nanos(i64),
    Months(i64),
}

/// Buckets that follow each other without a gap. All times are nanoseconds since 1970 in UTC.
#[derive(Clone, Debug)]
pub(in crate::function) struct Buckets {
    stride: Stride,
    zone: Option<Tz>,
}

impl Buckets {
    /// Buckets of one width. `function` is what was called, for errors: a stride that is not above 0 or mixes months
    /// with days; a zone that is not known; in a zone a stride that does not fit its days.
    pub(in crate::function) fn new(
        function: &str,
        stride: IntervalMonthDayNano,
        zone: Option<&str>,
    ) -> Result<Self> {
        let IntervalMonthDayNano { months, days, nanoseconds } = stride;
        let nanos = i64::from(days).checked_mul(DAY).and_then(|days| days.checked_add(nanoseconds));
        let stride = match (i64::from(months), nanos) {
            (0, Some(nanos)) if nanos > 0 => Stride::Nanos(nanos),
            (months, Some(0)) if months > 0 => Stride::Months(months),
            _ => {
                return plan_err!(
                    "{function}: `stride` must be above 0, of months or of days and less, not both"
                );
            }
        };
        let Some(zone) = zone else { return Ok(Self { stride, zone: None }) };
        if !fits_days(stride) {
            return plan_err!(
                "{function}: by the clock of a zone `stride` must go into an hour, be hours that go into a day, or be whole days or months"
            );
        }
        match Tz::from_str(zone) {
            Ok(zone) => Ok(Self { stride, zone: Some(zone) }),
            Err(_) => plan_err!(
                "{function}: there is no time zone {zone:?}; zones are named as in 'Europe/Berlin' or '+02:00'"
            ),
        }
    }

    /// The beginning of the bucket that a time is in.
    pub(in crate::function) fn start(&self, time: i64) -> Result<i64> {
        let Some(zone) = &self.zone else { return self.floor(time) };
        let offset = offset(zone, time);
        let clock = self.floor(time.checked_add(offset).ok_or_else(out_of_range)?)?;
        match self.stride {
            Stride::Nanos(nanos) if nanos <= HOUR => {
                // An hour that the clock shows twice is two hours.
                let start = clock.checked_sub(offset).ok_or_else(out_of_range)?;
                Ok(if self::offset(zone, start) == offset { start } else { changed(zone, start, time) })
            }
            _ => first_shown(zone, clock),
        }
    }

    /// The beginning of the bucket after the one that begins at `start`.
    pub(in crate::function) fn next(&self, start: i64) -> Result<i64> {
        let (about, step) = match self.stride {
            Stride::Nanos(nanos) => (nanos, nanos.min(HOUR)),
            Stride::Months(months) => (months.checked_mul(28 * DAY).ok_or_else(out_of_range)?, DAY),
        };
        let mut within = start.checked_add(about).ok_or_else(out_of_range)?;
        let mut next = self.start(within)?;
        while next <= start {
            within = within.checked_add(step).ok_or_else(out_of_range)?;
            next = self.start(within)?;
        }
        // Where the clock was moved, more than one bucket may have begun since.
        loop {
            let before = self.start(next - 1)?;
            // The second would be a zone whose clock breaks the rules: better a long bucket than no end.
            if before <= start || before >= next {
                return Ok(next);
            }
            next = before;
        }
    }

    /// The clock at the beginning of the bucket in which it shows `clock`.
    fn floor(&self, clock: i64) -> Result<i64> {
        match self.stride {
            Stride::Nanos(nanos) => clock.checked_sub(clock.rem_euclid(nanos)).ok_or_else(out_of_range),
            Stride::Months(months) => {
                let date = DateTime::from_timestamp_nanos(clock).date_naive();
                let month = (i64::from(date.year()) - 1970) * 12 + i64::from(date.month0());
                month_start(month - month.rem_euclid(months)).ok_or_else(out_of_range)
            }
        }
    }
}

/// Whether days begin buckets, or hours do where it is shorter: else a clock that is moved would cut them anywhere.
fn fits_days(stride: Stride) -> bool {
    match stride {
        Stride::Months(_) => true,
        Stride::Nanos(nanos) if nanos <= HOUR => HOUR % nanos == 0,
        Stride::Nanos(nanos) if nanos < DAY => DAY % nanos == 0 && nanos % HOUR == 0,
        Stride::Nanos(nanos) => nanos % DAY == 0,
    }
}

/// The first of a month, counted from January 1970.
fn month_start(month: i64) -> Option<i64> {
    let year = i32::try_from(1970 + month.div_euclid(12)).ok()?;
    let date = NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1)?;
    date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt()
}

/// How far the clock of a zone is ahead of UTC, in nanoseconds.
fn offset(zone: &Tz, time: i64) -> i64 {
    let utc = DateTime::from_timestamp_nanos(time).naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1_000_000_000
}

/// The first time the clock shows `clock`; where it jumps over that, the time of the jump.
fn first_shown(zone: &Tz, clock: i64) -> Result<i64> {
    let around = |days: i64| Some(offset(zone, clock.checked_add(days * DAY)?));
    let (Some(before), Some(after)) = (around(-1), around(1)) else { return exec_err!("{OUT_OF_RANGE}") };
    let (early, late) = (clock.checked_sub(before), clock.checked_sub(after));
    let (Some(early), Some(late)) = (early, late) else { return exec_err!("{OUT_OF_RANGE}") };
    Ok(if offset(zone, early) == before {
        early
    } else if offset(zone, late) == after {
        late
    } else {
        changed(zone, late, early)
    })
}

/// When the clock was moved between two times, `from` before and `to` not before it. It is moved once between them:
/// no zone does so twice in two days.
fn changed(zone: &Tz, from: i64, to: i64) -> i64 {
    let (mut before, mut since) = (from, to);
    let old = offset(zone, before);
    while since - before > 1 {
        let middle = before + (since - before) / 2;
        if offset(zone, middle) == old {
            before = middle;
        } else {
            since = middle;
        }
    }
    since
}

const OUT_OF_RANGE: &str = "a bucket of time lies before 1677 or after 2262, which TIMESTAMP does not hold";

fn out_of_range() -> datafusion::error::DataFusionError {
    exec_datafusion_err!("{OUT_OF_RANGE}")
}
