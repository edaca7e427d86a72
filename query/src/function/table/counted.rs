//! What the rows of a model are before they are compared: one row a window, with the distribution of each column. An
//! aggregation as any other, so it is answered from the summaries of whole cells where these say enough.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, IntervalMonthDayNano, TimestampNanosecondType};
use datafusion::common::{Column, Result, exec_err};
use datafusion::functions::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, TryCast, lit};
use datafusion::scalar::ScalarValue;
use driftline_storage::TIME_COLUMN;
use driftline_storage::distribution::Distribution;

use super::provider::Job;
use super::windows::Windows;
use crate::function::extension::decode;
use crate::limits::WINDOWS_MAX;

/// The aggregation over `rows`: where the window starts, unless there is but one, then the distributions.
pub(super) fn counted(job: &Job, rows: LogicalPlan, distribution: &AggregateUDF) -> Result<LogicalPlan> {
    let counts = job.columns.iter().enumerate().map(|(at, compared)| {
        let values = as_kind(&compared.name, &rows, &compared.reference)?;
        Ok(distribution.call(vec![values]).alias(format!("counts_{at}")))
    });
    let counts = counts.collect::<Result<Vec<Expr>>>()?;
    let start = match job.windows {
        Windows::One { .. } => None,
        Windows::Every { width, .. } => {
            Some(date_bin(interval(width), column(TIME_COLUMN), moment(0)).alias("start"))
        }
    };
    in_range(job, rows)?.aggregate(start, counts)?.build()
}

/// The time of the last row, where it is needed to tell whether the last window is over.
pub(super) fn last_row(job: &Job, rows: LogicalPlan) -> Result<Option<LogicalPlan>> {
    let Windows::Every { to: None, .. } = job.windows else { return Ok(None) };
    let last = max(column(TIME_COLUMN)).alias("last");
    in_range(job, rows)?.aggregate(None::<Expr>, vec![last])?.build().map(Some)
}

fn in_range(job: &Job, rows: LogicalPlan) -> Result<LogicalPlanBuilder> {
    let (from, to) = job.windows.range();
    let mut plan = LogicalPlanBuilder::from(rows);
    if let Some(from) = from {
        plan = plan.filter(column(TIME_COLUMN).gt_eq(moment(from)))?;
    }
    if let Some(to) = to {
        plan = plan.filter(column(TIME_COLUMN).lt(moment(to)))?;
    }
    Ok(plan)
}

/// Values of the kind that the baseline has: text that is no number is missing where numbers are counted, numbers are their
/// text where categories are. What is of the kind already is left as it is, for then cells are summed up.
fn as_kind(name: &str, rows: &LogicalPlan, reference: &Distribution) -> Result<Expr> {
    let ty = rows.schema().field_with_unqualified_name(name)?.data_type();
    let wanted = match reference {
        Distribution::Numeric(_) if !ty.is_numeric() => DataType::Float64,
        Distribution::Categorical(_) if ty.is_numeric() => DataType::Utf8,
        _ => return Ok(column(name)),
    };
    Ok(Expr::TryCast(TryCast::new(Box::new(column(name)), wanted)))
}

fn interval(nanos: i64) -> Expr {
    lit(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, nanos))))
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn moment(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
}

/// A window to report: its start, its end, and the batch and row with its counts.
pub(super) type Reported = (i64, i64, (usize, usize));

/// The windows that were counted, in order of time.
#[derive(Debug)]
pub(super) struct Counts {
    /// By the window's key: the batch and the row in it.
    windows: BTreeMap<i64, (usize, usize)>,
    batches: Vec<RecordBatch>,
    /// The columns before those of distributions.
    before: usize,
}

impl Counts {
    /// Of the rows of [`counted`].
    pub(super) fn new(job: &Job, batches: Vec<RecordBatch>) -> Result<Self> {
        let mut windows = BTreeMap::new();
        let before = usize::from(matches!(job.windows, Windows::Every { .. }));
        for (at, batch) in batches.iter().enumerate() {
            let starts = if before == 0 { vec![0; batch.num_rows()] } else { times(batch)? };
            let keys = starts.into_iter().map(|start| job.windows.key(start));
            windows.extend(keys.zip(0..).map(|(key, row)| (key, (at, row))));
        }
        if windows.len() > WINDOWS_MAX {
            return exec_err!(
                "{}: the rows fall into more than {WINDOWS_MAX} windows; make `window` longer, or `from` and `to` closer",
                job.function
            );
        }
        Ok(Self { windows, batches, before })
    }

    /// The windows to report, ascending.
    pub(super) fn reported(&self, windows: Windows, last_row: Option<i64>) -> impl Iterator<Item = Reported> {
        let bounds = move |(key, place): (&i64, &(usize, usize))| {
            let (start, end) = windows.bounds(*key, last_row)?;
            Some((start, end, *place))
        };
        self.windows.iter().filter_map(bounds)
    }

    /// What was counted of one of the compared columns.
    pub(super) fn distribution(
        &self,
        job: &Job,
        (batch, row): (usize, usize),
        column: usize,
    ) -> Result<Distribution> {
        let counts = self.batches.get(batch).and_then(|batch| batch.columns().get(column + self.before));
        let counts = counts.and_then(|counts| counts.as_binary_opt::<i32>());
        let Some(counts) = counts.filter(|counts| row < counts.len() && counts.is_valid(row)) else {
            return exec_err!("{}: a window was not counted", job.function);
        };
        decode(job.function, counts.value(row))
    }
}

/// The times in the first column of a batch.
pub(super) fn times(batch: &RecordBatch) -> Result<Vec<i64>> {
    let times = batch.columns().first();
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
    match times {
        Some(times) => Ok(times.iter().flatten().collect()),
        None => exec_err!("a time is missing where windows are counted"),
    }
}
