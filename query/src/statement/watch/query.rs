//! Queries and conditions that run again and again with nobody watching: only such that read.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Query, SetExpr, Visit, Visitor};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::Result;
use crate::statement::parser::{Parser, wrong_at};

/// A query; its text.
pub(super) fn query(parser: &mut Parser<'_>) -> Result<String> {
    let at = parser.peek().span.start;
    let (query, text) = parser.query()?;
    check(&query, at)?;
    Ok(text)
}

/// An expression over the columns of a query; its text.
pub(super) fn condition(parser: &mut Parser<'_>) -> Result<String> {
    let at = parser.peek().span.start;
    let (expr, text) = parser.expression()?;
    check(&expr, at)?;
    Ok(text)
}

fn check(read: &impl Visit, at: Location) -> Result<()> {
    match read.visit(&mut Writes) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(wrong_at("write a query that only reads", at)),
    }
}

/// Stops at a query that writes, wherever it stands.
struct Writes;

impl Visitor for Writes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if writes(&query.body) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn writes(body: &SetExpr) -> bool {
    match body {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => true,
        SetExpr::SetOperation { left, right, .. } => writes(left) || writes(right),
        SetExpr::Select(select) => select.into.is_some(),
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => false,
    }
}
