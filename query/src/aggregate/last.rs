//! Aggregates for which the last row of each series is enough.

use std::sync::Arc;

use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
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
    let by_time = |backwards: bool| match function.order_bys().split_last() {
        Some((last, before)) => {
            is_time(&last.expr)
                && last.options.descending == backwards
                && before.iter().all(|by| is_tag(by, table))
        }
        None => false,
    };
    match function.fun().name() {
        "max" => function.expressions().first().is_some_and(is_time),
        "last_value" => by_time(false),
        "first_value" => by_time(true),
        _ => false,
    }
}

fn is_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ColumnExpr>().is_some_and(|column| column.name() == TIME_COLUMN)
}

fn is_tag(by: &PhysicalSortExpr, table: &TableSchema) -> bool {
    let column = by.expr.downcast_ref::<ColumnExpr>();
    let is_it = |name: &str| table.columns.iter().any(|c| c.name == name && c.role == Role::Tag);
    column.is_some_and(|column| is_it(column.name()))
}
