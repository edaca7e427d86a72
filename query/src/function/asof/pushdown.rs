//! Conditions above the join that are told of early: rows of the left side that do not count are not joined, and rows
//! of the right side that cannot be found are not read.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Extension, Filter, LogicalPlan, Operator, Projection, UserDefinedLogicalNode,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::node::AsofJoin;

/// Puts conditions on the left side alone below the join, and what follows from them for the right side.
#[derive(Debug)]
pub(in crate::function) struct PushIntoAsof;

impl OptimizerRule for PushIntoAsof {
    fn name(&self) -> &str {
        "driftline_push_into_asof"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let rewritten = match filter.input.as_ref() {
            // Picks columns of the join, which have the same names below it.
            LogicalPlan::Projection(picked)
                if picked.expr.iter().all(|expr| matches!(expr, Expr::Column(_))) =>
            {
                let picked_from = |join| {
                    Ok(LogicalPlan::Projection(Projection::try_new(picked.expr.clone(), Arc::new(join))?))
                };
                pushed(filter, &picked.input, picked_from)?
            }
            input => pushed(filter, input, Ok)?,
        };
        Ok(rewritten.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The filter and the join with as much as can be below it; None where nothing can.
fn pushed(
    filter: &Filter,
    input: &LogicalPlan,
    above: impl FnOnce(LogicalPlan) -> Result<LogicalPlan>,
) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Extension(extension) = input else { return Ok(None) };
    let Some(join) = extension.node.as_any().downcast_ref::<AsofJoin>() else { return Ok(None) };
    let (of_left, stay): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(filter.predicate.clone())
        .into_iter()
        .partition(|condition| is_of_left(condition, join));
    if of_left.is_empty() {
        return Ok(None);
    }
    let of_right = of_left.iter().filter_map(|condition| on_right(condition, join).transpose());
    let right = filtered(join.right.clone(), of_right.collect::<Result<_>>()?)?;
    let left = filtered(join.left.clone(), of_left)?;
    let join = join.over_inputs(left, right)?;
    let node = Arc::new(join) as Arc<dyn UserDefinedLogicalNode>;
    filtered(above(LogicalPlan::Extension(Extension { node }))?, stay).map(Some)
}

fn filtered(plan: LogicalPlan, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    match conjunction(conditions) {
        Some(condition) => Ok(LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?)),
        None => Ok(plan),
    }
}

fn is_of_left(condition: &Expr, join: &AsofJoin) -> bool {
    let columns = condition.column_refs();
    let of_left = columns.iter().all(|column| join.left.schema().has_column(column));
    let subquery = condition.exists(|inner| {
        Ok(matches!(
            inner,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        ))
    });
    let fixed = !condition.is_volatile() && !condition.contains_outer();
    of_left && !columns.is_empty() && fixed && !subquery.unwrap_or(true)
}

/// What a condition on the left side says of the rows that may be found for those it lets through.
fn on_right(condition: &Expr, join: &AsofJoin) -> Result<Option<Expr>> {
    if let Some(bound) = on_time(condition, join) {
        return Ok(Some(bound));
    }
    let key = |expr: &Expr| join.keys.iter().find(|pair| pair.left == *expr).map(|pair| pair.right.clone());
    let all_keys =
        condition.column_refs().into_iter().all(|column| key(&Expr::Column(column.clone())).is_some());
    if !all_keys {
        return Ok(None);
    }
    let replaced = condition.clone().transform_up(|inner| {
        Ok(match key(&inner) {
            Some(right) => Transformed::yes(right),
            None => Transformed::no(inner),
        })
    });
    replaced.data().map(Some)
}

/// A row found before another is before what that one is before, and so after.
fn on_time(condition: &Expr, join: &AsofJoin) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    let fits = match op {
        Operator::Lt | Operator::LtEq => join.nearest.before,
        Operator::Gt | Operator::GtEq => !join.nearest.before,
        _ => false,
    };
    let bound = fits && **left == join.times.left && right.column_refs().is_empty();
    bound.then(|| Expr::BinaryExpr(BinaryExpr::new(Box::new(join.times.right.clone()), *op, right.clone())))
}
