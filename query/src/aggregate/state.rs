//! States of aggregates out of the statistics of cells.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::compute::cast;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column as ColumnExpr, Literal};
use driftline_storage::{
    CellStatistics, CellTable, CellValues, Column, ColumnId, ColumnType, Meaning, SegmentReader, TableSchema,
};

use super::exec::Aggregate;
use crate::error::QueryError;

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
}

impl CellState {
    /// How it does for this aggregate; none where rows have to be read.
    pub(super) fn of(aggregate: &Aggregate, table: &TableSchema) -> Option<Self> {
        let function = &aggregate.function;
        if aggregate.filter.is_some() || function.is_distinct() || !function.order_bys().is_empty() {
            return None;
        }
        let [argument] = aggregate.arguments.as_slice() else { return None };
        let name = function.fun().name();
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

    fn column(self) -> Option<ColumnId> {
        match self {
            Self::Rows => None,
            Self::Count(id) | Self::Sum(id) | Self::Min(id) | Self::Max(id) | Self::Avg(id) => Some(id),
        }
    }
}

/// The numeric column that an argument is, and whether it is one of integers as doubles. Not a label: those that came late
/// are not in the statistics.
fn column_of<'a>(argument: &Arc<dyn PhysicalExpr>, table: &'a TableSchema) -> Option<(&'a Column, bool)> {
    let (inner, is_cast) = match argument.downcast_ref::<CastExpr>() {
        Some(cast) if cast.cast_type() == &arrow::datatypes::DataType::Float64 => (cast.expr(), true),
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
    columns: HashMap<ColumnId, CellStatistics>,
}

impl Statistics {
    /// Reads those of a segment, unless they are there; false where it lacks some.
    pub(super) fn load(&mut self, segment: &SegmentReader, states: &[CellState]) -> Result<bool> {
        let id = segment.info().id;
        if self.segment != Some(id) {
            (self.segment, self.columns) = (Some(id), HashMap::new());
            for column in states.iter().filter_map(|state| state.column()) {
                if !self.columns.contains_key(&column)
                    && let Some(found) = segment.statistics(column).map_err(QueryError::from)?
                {
                    self.columns.insert(column, found);
                }
            }
        }
        Ok(states.iter().filter_map(|state| state.column()).all(|column| self.columns.contains_key(&column)))
    }

    /// Whether the statistics of a cell say all that is asked: not of NaNs and infinities, and not where a sum is beyond
    /// its type.
    pub(super) fn know(&self, cell: usize, states: &[CellState]) -> bool {
        states.iter().all(|state| {
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
        let Some(column) = state.column() else {
            return typed(vec![Arc::new(cells.iter().map(rows).collect::<Int64Array>())], function);
        };
        let Some(CellStatistics { counts, values }) = self.columns.get(&column) else {
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
            (CellState::Rows | CellState::Count(_), _) => vec![counts],
            (CellState::Avg(_), CellValues::Integer { sums, .. }) => {
                let sum = |cell: &usize| {
                    (count(cell) > 0).then(|| sums.get(*cell).map(|sum| *sum as f64)).flatten()
                };
                vec![counts, Arc::new(cells.iter().map(sum).collect::<Float64Array>())]
            }
            (CellState::Avg(_), CellValues::Double { sums, .. }) => {
                vec![counts, of(&|_| None, &|cell| sums.get(cell).copied())]
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

/// As the fields of the aggregate's state are.
fn typed(arrays: Vec<ArrayRef>, function: &AggregateFunctionExpr) -> Result<Vec<ArrayRef>> {
    let fields = function.state_fields()?;
    if fields.len() != arrays.len() {
        return internal_err!("{} has a state of {} columns", function.name(), fields.len());
    }
    arrays.iter().zip(&fields).map(|(array, field)| Ok(cast(array, field.data_type())?)).collect()
}
