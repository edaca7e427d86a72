//! Rows told apart by the value of an expression.

use arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, plan_datafusion_err, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use driftline_storage::TableSchema;

use super::provider::Job;

/// What rows are told apart by.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// As written.
    pub text: String,
    /// Over the columns of the model, without the name of its table.
    pub expr: Expr,
}

impl Segment {
    /// Reads an expression over the columns of a model.
    pub(super) fn new(function: &str, text: &str, table: &TableSchema, state: &dyn Session) -> Result<Self> {
        let fields = table.columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
        let schema = DFSchema::try_from(Schema::new(fields.collect::<Vec<_>>()))?;
        let wrong = |what: &str| {
            plan_datafusion_err!(
                "{function}: argument `segment` must be an expression over columns of {}, as in 'country' or 'age >= 60', not {text}: {what}",
                table.name
            )
        };
        let expr = planner(function, state)?.create_logical_expr(text, &schema);
        let expr = expr.map_err(|error| wrong(&error.strip_backtrace()))?;
        match expr.exists(|expr| Ok(matches!(expr, Expr::AggregateFunction(_) | Expr::WindowFunction(_))))? {
            true => Err(wrong("it is of many rows")),
            false => Ok(Self { text: text.to_owned(), expr }),
        }
    }
}

/// The rows that a baseline was made of, as far as they are there.
pub(super) async fn reference(job: &Job, state: &dyn Session) -> Result<LogicalPlan> {
    let planner = planner(job.function, state)?;
    let dialect = planner.config_options().sql_parser.dialect;
    let statement = planner.sql_to_statement(&job.query, &dialect)?;
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
