//! From the syntax of the join to its node.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result, not_impl_err, plan_err};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Extension, LogicalPlan, LogicalPlanBuilder, Operator, UserDefinedLogicalNode,
};
use datafusion::sql::sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableFactor, TableWithJoins,
};

use super::Nearest;
use super::node::{AsofJoin, Pair};

/// Plans parentheses with such a join in them.
#[derive(Debug)]
pub(in crate::function) struct AsofJoins;

impl RelationPlanner for AsofJoins {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (mut within, alias) = match relation {
            TableFactor::NestedJoin { table_with_joins, alias } if has_asof(&table_with_joins) => {
                (*table_with_joins, alias)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let after = after_last_asof(&mut within);
        let Some(join) = within.joins.pop() else { return not_impl_err!("a join of nothing") };
        let left = nested(within);
        let plan = if after.is_empty() {
            plan_join(left, join, context)?
        } else {
            let relation = nested(TableWithJoins { relation: left, joins: vec![join] });
            context.plan(nested(TableWithJoins { relation, joins: after }))?
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

fn is_asof(join: &Join) -> bool {
    matches!(join.join_operator, JoinOperator::AsOf { .. })
}

fn has_asof(within: &TableWithJoins) -> bool {
    within.joins.iter().any(is_asof)
}

/// Takes off the joins after the last such one.
fn after_last_asof(within: &mut TableWithJoins) -> Vec<Join> {
    let end = within.joins.iter().rposition(is_asof).map_or(0, |at| at + 1);
    within.joins.split_off(end)
}

fn nested(within: TableWithJoins) -> TableFactor {
    if within.joins.is_empty() {
        return within.relation;
    }
    TableFactor::NestedJoin { table_with_joins: Box::new(within), alias: None }
}

fn plan_join(left: TableFactor, join: Join, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let JoinOperator::AsOf { match_condition, constraint } = join.join_operator else {
        return not_impl_err!("{:?} is no ASOF JOIN", join.join_operator);
    };
    let sides = Sides::new(context.plan(left)?, context.plan(join.relation)?)?;
    let condition = context.sql_to_expr(match_condition, &sides.both)?;
    let (nearest, times) = sides.nearest(condition)?;
    match constraint {
        JoinConstraint::On(on) => {
            let keys = sides.keys(context.sql_to_expr(on, &sides.both)?)?;
            sides.join(keys, times, nearest)
        }
        JoinConstraint::Using(names) => {
            let names = names.into_iter().map(|name| plain(name, context)).collect::<Result<Vec<_>>>()?;
            let keys = names.iter().map(|name| sides.named(name)).collect::<Result<_>>()?;
            let right = Arc::clone(sides.right.schema());
            without(sides.join(keys, times, nearest)?, &right, &names)
        }
        JoinConstraint::None => sides.join(Vec::new(), times, nearest),
        JoinConstraint::Natural => plan_err!("ASOF JOIN is not NATURAL: write ON or USING"),
    }
}

fn plain(name: ObjectName, context: &mut dyn RelationPlannerContext) -> Result<String> {
    match name.0.as_slice() {
        [part] => match part.as_ident() {
            Some(ident) => Ok(context.normalize_ident(Ident::clone(ident))),
            None => plan_err!("{name} in USING must be a column"),
        },
        _ => plan_err!("{name} in USING must be a column, without the name of a table"),
    }
}

/// The join without the right side's columns of these names, which are those of the left.
fn without(join: LogicalPlan, right: &DFSchema, names: &[String]) -> Result<LogicalPlan> {
    let left_width = join.schema().fields().len() - right.fields().len();
    let stays = |at: usize, name: &String| at < left_width || !names.contains(name);
    let columns = join.schema().iter().enumerate().filter(|(at, (_, field))| stays(*at, field.name()));
    let columns: Vec<Expr> = columns.map(|(_, column)| Expr::from(column)).collect();
    LogicalPlanBuilder::from(join).project(columns)?.build()
}

struct Sides {
    left: LogicalPlan,
    right: LogicalPlan,
    both: DFSchema,
}

impl Sides {
    fn new(left: LogicalPlan, right: LogicalPlan) -> Result<Self> {
        let both = left.schema().join(right.schema())?;
        Ok(Self { left, right, both })
    }

    /// Two compared expressions, that of the left side first; whether they were turned.
    fn pair(&self, a: Expr, b: Expr) -> Option<(Pair, bool)> {
        let of = |expr: &Expr, side: &LogicalPlan| {
            let columns = expr.column_refs();
            !columns.is_empty() && columns.iter().all(|column| side.schema().is_column_from_schema(column))
        };
        if of(&a, &self.left) && of(&b, &self.right) {
            Some((Pair { left: a, right: b }, false))
        } else if of(&b, &self.left) && of(&a, &self.right) {
            Some((Pair { left: b, right: a }, true))
        } else {
            None
        }
    }

    fn nearest(&self, condition: Expr) -> Result<(Nearest, Pair)> {
        let wrong = format!(
            "MATCH_CONDITION ({condition}) must compare a time of the left side with one of the right by >=, >, <= or <"
        );
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return plan_err!("{wrong}") };
        let Some((pair, turned)) = self.pair(*left, *right) else { return plan_err!("{wrong}") };
        let op = if turned { op.swap() } else { Some(op) };
        let (before, same_time) = match op {
            Some(Operator::GtEq) => (true, true),
            Some(Operator::Gt) => (true, false),
            Some(Operator::LtEq) => (false, true),
            Some(Operator::Lt) => (false, false),
            _ => return plan_err!("{wrong}"),
        };
        Ok((Nearest { before, same_time }, pair))
    }

    fn keys(&self, on: Expr) -> Result<Vec<Pair>> {
        split_conjunction_owned(on).into_iter().map(|condition| self.key(condition)).collect()
    }

    fn key(&self, condition: Expr) -> Result<Pair> {
        let wrong = format!("ON of an ASOF JOIN takes left = right, several by AND, not {condition}");
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                match self.pair(*left, *right) {
                    Some((pair, _)) => Ok(pair),
                    None => plan_err!("{wrong}"),
                }
            }
            _ => plan_err!("{wrong}"),
        }
    }

    fn named(&self, name: &str) -> Result<Pair> {
        let column =
            |side: &LogicalPlan| side.schema().qualified_field_with_unqualified_name(name).map(Expr::from);
        Ok(Pair { left: column(&self.left)?, right: column(&self.right)? })
    }

    fn join(self, keys: Vec<Pair>, times: Pair, nearest: Nearest) -> Result<LogicalPlan> {
        let node = AsofJoin::try_new(self.left, self.right, keys, times, nearest)?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) as Arc<dyn UserDefinedLogicalNode> }))
    }
}
