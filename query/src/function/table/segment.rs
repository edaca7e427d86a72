//! Rows told apart by the value of an expression.

use arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result, plan_datafusion_err, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::unparser::expr_to_sql;
use driftline_storage::TableSchema;

use super::provider::{Job, catalog, external};
use super::values::Expressions;
use crate::catalog::CatalogView;
use crate::statement::resolve;

/// What rows are told apart by.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// As written.
    pub text: String,
    /// Over the columns of the model, without the name of its table, as text.
    pub expr: Expr,
}

impl Segment {
    /// Reads an expression over the columns of a model.
    pub(super) fn new(
        function: &'static str,
        text: &str,
        (view, table): (&CatalogView, &TableSchema),
        session: &dyn Session,
    ) -> Result<Self> {
        let fields = table.columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
        let schema = DFSchema::try_from(Schema::new(fields.collect::<Vec<_>>()))?;
        let expr =
            Expressions { function, view, session, table, schema: &schema }.segment("segment", text)?;
        Ok(Self { text: text.to_owned(), expr })
    }

    /// As SQL in which each name is that of one column, whatever was written.
    pub(super) fn sql(&self) -> Result<String> {
        Ok(expr_to_sql(&self.expr)?.to_string())
    }
}

/// The rows that a baseline was made of, as far as they are there.
pub(super) async fn reference(job: &Job, state: &dyn Session) -> Result<LogicalPlan> {
    let planner = planner(job.function, state)?;
    let dialect = planner.config_options().sql_parser.dialect;
    let mut statement = planner.sql_to_statement(&job.query, &dialect)?;
    resolve(&mut statement, catalog(job.function, state)?.as_ref(), None).map_err(external)?;
    let plan = planner.statement_to_plan(statement).await;
    plan.map_err(|error| {
        plan_datafusion_err!(
            "{}: with `segment` the rows of baseline {} are read once more, by its query, and that failed; compare with baseline => 'previous' instead: {}",
            job.function,
            job.baseline,
            error.strip_backtrace()
        )
    })
}

fn planner<'a>(function: &str, state: &'a dyn Session) -> Result<&'a SessionState> {
    match state.as_any().downcast_ref::<SessionState>() {
        Some(state) => Ok(state),
        None => plan_err!("{function}: `segment` cannot be read in this session"),
    }
}
