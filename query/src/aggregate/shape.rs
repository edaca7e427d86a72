//! By what rows are grouped: stretches of time, and whatever follows from tags.

use std::sync::Arc;

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use driftline_storage::{Role, TIME_COLUMN, TableSchema};

const DAY: i64 = 86_400_000_000_000;
/// The first Monday after 1970-01-01, on which weeks begin.
const MONDAY: i64 = 4 * DAY;

/// Stretches of time of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    stride: i64,
    origin: i64,
}

/// What one expression of GROUP BY is.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// Where the stretch of time begins that holds the row.
    Bucket,
    /// What this makes of tags; it looks at nothing else.
    Tags(Arc<dyn PhysicalExpr>),
}

/// What GROUP BY says.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) keys: Vec<Key>,
    pub(crate) buckets: Option<Buckets>,
}

impl Buckets {
    /// Where the stretch begins that holds a time.
    pub(crate) fn start(self, time: i64) -> i64 {
        let from = i128::from(time) - i128::from(self.origin);
        let start = i128::from(time) - from.rem_euclid(i128::from(self.stride));
        i64::try_from(start).unwrap_or(i64::MIN)
    }

    /// The last time of the stretch that begins at `start`.
    pub(crate) fn end(self, start: i64) -> i64 {
        start.saturating_add(self.stride - 1)
    }

    /// Whether each interval of a width lies within one stretch.
    pub(crate) fn holds_intervals(self, width: i64) -> bool {
        self.stride % width == 0 && self.origin % width == 0
    }
}

impl Shape {
    /// What these expressions over a table's rows come to; none where one needs more than time and tags.
    pub(crate) fn of<'a>(
        table: &TableSchema,
        keys: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    ) -> Option<Self> {
        let mut shape = Self { keys: Vec::new(), buckets: None };
        for key in keys {
            if looks_at_tags(table, key) {
                shape.keys.push(Key::Tags(Arc::clone(key)));
                continue;
            }
            let found = buckets(key)?;
            if shape.buckets.replace(found).is_some_and(|before| before != found) {
                return None;
            }
            shape.keys.push(Key::Bucket);
        }
        Some(shape)
    }
}

fn looks_at_tags(table: &TableSchema, expr: &Arc<dyn PhysicalExpr>) -> bool {
    let is_tag = |name: &str| table.columns.iter().any(|c| c.name == name && c.role == Role::Tag);
    let columns = collect_columns(expr);
    // What is the same for every row is left to DataFusion: a table without tags has no series to tell it of.
    !columns.is_empty() && columns.iter().all(|column| is_tag(column.name())) && !is_volatile(expr)
}

fn is_volatile(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is_volatile_node() || expr.children().into_iter().any(is_volatile)
}

fn buckets(expr: &Arc<dyn PhysicalExpr>) -> Option<Buckets> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match (call.name(), call.args()) {
        ("date_bin", [stride, time]) if is_time(time) => Buckets::new(stride_of(literal(stride)?)?, 0),
        ("date_bin", [stride, time, origin]) if is_time(time) => {
            Buckets::new(stride_of(literal(stride)?)?, nanos_of(literal(origin)?)?)
        }
        ("date_trunc", [unit, time]) if is_time(time) => {
            let (stride, origin) = unit_of(literal(unit)?.try_as_str()??)?;
            Buckets::new(stride, origin)
        }
        _ => None,
    }
}

impl Buckets {
    fn new(stride: i64, origin: i64) -> Option<Self> {
        (stride > 0).then_some(Self { stride, origin })
    }
}

fn is_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ColumnExpr>().is_some_and(|column| column.name() == TIME_COLUMN)
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

/// Months have no one length.
fn stride_of(value: &ScalarValue) -> Option<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months: 0, days, nanoseconds })) =
        value
    else {
        return None;
    };
    i64::from(*days).checked_mul(DAY)?.checked_add(*nanoseconds)
}

fn nanos_of(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(nanos, _) => *nanos,
        _ => None,
    }
}

fn unit_of(unit: &str) -> Option<(i64, i64)> {
    match unit.to_ascii_lowercase().as_str() {
        "second" => Some((1_000_000_000, 0)),
        "minute" => Some((60_000_000_000, 0)),
        "hour" => Some((3_600_000_000_000, 0)),
        "day" => Some((DAY, 0)),
        "week" => Some((7 * DAY, MONDAY)),
        _ => None,
    }
}
