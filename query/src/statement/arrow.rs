//! `json -> 'a' = 'b'` means `(json -> 'a') = 'b'`, as in Postgres: the arrows bind tighter than comparisons. The parser
//! has it the other way about, so its tree is put right before anything else reads it.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, VisitorMut};

use super::parameter::ast_mut;

/// Binds the arrows of a statement to what stands beside them. What is written in parentheses stays together.
pub(crate) fn bind_arrows(statement: &mut SqlStatement) {
    if let Some(ast) = ast_mut(statement) {
        let _ = ast.visit(&mut Binding);
    }
}

struct Binding;

impl VisitorMut for Binding {
    type Break = ();

    /// Operands come before what they are operands of, so they are right already.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::BinaryOp { op, .. } if is_arrow(op))
            && let Expr::BinaryOp { left, op, right } = std::mem::replace(expr, nothing())
        {
            *expr = bound(*left, op, *right);
        }
        ControlFlow::Continue(())
    }
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.into())
}

fn is_arrow(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow)
}

/// Whether an operator takes an arrow's result as its operand.
fn is_looser(op: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::StringConcat)
}

/// `left op right` with `op` an arrow, moved down to the operands that are next to it.
fn bound(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    match left {
        Expr::BinaryOp { left: first, op: outer, right: last } if is_looser(&outer) => {
            Expr::BinaryOp { left: first, op: outer, right: Box::new(bound(*last, op, right)) }
        }
        left => to_first(left, op, right),
    }
}

fn to_first(left: Expr, op: BinaryOperator, mut right: Expr) -> Expr {
    match first_operand(&mut right) {
        Some(first) => {
            let step = std::mem::replace(first, nothing());
            *first = to_first(left, op, step);
            right
        }
        None => Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) },
    }
}

/// The operand at the left of something looser than an arrow.
fn first_operand(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::BinaryOp { left, op, .. } if is_looser(op) => Some(left),
        Expr::IsNull(first)
        | Expr::IsNotNull(first)
        | Expr::IsTrue(first)
        | Expr::IsNotTrue(first)
        | Expr::IsFalse(first)
        | Expr::IsNotFalse(first)
        | Expr::InList { expr: first, .. }
        | Expr::InSubquery { expr: first, .. }
        | Expr::Between { expr: first, .. }
        | Expr::Like { expr: first, .. }
        | Expr::ILike { expr: first, .. }
        | Expr::SimilarTo { expr: first, .. }
        | Expr::IsDistinctFrom(first, _)
        | Expr::IsNotDistinctFrom(first, _) => Some(first),
        _ => None,
    }
}
