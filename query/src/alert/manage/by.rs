//! What tells the rows of a query apart where nobody says so: the columns by which it groups.

use datafusion::common::Column;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

/// The columns of the answer that are groups of the query's topmost aggregation, in the order of the answer; empty where
/// there is none. Times are left out: a bucket of time is another with each window, so that no instance would last.
pub(super) fn groups(plan: &LogicalPlan) -> Vec<String> {
    let fields = plan.schema().fields().iter().enumerate();
    fields.filter(|(at, _)| is_group(plan, *at)).map(|(_, field)| field.name().clone()).collect()
}

/// Whether a column comes from a group as it is.
fn is_group(plan: &LogicalPlan, at: usize) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr_len().unwrap_or(0);
            at < groups && !aggregate.schema.field(at).data_type().is_temporal()
        }
        LogicalPlan::Projection(projection) => {
            let from = projection.expr.get(at).and_then(column_of);
            from.is_some_and(|column| is_group_named(&projection.input, &column))
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => passed(plan, at),
        _ => false,
    }
}

/// These hand on the columns of their input, under the same names; some add others behind them.
fn passed(plan: &LogicalPlan, at: usize) -> bool {
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return false };
    let name = |plan: &LogicalPlan| plan.schema().fields().get(at).map(|field| field.name().clone());
    name(plan).is_some() && name(plan) == name(input) && is_group(input, at)
}

fn is_group_named(input: &LogicalPlan, column: &Column) -> bool {
    input.schema().maybe_index_of_column(column).is_some_and(|at| is_group(input, at))
}

fn column_of(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Column(column) => Some(column.clone()),
        Expr::Alias(alias) => column_of(&alias.expr),
        _ => None,
    }
}
