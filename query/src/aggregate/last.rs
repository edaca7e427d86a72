//! Aggregates for which the last row of each series is enough.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use driftline_storage::{Role, TIME_COLUMN, TableSchema};

use super::exec::Aggregate;

/// Whether all of these are taken of the newest row of a group, whatever other rows there are: the last value by time, the
/// first by time backwards, the greatest time. Tags may come before time in the order: they are the same all over a series.
pub(super) fn is_of_last_rows(aggregates: &[Aggregate], table: &TableSchema) -> bool {
    !aggregates.is_empty() && aggregates.iter().all(|aggregate| is_last(aggregate, table))
}

fn is_last(aggregate: &Aggregate, table: &TableSchema) -> bool {
    let function = &aggregate.function;
    if aggregate.filter.is_some() || function.ignore_nulls() || function.is_reversed() {
        return false;
    }
    // As expressions over the table: what an aggregation calls time may be another column by then.
    let (values, order) =
        aggregate.arguments.split_at(function.expressions().len().min(aggregate.arguments.len()));
    let by_time = |backwards: bool| match (order.split_last(), function.order_bys().last()) {
        (Some((last, before)), Some(by)) => {
            is_time(last)
                && by.options.descending == backwards
                && before.iter().all(|expr| is_tag(expr, table))
        }
        _ => false,
    };
    match function.fun().name() {
        "max" => values.first().is_some_and(is_time),
        "last_value" => by_time(false),
        "first_value" => by_time(true),
        _ => false,
    }
}

fn is_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ColumnExpr>().is_some_and(|column| column.name() == TIME_COLUMN)
}

fn is_tag(expr: &Arc<dyn PhysicalExpr>, table: &TableSchema) -> bool {
    let is_it = |name: &str| table.columns.iter().any(|c| c.name == name && c.role == Role::Tag);
    expr.downcast_ref::<ColumnExpr>().is_some_and(|column| is_it(column.name()))
}
