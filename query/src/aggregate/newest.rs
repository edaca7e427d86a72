//! How many of the newest groups are wanted.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

/// Follows a walk down a plan: a sort by the first key of an aggregation, backwards, that ends after so many rows, and between
/// the two nothing but projections. An aggregation further down has to give all of its groups.
#[derive(Debug, Default)]
pub(super) struct Newest(Option<Sought>);

#[derive(Clone, Copy, Debug)]
struct Sought {
    count: usize,
    /// The place of the column that was sorted by, in what the node looked at last gives.
    column: usize,
    at: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    AboveAggregation,
    AtFinal,
    AtPartial,
}

impl Newest {
    /// The next node of the walk.
    pub(super) fn look_at(&mut self, node: &Arc<dyn ExecutionPlan>) {
        self.0 = match node.downcast_ref::<SortExec>() {
            Some(sort) => begun(sort),
            None => self.0.and_then(|sought| below(sought, node)),
        };
    }

    /// How many, where the node is the aggregation that the sort is of.
    pub(super) fn wanted(&self) -> Option<usize> {
        let sought = self.0.filter(|sought| sought.at != Stage::AboveAggregation && sought.column == 0);
        sought.map(|sought| sought.count)
    }
}

fn begun(sort: &SortExec) -> Option<Sought> {
    let first = sort.expr().first();
    let column = column_of(&first.expr).filter(|_| first.options.descending)?;
    Some(Sought { count: sort.fetch()?, column, at: Stage::AboveAggregation })
}

fn below(sought: Sought, node: &Arc<dyn ExecutionPlan>) -> Option<Sought> {
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        let column = column_of(&projection.expr().get(sought.column)?.expr)?;
        return (sought.at == Stage::AboveAggregation).then_some(Sought { column, ..sought });
    }
    let at = match (sought.at, node.downcast_ref::<AggregateExec>()?.mode()) {
        (Stage::AboveAggregation, AggregateMode::Final | AggregateMode::FinalPartitioned) => Stage::AtFinal,
        (Stage::AtFinal, AggregateMode::Partial) => Stage::AtPartial,
        _ => return None,
    };
    Some(Sought { at, ..sought })
}

fn column_of(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<ColumnExpr>().map(ColumnExpr::index)
}
