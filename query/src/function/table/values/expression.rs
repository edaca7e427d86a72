//! Columns and expressions of columns that a call names as text.

use arrow::datatypes::DataType;
use datafusion::catalog::Session;
use datafusion::common::{Column, DFSchema, Result, internal_err, plan_datafusion_err, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::ExprWithAlias;
use driftline_storage::TableSchema;

use crate::catalog::{CatalogView, name};
use crate::function::table::provider::external;
use crate::statement::resolve_expression;

/// Reads expressions over the columns of a table.
pub(in crate::function::table) struct Expressions<'a> {
    /// The function called.
    pub function: &'static str,
    /// The catalog.
    pub view: &'a CatalogView,
    /// The session, which plans them.
    pub session: &'a dyn Session,
    /// The table.
    pub table: &'a TableSchema,
    /// Its columns as the planner sees them.
    pub schema: &'a DFSchema,
}

impl Expressions<'_> {
    /// A number or a boolean, as DOUBLE.
    pub(super) fn value(&self, argument: &str, text: &str) -> Result<Expr> {
        let expr = self.read(argument, text)?;
        let ty = expr.get_type(self.schema)?;
        if !ty.is_numeric() && !matches!(ty, DataType::Boolean | DataType::Null) {
            return plan_err!(
                "{}: argument `{argument}` must be of numbers or booleans; '{text}' is {ty}",
                self.function
            );
        }
        Ok(cast(expr, DataType::Float64))
    }

    /// Anything that a person can read, as text.
    pub(in crate::function::table) fn segment(&self, argument: &str, text: &str) -> Result<Expr> {
        let expr = self.read(argument, text)?;
        let ty = expr.get_type(self.schema)?;
        let value = if let DataType::Dictionary(_, value) = &ty { value } else { &ty };
        if value.is_nested() || value.is_binary() {
            return plan_err!(
                "{}: argument `{argument}` must be text, numbers, booleans or times; '{text}' is {ty}",
                self.function
            );
        }
        Ok(cast(expr, DataType::Utf8))
    }

    /// The column of that name, else what the text says as an expression.
    fn read(&self, argument: &str, text: &str) -> Result<Expr> {
        let columns = self.table.columns.iter().map(|column| column.name.as_str());
        if let Some(found) = name::find("column", columns, text).map_err(external)? {
            return Ok(Expr::Column(Column::from_name(found)));
        }
        let expr = self.parse(text).map_err(|error| {
            let (function, table) = (self.function, &self.table.name);
            plan_datafusion_err!(
                "{function}: argument `{argument}` must be a column of {table} or an expression of its columns, not '{text}': {}",
                error.strip_backtrace()
            )
        })?;
        if needs_more(&expr)? {
            return plan_err!(
                "{}: argument `{argument}` must be an expression of the columns of one row, the same whenever it is asked; '{text}' is not",
                self.function
            );
        }
        Ok(expr)
    }

    fn parse(&self, text: &str) -> Result<Expr> {
        let Some(state) = self.session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("{}: this session plans no expressions", self.function);
        };
        let dialect = self.session.config_options().sql_parser.dialect;
        let mut expr = state.sql_to_expr(text, &dialect)?;
        resolve_expression(&mut expr, self.view, self.table).map_err(external)?;
        state.create_logical_expr_from_sql_expr(ExprWithAlias { expr, alias: None }, self.schema)
    }
}

/// Whether it takes more than a row to tell, or another answer may come the next time.
fn needs_more(expr: &Expr) -> Result<bool> {
    let needs = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Placeholder(_)
                | Expr::OuterReferenceColumn(..)
        ))
    };
    use datafusion::common::tree_node::TreeNode;
    Ok(expr.exists(needs)? || expr.is_volatile())
}
