//! `a ASOF JOIN b` in parentheses of its own. DataFusion plans the joins of FROM one after the other and knows not this
//! one; a relation in parentheses it gives to the planner of ours.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{
    Join, JoinOperator, Query, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

use super::parameter::ast_mut;

/// Puts every such join of a FROM, with all that stands before it, in parentheses.
pub(crate) fn nest_asof_joins(statement: &mut SqlStatement) {
    if let Some(ast) = ast_mut(statement) {
        let _ = ast.visit(&mut Nesting);
    }
}

struct Nesting;

impl VisitorMut for Nesting {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        body(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn body(part: &mut SetExpr) {
    match part {
        SetExpr::Select(select) => select.from.iter_mut().for_each(nest),
        SetExpr::SetOperation { left, right, .. } => {
            body(left);
            body(right);
        }
        _ => {}
    }
}

fn nest(from: &mut TableWithJoins) {
    let is_asof = |join: &Join| matches!(join.join_operator, JoinOperator::AsOf { .. });
    let Some(last) = from.joins.iter().rposition(is_asof) else { return };
    let after = from.joins.split_off(last + 1);
    let joins = std::mem::replace(&mut from.joins, after);
    let within = TableWithJoins { relation: from.relation.clone(), joins };
    from.relation = TableFactor::NestedJoin { table_with_joins: Box::new(within), alias: None };
}
