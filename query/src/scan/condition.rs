//! What a query asks of rows, as far as the scan does it: by time, by the tags of series, by what pages and filters of
//! keys tell, and by looking at the rows.

use std::slice;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column as ColumnName, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column as ColumnExpr, InListExpr, Literal};
use datafusion::physical_expr::utils::{
    collect_columns, conjunction, reassign_expr_columns, split_conjunction,
};
use driftline_storage::{
    Bound, Column, ColumnType, Piece, Role, TIME_COLUMN, TableSchema, TimeRange, hash_integer,
};

use super::schema_of;
use super::tags::Tags;
use super::time_filter;

/// What rows must meet.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// Their event times.
    pub(crate) time: TimeRange,
    /// What tags must meet, and the tag columns that this looks at.
    pub(crate) tags: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) tag_columns: Vec<Column>,
    /// What other columns must meet, maybe together with tags.
    pub(crate) rows: Option<Arc<RowCondition>>,
}

/// A condition on the values of a row.
#[derive(Debug)]
pub(crate) struct RowCondition {
    expr: Arc<dyn PhysicalExpr>,
    /// The columns it looks at, in the order of its schema.
    columns: Vec<Column>,
    schema: SchemaRef,
    /// Those of them that are no tags.
    pub(crate) stored: Vec<Column>,
    pub(crate) bounds: Vec<Bound>,
}

/// Whether the scan can do a filter: it looks at the row alone, and gives the same answer whenever it is asked.
pub(crate) fn is_done_by_scan(filter: &Expr) -> bool {
    let needs_more = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
        ))
    };
    !filter.is_volatile() && filter.exists(needs_more).is_ok_and(|needs| !needs)
}

impl Condition {
    /// What filters on a table come to.
    pub(crate) fn of(
        state: &dyn Session,
        table: &TableSchema,
        schema: &SchemaRef,
        filters: &[Expr],
    ) -> Result<Self> {
        let time = time_filter::range_of(filters);
        let known = DFSchema::try_from(Arc::clone(schema))?;
        let (mut tags, mut rows) = (Vec::new(), Vec::new());
        for filter in filters.iter().filter(|filter| time_filter::exact_range(filter).is_none()) {
            let filter = state.create_physical_expr(unqualified(filter)?, &known)?;
            for part in split_conjunction(&filter) {
                // One of no columns is asked of each row: a table without tags has no series to ask it of.
                let columns = columns_of_all(slice::from_ref(part), table);
                let looks_at_tags =
                    !columns.is_empty() && columns.iter().all(|column| column.role == Role::Tag);
                if looks_at_tags { tags.push(Arc::clone(part)) } else { rows.push(Arc::clone(part)) }
            }
        }
        let tag_columns = columns_of_all(&tags, table);
        let tag_schema = schema_of(&tag_columns);
        let tags =
            tags.into_iter().map(|tag| reassign_expr_columns(tag, &tag_schema)).collect::<Result<_>>()?;
        let rows = RowCondition::of(rows, table)?.map(Arc::new);
        Ok(Self { time, tags, tag_columns, rows })
    }
}

impl RowCondition {
    fn of(parts: Vec<Arc<dyn PhysicalExpr>>, table: &TableSchema) -> Result<Option<Self>> {
        if parts.is_empty() {
            return Ok(None);
        }
        let columns = columns_of_all(&parts, table);
        let bounds = parts.iter().filter_map(|part| bound_of(part, &columns)).collect();
        let schema = schema_of(&columns);
        let expr = reassign_expr_columns(conjunction(parts), &schema)?;
        let stored = columns.iter().filter(|column| column.role != Role::Tag).cloned().collect();
        Ok(Some(Self { expr, columns, schema, stored, bounds }))
    }

    /// What is asked of rows and what other nodes have found out meanwhile; none where that is nothing.
    pub(super) fn narrowed(
        asked: Option<&Self>,
        found: &[Arc<dyn PhysicalExpr>],
        table: &TableSchema,
    ) -> Result<Option<Self>> {
        let asked = asked.into_iter().flat_map(|asked| split_conjunction(&asked.expr));
        let found = found.iter().flat_map(split_conjunction).filter(|part| !is_true(part));
        Self::of(asked.chain(found).map(Arc::clone).collect(), table)
    }

    /// Which rows of a piece that has the stored columns meet it.
    pub(crate) fn meet(&self, piece: &Piece, tags: Option<&Tags>) -> Result<BooleanArray> {
        let mut stored = piece.rows.columns().iter();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            arrays.push(match (column.role, tags) {
                (Role::Tag, Some(tags)) => tags.column(column.id, &piece.runs)?,
                _ => Arc::clone(stored.next().ok_or_else(|| lost(column))?),
            });
        }
        let rows = piece.rows.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        let met = self.expr.evaluate(&batch)?.into_array(rows)?;
        Ok(as_boolean_array(&met)?.clone())
    }
}

impl std::fmt::Display for RowCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.expr.fmt(f)
    }
}

fn is_true(expr: &Arc<dyn PhysicalExpr>) -> bool {
    literal(expr) == Some(&ScalarValue::Boolean(Some(true)))
}

/// Not to be seen: what is read is what the condition asked for.
fn lost(column: &Column) -> datafusion::error::DataFusionError {
    datafusion::error::DataFusionError::Internal(format!("a scan was not given column {}", column.name))
}

/// The filter on the names of the table's own schema.
pub(crate) fn unqualified(filter: &Expr) -> Result<Expr> {
    let strip = |expr: Expr| match expr {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(ColumnName::new_unqualified(column.name)))),
        other => Ok(Transformed::no(other)),
    };
    filter.clone().transform(strip).data()
}

fn columns_of_all(exprs: &[Arc<dyn PhysicalExpr>], table: &TableSchema) -> Vec<Column> {
    let names: Vec<_> = exprs.iter().flat_map(collect_columns).collect();
    let is_named = |column: &&Column| names.iter().any(|name| name.name() == column.name);
    table.columns.iter().filter(is_named).cloned().collect()
}

/// What all values of a column that meet a plain comparison have in common.
fn bound_of(expr: &Arc<dyn PhysicalExpr>, columns: &[Column]) -> Option<Bound> {
    if let Some(list) = expr.downcast_ref::<InListExpr>().filter(|list| !list.negated()) {
        let column = column_of(list.expr(), columns)?;
        let values = list.list().iter().map(literal).collect::<Option<Vec<_>>>()?;
        return one_of(column, &values);
    }
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (column, op, value) = match (column_of(binary.left(), columns), column_of(binary.right(), columns)) {
        (Some(column), None) => (column, *binary.op(), literal(binary.right())?),
        (None, Some(column)) => (column, binary.op().swap()?, literal(binary.left())?),
        _ => return None,
    };
    compared(column, op, value)
}

fn compared(column: &Column, op: Operator, value: &ScalarValue) -> Option<Bound> {
    let has_filters = column.role == Role::Key || column.index;
    if op == Operator::Eq && (has_filters || column.ty == ColumnType::Text) {
        return one_of(column, &[value]);
    }
    match (column.ty, value) {
        (ColumnType::BigInt, ScalarValue::Int64(Some(value))) => {
            let (min, max) = ends(op, *value, *value)?;
            let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
            Some(Bound::Integers { column: column.id, min, max })
        }
        // Both zeros are within: whichever of them a comparison takes for equal.
        (ColumnType::Double, ScalarValue::Float64(Some(value))) if *value == 0.0 => {
            let (min, max) = ends(op, -0.0, 0.0)?;
            Some(Bound::Doubles { column: column.id, min, max })
        }
        (ColumnType::Double, ScalarValue::Float64(Some(value))) => {
            let (min, max) = ends(op, *value, *value)?;
            Some(Bound::Doubles { column: column.id, min, max })
        }
        _ => None,
    }
}

/// The ends of the values that compare so, both included.
fn ends<T>(op: Operator, least: T, greatest: T) -> Option<(Option<T>, Option<T>)> {
    match op {
        Operator::Eq => Some((Some(least), Some(greatest))),
        Operator::Gt | Operator::GtEq => Some((Some(least), None)),
        Operator::Lt | Operator::LtEq => Some((None, Some(greatest))),
        _ => None,
    }
}

fn column_of<'a>(expr: &Arc<dyn PhysicalExpr>, columns: &'a [Column]) -> Option<&'a Column> {
    let name = expr.downcast_ref::<ColumnExpr>()?.name();
    columns.iter().find(|column| column.name == name && column.name != TIME_COLUMN)
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

/// That the values of a column are among these; none where one of them is of another type.
fn one_of(column: &Column, values: &[&ScalarValue]) -> Option<Bound> {
    let id = column.id;
    match column.ty {
        ColumnType::Text => {
            let texts =
                values.iter().map(|value| Some(value.try_as_str()??.to_owned())).collect::<Option<_>>()?;
            Some(Bound::Texts { column: id, texts })
        }
        ColumnType::BigInt => {
            let hash = |value: &&ScalarValue| match value {
                ScalarValue::Int64(Some(value)) => Some(hash_integer(*value)),
                _ => None,
            };
            Some(Bound::Hashes { column: id, hashes: values.iter().map(hash).collect::<Option<_>>()? })
        }
        _ => None,
    }
}
