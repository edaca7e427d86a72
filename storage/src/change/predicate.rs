//! Which rows a change is about: comparisons of columns with constants, in SQL's logic of three values.

use std::collections::BTreeSet;

use arrow_arith::boolean::{and_kleene, is_null, not, or_kleene};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, RecordBatch, Scalar, StringArray,
    TimestampNanosecondArray,
};
use arrow_ord::cmp;
use arrow_schema::ArrowError;

use crate::error::{Result, StorageError};
use crate::limits::{PREDICATE_DEPTH_MAX, PREDICATE_NODES_MAX};
use crate::schema::{Column, ColumnId, ColumnType, Role, TableSchema};
use crate::segment::TimeRange;

/// A condition on one row. Columns go by id, so that it means the same after a column was renamed.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Every row.
    True,
    /// A column against a constant; unknown where the column is null. NaN equals itself and is greater than every
    /// number; the zeros are equal.
    Compare {
        /// The column: any but a VECTOR or DISTRIBUTION.
        column: ColumnId,
        /// How.
        by: Comparison,
        /// The constant, of the column's type.
        value: Value,
    },
    /// Whether a column is null. Never unknown.
    IsNull(ColumnId),
    /// All of these; of none it is true.
    And(Vec<Predicate>),
    /// Any of these; of none it is false.
    Or(Vec<Predicate>),
    /// The opposite.
    Not(Box<Predicate>),
}

/// How a column is compared with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For BOOLEAN.
    Boolean(bool),
    /// For BIGINT.
    BigInt(i64),
    /// For DOUBLE.
    Double(f64),
    /// For TEXT, JSON and tags.
    Text(String),
    /// For TIMESTAMP and `time`, nanoseconds since 1970.
    Timestamp(i64),
}

impl Value {
    /// The same number for a column that has become DOUBLE.
    fn for_type(&self, ty: ColumnType) -> Option<Scalar<ArrayRef>> {
        let array: ArrayRef = match (self, ty) {
            (Self::Boolean(v), ColumnType::Boolean) => std::sync::Arc::new(BooleanArray::from(vec![*v])),
            (Self::BigInt(v), ColumnType::BigInt) => std::sync::Arc::new(Int64Array::from(vec![*v])),
            (Self::BigInt(v), ColumnType::Double) => std::sync::Arc::new(Float64Array::from(vec![*v as f64])),
            (Self::Double(v), ColumnType::Double) => std::sync::Arc::new(Float64Array::from(vec![*v + 0.0])),
            (Self::Text(v), ColumnType::Text | ColumnType::Json) => {
                std::sync::Arc::new(StringArray::from(vec![v.as_str()]))
            }
            (Self::Timestamp(v), ColumnType::Timestamp) => {
                std::sync::Arc::new(TimestampNanosecondArray::from(vec![*v]).with_timezone("UTC"))
            }
            _ => return None,
        };
        Some(Scalar::new(array))
    }
}

impl Predicate {
    /// Puts the ids of the columns it looks at into `out`.
    fn columns(&self, out: &mut BTreeSet<ColumnId>) {
        match self {
            Self::True => {}
            Self::Compare { column, .. } | Self::IsNull(column) => {
                out.insert(*column);
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.columns(out)),
            Self::Not(part) => part.columns(out),
        }
    }

    /// How many parts it has, and how deep they lie.
    fn size(&self) -> (usize, usize) {
        let together = |parts: &[Self]| {
            let sizes = parts.iter().map(Self::size);
            sizes.fold((1, 1), |(nodes, depth), (n, d)| (nodes + n, depth.max(d + 1)))
        };
        match self {
            Self::True | Self::Compare { .. } | Self::IsNull(_) => (1, 1),
            Self::And(parts) | Self::Or(parts) => together(parts),
            Self::Not(part) => together(std::slice::from_ref(part)),
        }
    }

    /// The times that rows can have for which it is true, or more.
    fn time(&self, time: ColumnId) -> TimeRange {
        match self {
            Self::Compare { column, by, value: Value::Timestamp(at) } if *column == time => by.range(*at),
            Self::And(parts) => parts.iter().map(|part| part.time(time)).fold(TimeRange::ALL, intersection),
            Self::Or(parts) => {
                parts.iter().map(|part| part.time(time)).reduce(TimeRange::union).unwrap_or(TimeRange::ALL)
            }
            _ => TimeRange::ALL,
        }
    }
}

impl Comparison {
    fn range(self, at: i64) -> TimeRange {
        let (min, max) = match self {
            Self::Equal => (at, at),
            Self::NotEqual => return TimeRange::ALL,
            Self::Less => (i64::MIN, at.saturating_sub(1)),
            Self::LessOrEqual => (i64::MIN, at),
            Self::Greater => (at.saturating_add(1), i64::MAX),
            Self::GreaterOrEqual => (at, i64::MAX),
        };
        TimeRange { min, max }
    }

    fn apply(self, left: &dyn Datum, right: &dyn Datum) -> std::result::Result<BooleanArray, ArrowError> {
        match self {
            Self::Equal => cmp::eq(left, right),
            Self::NotEqual => cmp::neq(left, right),
            Self::Less => cmp::lt(left, right),
            Self::LessOrEqual => cmp::lt_eq(left, right),
            Self::Greater => cmp::gt(left, right),
            Self::GreaterOrEqual => cmp::gt_eq(left, right),
        }
    }
}

/// Both zeros are one to SQL, two to the total order.
fn one_zero(array: &ArrayRef) -> Float64Array {
    array.as_primitive::<Float64Type>().unary(|value| value + 0.0)
}

/// Empty (`min > max`) where the two share nothing.
fn intersection(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange { min: a.min.max(b.min), max: a.max.min(b.max) }
}

/// A predicate with the columns it looks at, as its table had them.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    predicate: Predicate,
    columns: Vec<Column>,
    time: TimeRange,
}

impl Filter {
    /// Checks a predicate against its table: known columns, constants of their types, within the limits of size.
    pub(crate) fn new(predicate: Predicate, schema: &TableSchema) -> Result<Self> {
        let wrong = |what: String| StorageError::Invalid(format!("table {}: {what}", schema.name));
        let (nodes, depth) = predicate.size();
        if nodes > PREDICATE_NODES_MAX || depth > PREDICATE_DEPTH_MAX {
            return Err(wrong(format!(
                "a condition of {nodes} parts, {depth} deep; the limits are {PREDICATE_NODES_MAX} and \
                 {PREDICATE_DEPTH_MAX}"
            )));
        }
        let mut ids = BTreeSet::new();
        predicate.columns(&mut ids);
        let column = |id: &ColumnId| {
            schema.column(*id).cloned().ok_or_else(|| wrong(format!("there is no column with id {id}")))
        };
        let columns = ids.iter().map(column).collect::<Result<Vec<_>>>()?;
        let time = schema.columns.iter().find(|c| c.role == Role::Time);
        let range = time.map_or(TimeRange::ALL, |column| predicate.time(column.id));
        // One column at least, so that batches tell how many rows they have.
        let columns = if columns.is_empty() { time.cloned().into_iter().collect() } else { columns };
        let filter = Self { predicate, columns, time: range };
        filter.check(&filter.predicate).map_err(wrong)?;
        Ok(filter)
    }

    fn check(&self, predicate: &Predicate) -> std::result::Result<(), String> {
        match predicate {
            Predicate::Compare { column, value, .. } => match self.columns.iter().find(|c| c.id == *column) {
                Some(found) if value.for_type(found.ty).is_some() => Ok(()),
                Some(found) => {
                    Err(format!("column {} is {} and is compared with {value:?}", found.name, found.ty.sql()))
                }
                None => Err(format!("there is no column with id {column}")),
            },
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().try_for_each(|part| self.check(part))
            }
            Predicate::Not(part) => self.check(part),
            Predicate::True | Predicate::IsNull(_) => Ok(()),
        }
    }

    /// The predicate.
    pub(crate) fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// Whether a table has the columns it looks at still, each with the type it had.
    pub(crate) fn fits(&self, schema: &TableSchema) -> bool {
        let is_there = |column: &Column| schema.column(column.id).is_some_and(|c| c.ty == column.ty);
        self.columns.iter().all(is_there)
    }

    /// What has to be read of each row.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows outside of these times are not matched.
    pub(crate) fn time(&self) -> TimeRange {
        self.time
    }

    /// For each row of a batch with [`Self::columns`], in that order, whether the predicate is true.
    pub(crate) fn matches(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let found = self.evaluate(&self.predicate, rows).map_err(|e| StorageError::Invalid(e.to_string()))?;
        match found.nulls() {
            None => Ok(found),
            // Unknown is not true.
            Some(nulls) => Ok(BooleanArray::new(found.values() & nulls.inner(), None)),
        }
    }

    fn evaluate(
        &self,
        predicate: &Predicate,
        rows: &RecordBatch,
    ) -> std::result::Result<BooleanArray, ArrowError> {
        let all = |value: bool| BooleanArray::from(vec![value; rows.num_rows()]);
        match predicate {
            Predicate::True => Ok(all(true)),
            Predicate::Compare { column, by, value } => self.compare(rows, *column, *by, value),
            Predicate::IsNull(column) => match self.array(rows, *column) {
                Some((_, array)) => is_null(array),
                None => Ok(all(true)),
            },
            Predicate::And(parts) => parts
                .iter()
                .try_fold(all(true), |so_far, part| and_kleene(&so_far, &self.evaluate(part, rows)?)),
            Predicate::Or(parts) => parts
                .iter()
                .try_fold(all(false), |so_far, part| or_kleene(&so_far, &self.evaluate(part, rows)?)),
            Predicate::Not(part) => not(&self.evaluate(part, rows)?),
        }
    }

    fn array<'a>(&'a self, rows: &'a RecordBatch, id: ColumnId) -> Option<(&'a Column, &'a ArrayRef)> {
        self.columns.iter().zip(rows.columns()).find(|(column, _)| column.id == id)
    }

    fn compare(
        &self,
        rows: &RecordBatch,
        id: ColumnId,
        by: Comparison,
        value: &Value,
    ) -> std::result::Result<BooleanArray, ArrowError> {
        let unknown = || Ok(BooleanArray::new_null(rows.num_rows()));
        let Some((column, array)) = self.array(rows, id) else { return unknown() };
        let Some(value) = value.for_type(column.ty) else { return unknown() };
        match column.ty {
            ColumnType::Double => by.apply(&one_zero(array), &value),
            _ => by.apply(array, &value),
        }
    }
}

#[cfg(test)]
mod tests;
