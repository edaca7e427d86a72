//! Buckets of time: where the windows of a continuous query begin and end.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use driftline_storage::TIME_COLUMN;

use super::spans::Span;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 1970 began on a Thursday, weeks begin on Mondays.
const FIRST_MONDAY: i64 = 4 * DAY;

/// Buckets of one width, one of which begins at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bucket {
    pub(crate) width: i64,
    pub(crate) offset: i64,
}

impl Bucket {
    /// The beginning of the bucket that a time lies in. At the ends of time buckets are cut off.
    pub(crate) fn floor(self, time: i64) -> i64 {
        let into = (i128::from(time) - i128::from(self.offset)).rem_euclid(i128::from(self.width));
        i64::try_from(i128::from(time) - into).unwrap_or(i64::MIN)
    }

    /// The beginning of the first bucket that begins at a time or later.
    pub(crate) fn ceil(self, time: i64) -> i64 {
        match self.floor(time) {
            floor if floor == time => time,
            floor => floor.saturating_add(self.width),
        }
    }

    /// Whole buckets that hold all of these times.
    pub(crate) fn around(self, span: Span) -> Span {
        Span { start: self.floor(span.start), end: self.ceil(span.end) }
    }

    /// What an expression over `time` cuts it into; None of one that is no bucket of one width.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        let Expr::ScalarFunction(call) = expr else { return None };
        let is_time = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN);
        match (call.name(), call.args.as_slice()) {
            ("date_bin", [stride, time]) if is_time(time) => Some(Self { width: width(stride)?, offset: 0 }),
            ("date_bin", [stride, time, origin]) if is_time(time) => {
                let width = width(stride)?;
                Some(Self { width, offset: instant(origin)?.rem_euclid(width) })
            }
            ("date_trunc", [unit, time]) if is_time(time) => unit_of(unit),
            _ => None,
        }
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

fn unit_of(expr: &Expr) -> Option<Bucket> {
    let unit = constant(expr)?;
    let plain = |width| Some(Bucket { width, offset: 0 });
    match unit.try_as_str()??.to_ascii_lowercase().as_str() {
        "second" => plain(SECOND),
        "minute" => plain(60 * SECOND),
        "hour" => plain(3_600 * SECOND),
        "day" => plain(DAY),
        "week" => Some(Bucket { width: 7 * DAY, offset: FIRST_MONDAY }),
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
        let bucket = Bucket { width: 7, offset: 3 };
        for time in -30..30 {
            let (start, next) = (bucket.floor(time), bucket.floor(time) + 7);
            assert!(start <= time && time < next && (start - 3).rem_euclid(7) == 0, "{time}");
            assert_eq!(bucket.around(Span { start: time, end: time + 1 }), Span { start, end: next });
        }
        assert_eq!(bucket.around(Span { start: 3, end: 10 }), Span { start: 3, end: 10 });
    }

    #[test]
    fn the_ends_of_time_are_no_reason_to_wrap() {
        let bucket = Bucket { width: DAY, offset: 0 };
        assert_eq!(bucket.floor(i64::MIN), i64::MIN);
        assert_eq!(bucket.ceil(i64::MAX), i64::MAX);
    }
}
