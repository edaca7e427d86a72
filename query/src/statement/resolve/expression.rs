//! Names within expressions.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};

use super::Resolver;
use super::scope::{Prefer, Scope, lowered};
use crate::error::{QueryError, Result};

impl Resolver<'_> {
    /// Resolves the names in expressions; sub-queries see `scope` from within.
    pub(super) fn expressions(
        &mut self,
        within: &mut impl VisitMut,
        scope: &Scope<'_>,
        prefer: Prefer,
    ) -> Result<()> {
        match within.visit(&mut Names { resolver: self, scope, prefer, depth: 0 }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

/// The name under which an expression without alias can be used.
pub(super) fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(lowered(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(lowered),
        _ => None,
    }
}

/// Visits an expression. A sub-query is resolved as a whole when it begins, then passed over.
struct Names<'r, 'v, 's> {
    resolver: &'r mut Resolver<'v>,
    scope: &'s Scope<'s>,
    prefer: Prefer,
    depth: usize,
}

impl VisitorMut for Names<'_, '_, '_> {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        self.depth += 1;
        if self.depth > 1 {
            return ControlFlow::Continue(());
        }
        go_on(self.resolver.query(query, Some(self.scope)).map(drop))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<QueryError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        match expr {
            _ if self.depth > 0 => ControlFlow::Continue(()),
            Expr::Identifier(ident) => go_on(self.scope.column(ident, self.prefer)),
            Expr::CompoundIdentifier(parts) => go_on(self.scope.qualified(parts, self.prefer)),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn go_on(result: Result<()>) -> ControlFlow<QueryError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}
