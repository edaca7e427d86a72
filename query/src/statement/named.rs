//! `psi(a, b, exact => true)` leaves `bins` out, which stands before `exact`. DataFusion takes arguments up to the last
//! one given and misses those before it, so each that is left out among them is written as NULL, which means the same.
//!
//! The parser reads the name of an argument as an expression. It is none, and a column of that name has nothing to say
//! about it: this comes before names are looked up.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Ident,
    ObjectNamePart, Value, VisitMut, VisitorMut,
};

use super::parameter::ast_mut;
use crate::function::arguments_of;

/// Writes out the arguments that calls of our functions leave out before one that they name.
pub(crate) fn fill_named(statement: &mut SqlStatement) {
    if let Some(ast) = ast_mut(statement) {
        let _ = ast.visit(&mut Filling);
    }
}

struct Filling;

impl VisitorMut for Filling {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            fill(function);
        }
        ControlFlow::Continue(())
    }
}

fn fill(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    let [ObjectNamePart::Identifier(called)] = function.name.0.as_slice() else { return };
    let Some(parameters) = arguments_of(&called.value.to_ascii_lowercase()) else { return };
    list.args.iter_mut().for_each(take_name);
    let names: Vec<String> = list.args.iter().filter_map(name_of).collect();
    let by_place = list.args.len() - names.len();
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let Some(last) = parameters.iter().rposition(|(name, _)| is_named(name)) else { return };
    let before = parameters.iter().take(last).skip(by_place);
    let left_out = before.filter(|(name, optional)| *optional && !is_named(name));
    list.args.extend(left_out.map(|(name, _)| null(name)));
}

/// Makes of a name that was read as an expression a name.
fn take_name(argument: &mut FunctionArg) {
    if let FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, operator } = argument {
        let (name, arg, operator) = (name.clone(), arg.clone(), operator.clone());
        *argument = FunctionArg::Named { name, arg, operator };
    }
}

/// The name that an argument is given by, in small letters as DataFusion compares it.
fn name_of(argument: &FunctionArg) -> Option<String> {
    match argument {
        FunctionArg::Named { name, .. } => Some(name.value.to_ascii_lowercase()),
        FunctionArg::ExprNamed { .. } | FunctionArg::Unnamed(_) => None,
    }
}

fn null(name: &str) -> FunctionArg {
    FunctionArg::Named {
        name: Ident::new(name),
        arg: FunctionArgExpr::Expr(Expr::Value(Value::Null.into())),
        operator: FunctionArgOperator::RightArrow,
    }
}
