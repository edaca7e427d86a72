//! Conditions of SQL as conditions of the engine.

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;
use driftline_storage::{ColumnType, Comparison, Predicate, TableSchema, Value};

use crate::error::{QueryError, Result};

/// The same condition, or an error that names the part that cannot be said.
pub(super) fn read(expr: &Expr, table: &TableSchema) -> Result<Predicate> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Ok(Predicate::And(vec![read(left, table)?, read(right, table)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Ok(Predicate::Or(vec![read(left, table)?, read(right, table)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(expr, left, *op, right, table),
        Expr::Not(inner) => Ok(not(read(inner, table)?)),
        Expr::IsNull(inner) => Ok(Predicate::IsNull(column(expr, inner, table)?.id)),
        Expr::IsNotNull(inner) => Ok(not(Predicate::IsNull(column(expr, inner, table)?.id))),
        Expr::Column(_) => compare(expr, expr, Comparison::Equal, &ScalarValue::Boolean(Some(true)), table),
        Expr::Between(between) => read_between(expr, between, table),
        Expr::InList(list) => read_list(expr, list, table),
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => Ok(Predicate::True),
        Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Ok(Predicate::Or(Vec::new())),
        _ => Err(unsaid(expr)),
    }
}

fn not(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

fn unsaid(expr: &Expr) -> QueryError {
    QueryError::Invalid(format!(
        "DELETE cannot go by {expr}: it takes comparisons of columns with constants, IN, BETWEEN, IS NULL, AND, OR and \
         NOT. Select the keys first, and delete with IN (..)"
    ))
}

fn comparison(
    whole: &Expr,
    left: &Expr,
    op: Operator,
    right: &Expr,
    table: &TableSchema,
) -> Result<Predicate> {
    let (column, op, value) = match (left, right) {
        (column, Expr::Literal(value, _)) => (column, Some(op), value),
        (Expr::Literal(value, _), column) => (column, op.swap(), value),
        _ => return Err(unsaid(whole)),
    };
    let by = match op {
        Some(Operator::Eq) => Comparison::Equal,
        Some(Operator::NotEq) => Comparison::NotEqual,
        Some(Operator::Lt) => Comparison::Less,
        Some(Operator::LtEq) => Comparison::LessOrEqual,
        Some(Operator::Gt) => Comparison::Greater,
        Some(Operator::GtEq) => Comparison::GreaterOrEqual,
        _ => return Err(unsaid(whole)),
    };
    match (as_double(column), value) {
        (Some(integers), ScalarValue::Float64(Some(bound))) => {
            let (by, value) = among_integers(by, *bound).ok_or_else(|| unsaid(whole))?;
            compare(whole, integers, by, &ScalarValue::Int64(Some(value)), table)
        }
        _ => compare(whole, column, by, value, table),
    }
}

/// What is cast to DOUBLE.
fn as_double(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Cast(cast) if cast.field.data_type() == &DataType::Float64 => Some(&cast.expr),
        _ => None,
    }
}

/// The comparison of a BIGINT that a comparison of it as a DOUBLE comes to. None beyond 2^53, where different numbers
/// become one DOUBLE.
fn among_integers(by: Comparison, bound: f64) -> Option<(Comparison, i64)> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = bound.trunc() == bound;
    (bound.abs() < EXACT).then_some(match by {
        Comparison::Greater | Comparison::LessOrEqual => (by, bound.floor() as i64),
        Comparison::GreaterOrEqual | Comparison::Less => (by, bound.ceil() as i64),
        Comparison::Equal | Comparison::NotEqual if is_whole => (by, bound as i64),
        // Never, and always; unknown of a null all the same.
        Comparison::Equal => (Comparison::Less, i64::MIN),
        Comparison::NotEqual => (Comparison::GreaterOrEqual, i64::MIN),
    })
}

fn read_between(whole: &Expr, between: &Between, table: &TableSchema) -> Result<Predicate> {
    let Between { expr, negated, low, high } = between;
    let low = comparison(whole, expr, Operator::GtEq, low, table)?;
    let both = Predicate::And(vec![low, comparison(whole, expr, Operator::LtEq, high, table)?]);
    Ok(if *negated { not(both) } else { both })
}

fn read_list(whole: &Expr, list: &InList, table: &TableSchema) -> Result<Predicate> {
    let equal = |value: &Expr| comparison(whole, &list.expr, Operator::Eq, value, table);
    let any = Predicate::Or(list.list.iter().map(equal).collect::<Result<_>>()?);
    Ok(if list.negated { not(any) } else { any })
}

fn compare(
    whole: &Expr,
    expr: &Expr,
    by: Comparison,
    value: &ScalarValue,
    table: &TableSchema,
) -> Result<Predicate> {
    let column = column(whole, expr, table)?;
    let value = constant(value, column.ty).ok_or_else(|| unsaid(whole))?;
    Ok(Predicate::Compare { column: column.id, by, value })
}

fn column<'a>(whole: &Expr, expr: &Expr, table: &'a TableSchema) -> Result<&'a driftline_storage::Column> {
    match expr {
        Expr::Column(Column { name, .. }) => table.column_named(name).ok_or_else(|| {
            QueryError::Invalid(format!(
                "DELETE cannot go by {name}: labels are kept beside the predictions of {}; select the keys first, and \
                 delete with IN (..)",
                table.name
            ))
        }),
        _ => Err(unsaid(whole)),
    }
}

/// A constant of a column's type; none for a null, which is never equal to anything, and for another type.
fn constant(value: &ScalarValue, ty: ColumnType) -> Option<Value> {
    match (ty, value) {
        (ColumnType::Boolean, ScalarValue::Boolean(Some(v))) => Some(Value::Boolean(*v)),
        (ColumnType::BigInt, ScalarValue::Int64(Some(v))) => Some(Value::BigInt(*v)),
        (ColumnType::Double, ScalarValue::Float64(Some(v))) => Some(Value::Double(*v)),
        (ColumnType::Timestamp, ScalarValue::TimestampNanosecond(Some(v), _)) => Some(Value::Timestamp(*v)),
        (ColumnType::Text | ColumnType::Json, _) => match value.try_as_str() {
            Some(Some(text)) => Some(Value::Text(text.to_owned())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
