//! Which event times a filter allows, where that can be said exactly.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use driftline_storage::{TIME_COLUMN, TimeRange};

/// The times that `filter` allows, if it is nothing but comparisons of `time` with constants, joined by AND.
///
/// The answer is exact: a row passes the filter if and only if its time lies in the range. A range whose `min` is
/// above its `max` allows nothing.
pub(crate) fn exact_range(filter: &Expr) -> Option<TimeRange> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(intersect(exact_range(left)?, exact_range(right)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(left, *op, right),
        Expr::Between(Between { expr, negated: false, low, high }) if is_time(expr) => {
            Some(TimeRange { min: nanos(low)?, max: nanos(high)? })
        }
        _ => None,
    }
}

/// The times that all filters allow; filters that say nothing exact are left out.
pub(crate) fn range_of(filters: &[Expr]) -> TimeRange {
    filters.iter().filter_map(exact_range).fold(TimeRange::ALL, intersect)
}

/// Whether no time lies in the range.
pub(crate) fn is_empty(range: TimeRange) -> bool {
    range.min > range.max
}

/// The times in both.
fn intersect(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange { min: a.min.max(b.min), max: a.max.min(b.max) }
}

fn comparison(left: &Expr, op: Operator, right: &Expr) -> Option<TimeRange> {
    if is_time(left) {
        compared(op, nanos(right)?)
    } else if is_time(right) {
        compared(op.swap()?, nanos(left)?)
    } else {
        None
    }
}

fn compared(op: Operator, value: i64) -> Option<TimeRange> {
    const NOTHING: TimeRange = TimeRange { min: i64::MAX, max: i64::MIN };
    let from = |min| TimeRange { min, max: i64::MAX };
    let to = |max| TimeRange { min: i64::MIN, max };
    match op {
        Operator::Eq => Some(TimeRange { min: value, max: value }),
        Operator::GtEq => Some(from(value)),
        Operator::LtEq => Some(to(value)),
        Operator::Gt => Some(value.checked_add(1).map_or(NOTHING, from)),
        Operator::Lt => Some(value.checked_sub(1).map_or(NOTHING, to)),
        _ => None,
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN)
}

/// A constant in nanoseconds. Coarser units are left to DataFusion: they may not fit.
fn nanos(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(value, _), _) => *value,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    fn at(nanos: i64) -> Expr {
        lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
    }

    fn time() -> Expr {
        col(TIME_COLUMN)
    }

    #[test]
    fn a_range_holds_exactly_the_times_that_pass() {
        type Passes = fn(i64) -> bool;
        let filters: [(Expr, Passes); 7] = [
            (time().gt(at(3)), |t| t > 3),
            (time().gt_eq(at(3)), |t| t >= 3),
            (time().lt(at(3)), |t| t < 3),
            (at(3).gt_eq(time()), |t| t <= 3),
            (time().eq(at(3)), |t| t == 3),
            (time().between(at(1), at(4)), |t| (1..=4).contains(&t)),
            (time().gt(at(1)).and(time().lt(at(3))), |t| t > 1 && t < 3),
        ];
        for (filter, passes) in filters {
            let range = exact_range(&filter).unwrap();
            for t in [i64::MIN, -1, 0, 1, 2, 3, 4, 5, i64::MAX] {
                assert_eq!(t >= range.min && t <= range.max, passes(t), "{filter} at {t}");
            }
        }
    }

    #[test]
    fn bounds_at_the_ends_of_time_do_not_wrap() {
        assert!(is_empty(exact_range(&time().gt(at(i64::MAX))).unwrap()));
        assert!(is_empty(exact_range(&time().lt(at(i64::MIN))).unwrap()));
    }

    #[test]
    fn what_is_no_plain_comparison_of_time_is_left_alone() {
        let filters = [
            time().not_eq(at(3)),
            col("other").gt(at(3)),
            time().gt(at(1)).or(time().lt(at(0))),
            time().gt(lit(3_i64)),
            time().gt(lit(ScalarValue::TimestampNanosecond(None, None))),
            time().gt(at(1)).and(col("x").eq(lit(1))),
            time().not_between(at(1), at(2)),
        ];
        for filter in filters {
            assert_eq!(exact_range(&filter), None, "{filter}");
        }
    }
}
