//! States of aggregates out of the statistics of cells.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, PrimitiveArray};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{cast, max, min, nullif, sum};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column as ColumnExpr, Literal};
use datafusion::physical_expr::utils::collect_columns;
use driftline_storage::distribution::{Categorical, Distribution};
use driftline_storage::{
    CellStatistics, CellSummaries, CellTable, CellValues, Column, ColumnId, ColumnType, Meaning, Role,
    SegmentReader, TableSchema,
};

use super::exec::Aggregate;
use super::fold::Span;
use super::rule::COUNTED;
use crate::error::QueryError;
use crate::limits::TEXTS_WEIGHED_KEPT_MAX;
use crate::scan::StatisticsCache;

/// How the state of an aggregate follows from the statistics of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellState {
    /// `count(*)`.
    Rows,
    Count(ColumnId),
    Sum(ColumnId),
    Min(ColumnId),
    Max(ColumnId),
    /// Its state is a count and a sum.
    Avg(ColumnId),
    /// `distribution(x)`: the summary is the state.
    Distribution(ColumnId),
    /// A count, sum or mean of what follows from one text column: of each distinct text once, times how often it is there.
    Weighted(ColumnId, Weight),
}

/// What is made of the values of distinct texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Count,
    IntegerSum,
    DoubleSum,
    Avg,
}

/// What is made of one text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
}

/// The sum of what is made of texts, each as often as it is there.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    rows: u64,
    integer: i128,
    double: f64,
}

impl Total {
    fn add(&mut self, value: Number, rows: u64) {
        self.rows += rows;
        match value {
            Number::Integer(value) => self.integer += i128::from(value) * i128::from(rows),
            Number::Double(value) => self.double += value * rows as f64,
        }
    }
}

impl CellState {
    /// The column whose summaries it looks at.
    pub(super) fn summary(self) -> Option<ColumnId> {
        match self {
            Self::Distribution(id) | Self::Weighted(id, _) => Some(id),
            _ => None,
        }
    }

    /// How it does for this aggregate; none where rows have to be read.
    pub(super) fn of(aggregate: &Aggregate, table: &TableSchema) -> Option<Self> {
        let function = &aggregate.function;
        if function.is_distinct() || !function.order_bys().is_empty() {
            return None;
        }
        Self::plain(aggregate, table).or_else(|| Self::weighted(aggregate, table))
    }

    fn plain(aggregate: &Aggregate, table: &TableSchema) -> Option<Self> {
        if aggregate.filter.is_some() {
            return None;
        }
        let function = &aggregate.function;
        let name = function.fun().name();
        if COUNTED.contains(&name) {
            return Some(Self::Distribution(summarised(aggregate.arguments.first()?, table)?.id));
        }
        let [argument] = aggregate.arguments.as_slice() else { return None };
        if name == "count" && argument.downcast_ref::<Literal>().is_some_and(|l| !l.value().is_null()) {
            return Some(Self::Rows);
        }
        let (column, is_cast) = column_of(argument, table)?;
        match name {
            "count" if !is_cast => Some(Self::Count(column.id)),
            "sum" if !is_cast => Some(Self::Sum(column.id)),
            "min" if !is_cast => Some(Self::Min(column.id)),
            "max" if !is_cast => Some(Self::Max(column.id)),
            "avg" | "mean" => Some(Self::Avg(column.id)),
            _ => None,
        }
    }

    /// How the state of an aggregate follows from values side by side, whatever they are worked out of; none where it does
    /// so only row by row.
    pub(super) fn of_span(aggregate: &Aggregate) -> Option<Self> {
        let function = &aggregate.function;
        if aggregate.filter.is_some() || function.is_distinct() || !function.order_bys().is_empty() {
            return None;
        }
        let types: Vec<DataType> =
            function.state_fields().ok()?.iter().map(|field| field.data_type().clone()).collect();
        let [_] = aggregate.arguments.as_slice() else { return None };
        let is_number = matches!(types.as_slice(), [DataType::Int64 | DataType::Float64]);
        match (function.fun().name(), types.as_slice()) {
            ("count", [DataType::Int64]) => Some(Self::Count(0)),
            ("sum", _) if is_number => Some(Self::Sum(0)),
            ("min", _) if is_number => Some(Self::Min(0)),
            ("max", _) if is_number => Some(Self::Max(0)),
            ("avg" | "mean", [DataType::UInt64, DataType::Float64]) => Some(Self::Avg(0)),
            _ => None,
        }
    }

    fn weighted(aggregate: &Aggregate, table: &TableSchema) -> Option<Self> {
        let [argument] = aggregate.arguments.as_slice() else { return None };
        let names: Vec<_> =
            [argument].into_iter().chain(&aggregate.filter).flat_map(collect_columns).collect();
        let name = names.first()?.name();
        let column = table.columns.iter().find(|column| column.name == name)?;
        let is_only = names.iter().all(|other| other.name() == name);
        let is_text = column.ty == ColumnType::Text && column.role == Role::Field;
        let types: Vec<DataType> =
            aggregate.function.state_fields().ok()?.iter().map(|field| field.data_type().clone()).collect();
        let weight = match (aggregate.function.fun().name(), types.as_slice()) {
            ("count", [DataType::Int64]) => Weight::Count,
            ("sum", [DataType::Int64]) => Weight::IntegerSum,
            ("sum", [DataType::Float64]) => Weight::DoubleSum,
            ("avg" | "mean", [DataType::UInt64, DataType::Float64]) => Weight::Avg,
            _ => return None,
        };
        (is_only && is_text && column.meaning != Some(Meaning::Label))
            .then_some(Self::Weighted(column.id, weight))
    }

    /// The column whose statistics it looks at.
    fn column(self) -> Option<ColumnId> {
        match self {
            Self::Rows | Self::Distribution(_) | Self::Weighted(..) => None,
            Self::Count(id) | Self::Sum(id) | Self::Min(id) | Self::Max(id) | Self::Avg(id) => Some(id),
        }
    }
}

/// The column that an argument is, if it may have summaries: no label, of which some come late.
pub(super) fn summarised<'a>(argument: &Arc<dyn PhysicalExpr>, table: &'a TableSchema) -> Option<&'a Column> {
    let (inner, is_cast) = match argument.downcast_ref::<CastExpr>() {
        Some(cast) if cast.cast_type() == &DataType::Float64 => (cast.expr(), true),
        Some(_) => return None,
        None => (argument, false),
    };
    let name = inner.downcast_ref::<ColumnExpr>()?.name();
    let column = table.columns.iter().find(|column| column.name == name)?;
    let is_number = matches!(column.ty, ColumnType::BigInt | ColumnType::Double);
    let is_category = matches!(column.ty, ColumnType::Text | ColumnType::Boolean);
    let is_text = is_category && column.role == Role::Field && !is_cast;
    ((is_number || is_text) && column.meaning != Some(Meaning::Label)).then_some(column)
}

/// The numeric column that an argument is, and whether it is one of integers as doubles. Not a label: those that came late
/// are not in the statistics.
fn column_of<'a>(argument: &Arc<dyn PhysicalExpr>, table: &'a TableSchema) -> Option<(&'a Column, bool)> {
    let (inner, is_cast) = match argument.downcast_ref::<CastExpr>() {
        Some(cast) if cast.cast_type() == &DataType::Float64 => (cast.expr(), true),
        Some(_) => return None,
        None => (argument, false),
    };
    let name = inner.downcast_ref::<ColumnExpr>()?.name();
    let column = table.columns.iter().find(|column| column.name == name)?;
    let is_number = matches!(column.ty, ColumnType::BigInt | ColumnType::Double);
    (is_number && column.meaning != Some(Meaning::Label)).then_some((column, is_cast))
}

/// The statistics of the segment that is being worked on.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    segment: Option<u64>,
    columns: HashMap<ColumnId, Arc<CellStatistics>>,
    summaries: HashMap<ColumnId, Arc<CellSummaries>>,
    /// What an aggregate, by its place, makes of each text.
    values: HashMap<(usize, String), Option<Number>>,
}

impl Statistics {
    /// Reads those of a segment, unless they are there; false where it lacks some.
    pub(super) fn load(
        &mut self,
        segment: &SegmentReader,
        states: &[CellState],
        cache: &StatisticsCache,
    ) -> Result<bool> {
        let id = segment.info().id;
        if self.segment != Some(id) {
            (self.segment, self.columns) = (Some(id), HashMap::new());
            self.summaries.clear();
            for column in states.iter().filter_map(|state| state.summary()) {
                if !self.summaries.contains_key(&column)
                    && let Some(found) = cache.summaries_of(segment, column)?
                {
                    self.summaries.insert(column, found);
                }
            }
            for column in states.iter().filter_map(|state| state.column()) {
                if !self.columns.contains_key(&column)
                    && let Some(found) = cache.of(segment, column)?
                {
                    self.columns.insert(column, found);
                }
            }
        }
        let mut summaries = states.iter().filter_map(|state| state.summary());
        let mut statistics = states.iter().filter_map(|state| state.column());
        Ok(statistics.all(|column| self.columns.contains_key(&column))
            && summaries.all(|column| self.summaries.contains_key(&column)))
    }

    /// Whether the statistics of a cell say all that is asked: not of NaNs and infinities, and not where a sum is beyond
    /// its type.
    pub(super) fn know(&self, cell: usize, states: &[CellState]) -> bool {
        states.iter().all(|state| {
            if let CellState::Weighted(column, _) = state {
                return self.texts(*column, cell).is_ok_and(|texts| texts.other_count() == 0);
            }
            if let Some(column) = state.summary() {
                return self.summaries.get(&column).is_some_and(|summaries| summaries.get(cell).is_some());
            }
            let Some(column) = state.column() else { return true };
            let Some(statistics) = self.columns.get(&column) else { return false };
            match (&statistics.values, state) {
                (_, CellState::Count(_)) => true,
                (CellValues::Integer { sums, .. }, CellState::Sum(_)) => {
                    sums.get(cell).is_some_and(|sum| i64::try_from(*sum).is_ok())
                }
                (CellValues::Integer { .. }, _) => true,
                (CellValues::Double { sums, nans, infinities, .. }, _) => {
                    nans.get(cell) == Some(&0)
                        && infinities.get(cell) == Some(&0)
                        && sums.get(cell).is_some_and(|sum| sum.is_finite())
                }
            }
        })
    }

    /// The summaries of some cells.
    pub(super) fn summaries_of(
        &self,
        column: ColumnId,
        cells: &[usize],
    ) -> impl Iterator<Item = Option<&[u8]>> {
        let summaries = self.summaries.get(&column);
        cells.iter().map(move |cell| summaries.and_then(|summaries| summaries.get(*cell)))
    }

    /// The states of some cells, as the aggregate keeps them.
    pub(super) fn arrays(
        &self,
        state: CellState,
        cells: &[usize],
        all: &CellTable,
        function: &AggregateFunctionExpr,
    ) -> Result<Vec<ArrayRef>> {
        let rows = |cell: &usize| {
            let rows = all.rows(*cell);
            (rows.end - rows.start) as i64
        };
        if let CellState::Distribution(column) = state {
            return Ok(vec![Arc::new(self.summaries_of(column, cells).collect::<BinaryArray>())]);
        }
        let Some(column) = state.column() else {
            return typed(vec![Arc::new(cells.iter().map(rows).collect::<Int64Array>())], function);
        };
        let Some(CellStatistics { counts, values }) = self.columns.get(&column).map(Arc::as_ref) else {
            return internal_err!("statistics of a column that were not read");
        };
        let count = |cell: &usize| counts.get(*cell).copied().unwrap_or(0);
        let counts: ArrayRef = Arc::new(cells.iter().map(|cell| count(cell) as i64).collect::<Int64Array>());
        let of =
            |integers: &dyn Fn(usize) -> Option<i64>, doubles: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
                let cells = cells.iter().map(|cell| (count(cell) > 0).then_some(*cell));
                match values {
                    CellValues::Integer { .. } => {
                        Arc::new(cells.map(|c| c.and_then(integers)).collect::<Int64Array>())
                    }
                    CellValues::Double { .. } => {
                        Arc::new(cells.map(|c| c.and_then(doubles)).collect::<Float64Array>())
                    }
                }
            };
        let arrays = match (state, values) {
            (
                CellState::Rows | CellState::Count(_) | CellState::Distribution(_) | CellState::Weighted(..),
                _,
            ) => {
                vec![counts]
            }
            (CellState::Avg(_), CellValues::Integer { sums, .. }) => {
                let sum = |cell: &usize| {
                    (count(cell) > 0).then(|| sums.get(*cell).map(|sum| *sum as f64)).flatten()
                };
                vec![of_some(&counts)?, Arc::new(cells.iter().map(sum).collect::<Float64Array>())]
            }
            (CellState::Avg(_), CellValues::Double { sums, .. }) => {
                vec![of_some(&counts)?, of(&|_| None, &|cell| sums.get(cell).copied())]
            }
            (CellState::Sum(_), CellValues::Integer { sums, .. }) => {
                vec![of(&|cell| sums.get(cell).and_then(|sum| i64::try_from(*sum).ok()), &|_| None)]
            }
            (CellState::Sum(_), CellValues::Double { sums, .. }) => {
                vec![of(&|_| None, &|cell| sums.get(cell).copied())]
            }
            (CellState::Min(_), CellValues::Integer { mins, .. }) => {
                vec![of(&|c| mins.get(c).copied(), &|_| None)]
            }
            (CellState::Min(_), CellValues::Double { mins, .. }) => {
                vec![of(&|_| None, &|c| mins.get(c).copied())]
            }
            (CellState::Max(_), CellValues::Integer { maxs, .. }) => {
                vec![of(&|c| maxs.get(c).copied(), &|_| None)]
            }
            (CellState::Max(_), CellValues::Double { maxs, .. }) => {
                vec![of(&|_| None, &|c| maxs.get(c).copied())]
            }
        };
        typed(arrays, function)
    }
}

/// Counts without zeros: to a mean, a count of none means that no value came at all.
fn of_some(counts: &ArrayRef) -> Result<ArrayRef> {
    let zero = Int64Array::new_scalar(0);
    Ok(nullif(counts, &eq(counts, &zero)?)?)
}

/// As the fields of the aggregate's state are.
fn typed(arrays: Vec<ArrayRef>, function: &AggregateFunctionExpr) -> Result<Vec<ArrayRef>> {
    let fields = function.state_fields()?;
    if fields.len() != arrays.len() {
        return internal_err!("{} has a state of {} columns", function.name(), fields.len());
    }
    arrays.iter().zip(&fields).map(|(array, field)| Ok(cast(array, field.data_type())?)).collect()
}

impl Statistics {
    /// The states of some cells of an aggregate of what follows from a text column; `at` is its place among the aggregates,
    /// `of` gives what it makes of a text (none is the text that is missing), null and what a FILTER leaves out being none.
    pub(super) fn weighted(
        &mut self,
        (column, weight): (ColumnId, Weight),
        at: usize,
        cells: &[usize],
        function: &AggregateFunctionExpr,
        of: &dyn Fn(Option<&str>) -> Result<Option<Number>>,
    ) -> Result<Vec<ArrayRef>> {
        let mut totals = Vec::with_capacity(cells.len());
        for cell in cells {
            let texts = self.texts(column, *cell)?;
            let mut total = Total::default();
            let missing = (texts.null_count() > 0).then_some((None, texts.null_count()));
            for (text, rows) in texts.counts().iter().map(|(text, rows)| (Some(text), *rows)).chain(missing) {
                if let Some(value) = self.value(at, text, of)? {
                    total.add(value, rows);
                }
            }
            totals.push(total);
        }
        let some = || totals.iter().map(|total| (total.rows > 0).then_some(total));
        let counts: ArrayRef = Arc::new(totals.iter().map(|total| total.rows as i64).collect::<Int64Array>());
        let doubles = || Arc::new(some().map(|total| Some(total?.double)).collect::<Float64Array>());
        // Beyond its type a sum goes round, as one of rows does.
        let integers = || Arc::new(some().map(|total| Some(total?.integer as i64)).collect::<Int64Array>());
        typed(
            match weight {
                Weight::Count => vec![counts],
                Weight::IntegerSum => vec![integers()],
                Weight::DoubleSum => vec![doubles()],
                Weight::Avg => vec![of_some(&counts)?, doubles()],
            },
            function,
        )
    }

    fn texts(&self, column: ColumnId, cell: usize) -> Result<Categorical> {
        let bytes = self.summaries.get(&column).and_then(|summaries| summaries.get(cell));
        match bytes.map(Distribution::decode).transpose().map_err(QueryError::from)? {
            Some(Distribution::Categorical(texts)) => Ok(texts),
            _ => internal_err!("a summary of texts that is none"),
        }
    }

    fn value(
        &mut self,
        at: usize,
        text: Option<&String>,
        of: &dyn Fn(Option<&str>) -> Result<Option<Number>>,
    ) -> Result<Option<Number>> {
        let Some(text) = text else { return of(None) };
        if let Some(known) = self.values.get(&(at, text.clone())) {
            return Ok(*known);
        }
        if self.values.len() >= TEXTS_WEIGHED_KEPT_MAX {
            self.values.clear();
        }
        let value = of(Some(text))?;
        self.values.insert((at, text.clone()), value);
        Ok(value)
    }
}

/// The states of values side by side, a row a span; none of values of a type that this is not done for.
pub(super) fn span_states(
    state: CellState,
    values: &ArrayRef,
    spans: &[Span],
    function: &AggregateFunctionExpr,
) -> Result<Option<Vec<ArrayRef>>> {
    let slices = || spans.iter().map(|span| values.slice(span.rows.start, span.rows.len()));
    let counts: Int64Array = slices().map(|slice| (slice.len() - slice.null_count()) as i64).collect();
    let arrays: Vec<ArrayRef> = match (state, values.data_type()) {
        (CellState::Count(_), _) => vec![Arc::new(counts)],
        (CellState::Avg(_), DataType::Float64) => {
            let sums: Float64Array = slices().map(|slice| sum(slice.as_primitive::<Float64Type>())).collect();
            vec![of_some(&(Arc::new(counts) as ArrayRef))?, Arc::new(sums)]
        }
        (CellState::Sum(_), DataType::Float64) => vec![doubles(slices(), sum)],
        (CellState::Min(_), DataType::Float64) => vec![doubles(slices(), min)],
        (CellState::Max(_), DataType::Float64) => vec![doubles(slices(), max)],
        (CellState::Sum(_), DataType::Int64) => vec![integers(slices(), sum)],
        (CellState::Min(_), DataType::Int64) => vec![integers(slices(), min)],
        (CellState::Max(_), DataType::Int64) => vec![integers(slices(), max)],
        _ => return Ok(None),
    };
    typed(arrays, function).map(Some)
}

fn doubles(
    slices: impl Iterator<Item = ArrayRef>,
    of: fn(&PrimitiveArray<Float64Type>) -> Option<f64>,
) -> ArrayRef {
    Arc::new(slices.map(|slice| of(slice.as_primitive())).collect::<Float64Array>())
}

fn integers(
    slices: impl Iterator<Item = ArrayRef>,
    of: fn(&PrimitiveArray<Int64Type>) -> Option<i64>,
) -> ArrayRef {
    Arc::new(slices.map(|slice| of(slice.as_primitive())).collect::<Int64Array>())
}
