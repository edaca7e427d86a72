//! Parameters in a statement: `$1`, `$2`, .., or `?` in order.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{
    Statement as Ast, TableFactor, Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::error::{QueryError, Result};

/// Numbers each `?` in the order of the text, as DataFusion wants them.
pub(crate) fn number_placeholders(statement: &mut SqlStatement) {
    let mut numbering = Numbering(0);
    if let Some(ast) = ast_mut(statement) {
        let _ = ast.visit(&mut numbering);
    }
}

/// Refuses parameters where their value would be needed to plan: inside the arguments of a table function.
pub(crate) fn refuse_in_table_functions(statement: &SqlStatement) -> Result<()> {
    let ControlFlow::Break(error) = (match ast(statement) {
        Some(ast) => ast.visit(&mut TableFunctions),
        None => ControlFlow::Continue(()),
    }) else {
        return Ok(());
    };
    Err(error)
}

pub(super) fn ast_mut(statement: &mut SqlStatement) -> Option<&mut Ast> {
    match statement {
        SqlStatement::Statement(ast) => Some(ast),
        SqlStatement::Explain(explain) => ast_mut(&mut explain.statement),
        _ => None,
    }
}

/// The syntax tree of a statement that has one of SQL.
pub(crate) fn ast(statement: &SqlStatement) -> Option<&Ast> {
    match statement {
        SqlStatement::Statement(ast) => Some(ast),
        SqlStatement::Explain(explain) => ast(&explain.statement),
        _ => None,
    }
}

struct Numbering(usize);

impl VisitorMut for Numbering {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &mut value.value
            && name == "?"
        {
            self.0 += 1;
            *name = format!("${}", self.0);
        }
        ControlFlow::Continue(())
    }
}

struct TableFunctions;

impl Visitor for TableFunctions {
    type Break = QueryError;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<QueryError> {
        let (name, found) = match factor {
            TableFactor::Table { name, args: Some(args), .. } => (name, args.visit(&mut AnyPlaceholder)),
            TableFactor::Function { name, args, .. } => (name, args.visit(&mut AnyPlaceholder)),
            _ => return ControlFlow::Continue(()),
        };
        match found {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(parameter) => ControlFlow::Break(QueryError::Invalid(format!(
                "parameter {parameter} stands inside {name}(..): the arguments of a table function are needed \
                 to plan the statement; write the value itself there"
            ))),
        }
    }
}

struct AnyPlaceholder;

impl Visitor for AnyPlaceholder {
    type Break = String;

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<String> {
        match &value.value {
            Value::Placeholder(name) => ControlFlow::Break(name.clone()),
            _ => ControlFlow::Continue(()),
        }
    }
}
