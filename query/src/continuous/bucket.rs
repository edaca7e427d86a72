//! Buckets of time: where the windows of a continuous query begin and end.

use arrow::array::timezone::Tz;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use driftline_storage::TIME_COLUMN;

use super::calendar::{Calendar, Unit};
use super::spans::Span;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 1970 began on a Thursday, weeks begin on Mondays.
const FIRST_MONDAY: i64 = 4 * DAY;
/// Clocks of time zones stand apart by multiples of this. Where they once did not, more windows are computed again than
/// changed, never fewer.
const ZONE_STEP: i64 = 900 * SECOND;

/// Buckets of time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Bucket {
    /// Of one width, one of which begins at `offset`.
    Even { width: i64, offset: i64 },
    /// As the calendar has them, so that they are not of one width.
    Calendar(Calendar),
}

impl Bucket {
    /// Buckets of one width, one of which begins with 1970.
    pub(crate) fn even(width: i64) -> Self {
        Self::Even { width, offset: 0 }
    }

    /// The beginning of the bucket that a time lies in. At the ends of time buckets are cut off.
    pub(crate) fn floor(&self, time: i64) -> i64 {
        match self {
            Self::Even { width, offset } => {
                let into = (i128::from(time) - i128::from(*offset)).rem_euclid(i128::from(*width));
                i64::try_from(i128::from(time) - into).unwrap_or(i64::MIN)
            }
            Self::Calendar(calendar) => calendar.floor(time),
        }
    }

    /// The end of the bucket that begins at a time.
    pub(crate) fn end(&self, start: i64) -> i64 {
        match self {
            Self::Even { width, .. } => start.saturating_add(*width),
            Self::Calendar(calendar) => calendar.end(start),
        }
    }

    /// The beginning of the first bucket that begins at a time or later.
    pub(crate) fn ceil(&self, time: i64) -> i64 {
        match self.floor(time) {
            floor if floor == time => time,
            floor => self.end(floor),
        }
    }

    /// Whole buckets that hold all of these times.
    pub(crate) fn around(&self, span: Span) -> Span {
        Span { start: self.floor(span.start), end: self.ceil(span.end) }
    }

    /// The first buckets of a stretch of whole ones, at most so many.
    pub(crate) fn first(&self, span: Span, windows: i64) -> Span {
        let end = match self {
            Self::Even { width, .. } => span.start.saturating_add(width.saturating_mul(windows)),
            Self::Calendar(_) => {
                let ends = std::iter::successors(Some(span.start), |start| Some(self.end(*start)));
                let windows = usize::try_from(windows).unwrap_or(usize::MAX);
                ends.take_while(|start| *start < span.end).nth(windows).unwrap_or(span.end)
            }
        };
        Span { start: span.start, end: span.end.min(end) }
    }

    /// How many buckets a stretch of whole ones has; of those of the calendar about so many.
    pub(crate) fn count(&self, span: Span) -> u64 {
        let (length, width) = (i128::from(span.end) - i128::from(span.start), i128::from(self.typical()));
        u64::try_from((length + width / 2) / width).unwrap_or(0)
    }

    /// How long a bucket is, or how long those of the calendar are on average.
    pub(crate) fn typical(&self) -> i64 {
        match self {
            Self::Even { width, .. } => *width,
            Self::Calendar(calendar) => calendar.typical(),
        }
    }

    /// What its width and its beginning are multiples of.
    pub(crate) fn granules(&self) -> [i64; 2] {
        match self {
            Self::Even { width, offset } => [*width, *offset],
            Self::Calendar(calendar) if calendar.zone.is_some() => [ZONE_STEP; 2],
            Self::Calendar(_) => [DAY; 2],
        }
    }

    /// What an expression over `time` cuts it into; None of one that is no bucket.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        let Expr::ScalarFunction(call) = expr else { return None };
        match (call.name(), call.args.as_slice()) {
            ("date_bin", [stride, time]) if is_time(time) => binned(stride, 0),
            ("date_bin", [stride, time, origin]) if is_time(time) => binned(stride, instant(origin)?),
            ("date_trunc", [unit, time]) => truncated(unit, zone(time)?),
            _ => None,
        }
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN)
}

/// Which clock `time` is read by: that of UTC, or of a zone it is moved to. None of what is not `time`.
fn zone(time: &Expr) -> Option<Option<String>> {
    match time {
        Expr::Cast(cast) if is_time(&cast.expr) => match cast.field.data_type() {
            DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) if zone.parse::<Tz>().is_ok() => {
                Some(Some(zone.to_string()).filter(|zone| zone != "UTC"))
            }
            _ => None,
        },
        time => is_time(time).then_some(None),
    }
}

fn binned(stride: &Expr, origin: i64) -> Option<Bucket> {
    if let Some(months) = months(stride) {
        return Some(Bucket::Calendar(Calendar::of_months(months, origin)?));
    }
    let width = width(stride)?;
    Some(Bucket::Even { width, offset: origin.rem_euclid(width) })
}

/// Months of a constant interval of nothing else.
fn months(expr: &Expr) -> Option<u32> {
    match constant(expr)? {
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.days == 0 && i.nanoseconds == 0 => {
            u32::try_from(i.months).ok().filter(|months| *months > 0)
        }
        ScalarValue::IntervalYearMonth(Some(months)) => {
            u32::try_from(months).ok().filter(|months| *months > 0)
        }
        _ => None,
    }
}

/// Nanoseconds of a constant interval without months, above 0.
fn width(expr: &Expr) -> Option<i64> {
    let nanos = match constant(expr)? {
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.months == 0 => {
            i64::from(i.days).checked_mul(DAY)?.checked_add(i.nanoseconds)?
        }
        ScalarValue::IntervalDayTime(Some(i)) => {
            i64::from(i.days).checked_mul(DAY)?.checked_add(i64::from(i.milliseconds) * 1_000_000)?
        }
        _ => return None,
    };
    (nanos > 0).then_some(nanos)
}

fn instant(expr: &Expr) -> Option<i64> {
    let ty = driftline_storage::ColumnType::Timestamp.arrow();
    match constant(expr)?.cast_to(&ty).ok()? {
        ScalarValue::TimestampNanosecond(nanos, _) => nanos,
        _ => None,
    }
}

fn truncated(unit: &Expr, zone: Option<String>) -> Option<Bucket> {
    let unit = constant(unit)?.try_as_str()??.to_ascii_lowercase();
    let even = |width, offset| zone.is_none().then_some(Bucket::Even { width, offset });
    let calendar = |unit| Some(Bucket::Calendar(Calendar { unit, zone: zone.clone() }));
    match unit.as_str() {
        // Clocks of all zones have the same seconds and minutes.
        "second" => Some(Bucket::even(SECOND)),
        "minute" => Some(Bucket::even(60 * SECOND)),
        "hour" => even(3_600 * SECOND, 0),
        "day" => even(DAY, 0).or_else(|| calendar(Unit::Day)),
        "week" => even(7 * DAY, FIRST_MONDAY).or_else(|| calendar(Unit::Week)),
        "month" => calendar(Unit::Months { count: 1, first: 0 }),
        "quarter" => calendar(Unit::Months { count: 3, first: 0 }),
        "year" => calendar(Unit::Months { count: 12, first: 0 }),
        _ => None,
    }
}

/// A constant, also one that is cast to another type.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(cast) => constant(&cast.expr)?.cast_to(cast.field.data_type()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_or_before_the_times_in_it_and_ends_after_them() {
        let bucket = Bucket::Even { width: 7, offset: 3 };
        for time in -30..30 {
            let (start, next) = (bucket.floor(time), bucket.end(bucket.floor(time)));
            assert!(start <= time && time < next && (start - 3).rem_euclid(7) == 0, "{time}");
            assert_eq!(bucket.around(Span { start: time, end: time + 1 }), Span { start, end: next });
        }
        assert_eq!(bucket.around(Span { start: 3, end: 10 }), Span { start: 3, end: 10 });
    }

    #[test]
    fn the_ends_of_time_are_no_reason_to_wrap() {
        let month = Calendar { unit: Unit::Months { count: 1, first: 0 }, zone: Some("Asia/Tokyo".into()) };
        for bucket in [Bucket::even(DAY), Bucket::Calendar(month)] {
            assert_eq!(bucket.floor(i64::MIN), i64::MIN);
            assert_eq!(bucket.ceil(i64::MAX), i64::MAX);
        }
    }

    #[test]
    fn some_windows_of_a_stretch_are_its_first() {
        let month = Calendar { unit: Unit::Months { count: 1, first: 0 }, zone: None };
        let year = Span { start: 0, end: 365 * DAY };
        for (bucket, end) in [(Bucket::even(DAY), 2 * DAY), (Bucket::Calendar(month), 59 * DAY)] {
            assert_eq!(bucket.first(year, 2), Span { start: 0, end });
            assert_eq!(bucket.first(year, 400), year);
        }
    }

    #[test]
    fn what_was_written_down_by_an_earlier_version_is_read() {
        let read: Bucket = serde_json::from_str(r#"{"width":60,"offset":7}"#).unwrap();
        assert_eq!(read, Bucket::Even { width: 60, offset: 7 });
        let month = Bucket::Calendar(Calendar { unit: Unit::Months { count: 3, first: 1 }, zone: None });
        let text = serde_json::to_string(&month).unwrap();
        assert_eq!(serde_json::from_str::<Bucket>(&text).unwrap(), month, "{text}");
    }
}
