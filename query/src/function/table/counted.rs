//! What the rows of a model are before they are compared: one row a window and segment, with the distribution of each column.
//! An aggregation as any other, so it is answered from the summaries of whole cells where these say enough.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNano, TimestampNanosecondType};
use datafusion::common::{Column, Result, exec_err};
use datafusion::functions::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, TryCast, cast, lit,
};
use datafusion::scalar::ScalarValue;
use driftline_storage::TIME_COLUMN;
use driftline_storage::distribution::Distribution;

use super::provider::Job;
use super::windows::Windows;
use crate::function::extension::decode;
use crate::limits::WINDOWS_MAX;

/// Where a window starts; the number of a window of rows.
const WINDOW: &str = "window";
const SEGMENT: &str = "segment";
const ROWS: &str = "rows";
const FIRST: &str = "first";
const LAST: &str = "last";
const ROW: &str = "row";

/// The aggregation over `rows`: which window, unless there is but one, which segment, then the distributions.
pub(super) fn counted(job: &Job, rows: LogicalPlan, distribution: &AggregateUDF) -> Result<LogicalPlan> {
    let counts = distributions(job, &rows, distribution)?;
    let windows = if job.is_previous { job.windows.with_previous() } else { job.windows };
    let rows = in_range(windows, rows)?;
    let (rows, window) = match job.windows {
        Windows::One { start, end } if job.is_previous => {
            (rows, Some(bucket(end.saturating_sub(start), start)))
        }
        Windows::One { .. } => (rows, None),
        Windows::Every { width, .. } => (rows, Some(bucket(width, 0))),
        Windows::Rows { count, is_last, .. } => numbered(job, rows, count, is_last)?,
    };
    let groups = window.map(|window| window.alias(WINDOW)).into_iter().chain(job.segment());
    rows.aggregate(groups, counts.into_iter().chain(bounds(job)))?.build()
}

/// The same of the rows that a baseline was made of, by segment.
pub(super) fn counted_by_segment(
    job: &Job,
    rows: LogicalPlan,
    distribution: &AggregateUDF,
) -> Result<LogicalPlan> {
    let counts = distributions(job, &rows, distribution)?;
    let all = count(lit(1_i64)).alias(ROWS);
    LogicalPlanBuilder::from(rows).aggregate(job.segment(), counts.into_iter().chain([all]))?.build()
}

fn distributions(job: &Job, rows: &LogicalPlan, distribution: &AggregateUDF) -> Result<Vec<Expr>> {
    let counts = job.columns.iter().enumerate().map(|(at, compared)| {
        let values = as_kind(&compared.name, rows, &compared.reference)?;
        Ok(distribution.call(vec![values]).alias(name_of(at)))
    });
    counts.collect()
}

fn name_of(column: usize) -> String {
    format!("counts_{column}")
}

/// What has to be known of a window beside its distributions.
fn bounds(job: &Job) -> Vec<Expr> {
    let all = count(lit(1_i64)).alias(ROWS);
    match job.windows {
        Windows::Rows { .. } => {
            vec![all, min(column(TIME_COLUMN)).alias(FIRST), max(column(TIME_COLUMN)).alias(LAST)]
        }
        _ if job.segment.is_some() => vec![all],
        _ => vec![],
    }
}

fn bucket(width: i64, origin: i64) -> Expr {
    date_bin(interval(width), column(TIME_COLUMN), moment(origin))
}

/// Rows with their number in order of time, and the number of the window that each belongs to. Of the last rows alone only
/// those are left that are needed.
fn numbered(
    job: &Job,
    rows: LogicalPlanBuilder,
    count: i64,
    is_last: bool,
) -> Result<(LogicalPlanBuilder, Option<Expr>)> {
    // Rows of one time in the order of their values: which of them end a window depends on nothing else.
    let names = std::iter::once(TIME_COLUMN).chain(job.columns.iter().map(|compared| compared.name.as_str()));
    let order: Vec<_> = names.map(|name| column(name).sort(!is_last, false)).collect();
    let needed = if job.is_previous { count.saturating_mul(2) } else { count };
    let rows = match usize::try_from(needed) {
        Ok(needed) if is_last => rows.sort_with_limit(order.clone(), Some(needed))?,
        _ => rows,
    };
    let number = row_number().order_by(order).build()?.alias(ROW);
    let window = (cast(column(ROW), DataType::Int64) - lit(1_i64)) / lit(count);
    Ok((rows.window([number])?, Some(window)))
}

/// The time of the last row, where it is needed to tell whether the last window is over.
pub(super) fn last_row(job: &Job, rows: LogicalPlan) -> Result<Option<LogicalPlan>> {
    let Windows::Every { to: None, .. } = job.windows else { return Ok(None) };
    let last = max(column(TIME_COLUMN)).alias(LAST);
    in_range(job.windows, rows)?.aggregate(None::<Expr>, vec![last])?.build().map(Some)
}

fn in_range(windows: Windows, rows: LogicalPlan) -> Result<LogicalPlanBuilder> {
    let (from, to) = windows.range();
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

impl Job {
    /// The segment of a row, as text.
    fn segment(&self) -> Option<Expr> {
        let segment = self.segment.as_ref()?;
        Some(segment.expr.clone().alias(SEGMENT))
    }
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

/// What was counted of a segment of a window: of all its rows where none are asked for.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub segment: Option<String>,
    /// Its rows, where that was counted.
    pub rows: u64,
    /// The batch and the row in it.
    place: (usize, usize),
    /// The times of its first and last row, where that was asked.
    times: Option<(i64, i64)>,
}

/// A window to report: its key, its start, its end.
pub(super) type Reported = (i64, i64, i64);

/// The windows that were counted, in order of time.
#[derive(Debug)]
pub(super) struct Counts {
    /// By the window's key.
    windows: BTreeMap<i64, Vec<Cell>>,
    batches: Vec<RecordBatch>,
}

impl Counts {
    /// Of the rows of [`counted`].
    pub(super) fn new(job: &Job, batches: Vec<RecordBatch>) -> Result<Self> {
        let mut windows: BTreeMap<i64, Vec<Cell>> = BTreeMap::new();
        let mut cells = 0;
        for (at, batch) in batches.iter().enumerate() {
            let keys = keys(job, batch)?;
            cells += keys.len();
            for (row, key) in keys.into_iter().enumerate() {
                windows.entry(key).or_default().push(Cell::of(batch, at, row));
            }
        }
        if cells > WINDOWS_MAX {
            return exec_err!(
                "{}: the rows fall into more than {WINDOWS_MAX} windows and segments; make `window` longer, `from` and `to` closer, or `segment` coarser",
                job.function
            );
        }
        windows.values_mut().for_each(|cells| cells.sort_by(|a, b| a.segment.cmp(&b.segment)));
        Ok(Self { windows, batches })
    }

    /// What was counted of a window.
    pub(super) fn cells(&self, key: i64) -> &[Cell] {
        self.windows.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The windows to report, ascending.
    pub(super) fn reported(&self, windows: Windows, last_row: Option<i64>) -> Vec<Reported> {
        let bounds = |(key, cells): (&i64, &Vec<Cell>)| {
            let (start, end) = match windows {
                Windows::Rows { count, is_last, .. } => of_rows(*key, cells, count, is_last)?,
                windows => windows.bounds(*key, last_row)?,
            };
            Some((*key, start, end))
        };
        let mut reported: Vec<Reported> = self.windows.iter().filter_map(bounds).collect();
        if let (Windows::One { start, end }, true) = (windows, reported.is_empty()) {
            // One window is reported even where it has no rows.
            reported.push((0, start, end));
        }
        reported
    }

    /// What was counted of one of the compared columns.
    pub(super) fn distribution(&self, job: &Job, cell: &Cell, column: usize) -> Result<Distribution> {
        let (batch, row) = cell.place;
        let counts = self.batches.get(batch).and_then(|batch| batch.column_by_name(&name_of(column)));
        let counts = counts.and_then(|counts| counts.as_binary_opt::<i32>());
        let Some(counts) = counts.filter(|counts| row < counts.len() && counts.is_valid(row)) else {
            return exec_err!("{}: a window was not counted", job.function);
        };
        decode(job.function, counts.value(row))
    }
}

/// From the first to behind the last row of a window of rows; None where it is not full and more rows may come.
fn of_rows(key: i64, cells: &[Cell], count: i64, is_last: bool) -> Option<(i64, i64)> {
    let rows: u64 = cells.iter().map(|cell| cell.rows).sum();
    let is_reported = if is_last { key == 0 } else { i64::try_from(rows) == Ok(count) };
    let times = cells.iter().filter_map(|cell| cell.times);
    let (first, last) = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    is_reported.then_some((first, last.saturating_add(1)))
}

impl Cell {
    fn of(batch: &RecordBatch, at: usize, row: usize) -> Self {
        let column = |name: &str| batch.column_by_name(name);
        let segment = column(SEGMENT).and_then(|segments| segments.as_string_opt::<i32>());
        let rows = column(ROWS).and_then(|rows| rows.as_primitive_opt::<Int64Type>());
        let time = |name: &str| {
            let times = column(name)?.as_primitive_opt::<TimestampNanosecondType>()?;
            times.is_valid(row).then(|| times.value(row))
        };
        Self {
            segment: segment.filter(|it| it.is_valid(row)).map(|it| it.value(row).to_owned()),
            rows: rows.map_or(0, |rows| u64::try_from(rows.value(row)).unwrap_or(0)),
            place: (at, row),
            times: time(FIRST).zip(time(LAST)),
        }
    }
}

/// The window that each row of a batch counts.
fn keys(job: &Job, batch: &RecordBatch) -> Result<Vec<i64>> {
    let Some(windows) = batch.column_by_name(WINDOW) else { return Ok(vec![0; batch.num_rows()]) };
    if let Some(numbers) = windows.as_primitive_opt::<Int64Type>() {
        return Ok(numbers.values().to_vec());
    }
    match windows.as_primitive_opt::<TimestampNanosecondType>() {
        Some(starts) => Ok(starts.values().iter().map(|start| job.windows.key(*start)).collect()),
        None => exec_err!("{}: a time is missing where windows are counted", job.function),
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
