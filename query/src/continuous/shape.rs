//! A continuous query taken apart, so that those which differ only in what they measure are asked together.
//!
//! Queries that read the same rows and group them alike share one aggregation of all their measures; what each of them
//! makes of it (its HAVING and its columns) is worked out from the groups, which are few.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::Query;
use driftline_storage::{TIME_COLUMN, TableSchema};

use super::spans::Span;
use crate::database::Access;
use crate::egress;
use crate::error::Result;
use crate::plan;
use crate::session::Session;
use crate::statement;

/// What one continuous query is made of.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The table that it was planned over.
    source: Arc<TableSchema>,
    /// The rows below the aggregation, over templates of tables.
    rows: LogicalPlan,
    groups: Vec<Expr>,
    measures: Vec<Expr>,
    having: Option<Expr>,
    columns: Vec<Expr>,
    schema: SchemaRef,
    /// The same for queries that group the same rows alike.
    key: String,
}

impl Shape {
    /// Of a query; None of one that is more than a projection of an aggregation of a table.
    pub(crate) async fn of(
        session: &Session,
        query: &Query,
        source: Arc<TableSchema>,
    ) -> Result<Option<Self>> {
        let statement = statement::of_query(Box::new(query.clone()));
        let plan = session.analyzed(session.plan(statement, Access::Embedded).await?)?;
        let Some(plan) = plan::stand_in(plan)? else { return Ok(None) };
        let LogicalPlan::Projection(projection) = plan else { return Ok(None) };
        let (having, below) = match &*projection.input {
            LogicalPlan::Filter(filter) => (Some(filter.predicate.clone()), Arc::clone(&filter.input)),
            _ => (None, Arc::clone(&projection.input)),
        };
        let LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) = &*below else {
            return Ok(None);
        };
        let groups: Vec<String> = group_expr.iter().map(|expr| expr.schema_name().to_string()).collect();
        Ok(Some(Self {
            source,
            key: format!("{}\n{}", groups.join(", "), input.display_indent()),
            rows: LogicalPlan::clone(input),
            groups: group_expr.clone(),
            measures: aggr_expr.clone(),
            having,
            columns: projection.expr.clone(),
            schema: Arc::clone(projection.schema.inner()),
        }))
    }

    /// Whether it is of the table as it is now.
    pub(crate) fn is_over(&self, source: &Arc<TableSchema>) -> bool {
        Arc::ptr_eq(&self.source, source)
    }

    /// The same for those that may be asked together.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether both can be asked together: names alone do not tell, for `CAST(x AS BIGINT)` has that of `x`.
    pub(crate) fn joins(&self, other: &Self) -> bool {
        let alike = |a: &Expr, b: &Expr| a == b || a.schema_name().to_string() != b.schema_name().to_string();
        self.rows == other.rows
            && self.groups == other.groups
            && self.measures.iter().all(|own| other.measures.iter().all(|measure| alike(own, measure)))
    }

    /// What this one makes of the groups.
    fn answer(&self, session: &Session, groups: &RecordBatch, schema: &DFSchema) -> Result<RecordBatch> {
        let value = |expr: &Expr, groups: &RecordBatch| -> Result<ArrayRef> {
            let expr = session.physical_expr(expr.clone(), schema)?;
            Ok(expr.evaluate(groups)?.into_array(groups.num_rows())?)
        };
        let kept = match &self.having {
            Some(having) => filter_record_batch(groups, as_boolean_array(&value(having, groups)?)?)?,
            None => groups.clone(),
        };
        let columns = self.columns.iter().map(|expr| value(expr, &kept)).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        egress::batch(&rows)
    }
}

/// The answers of queries that can be asked together; where that fails each is asked alone, so that one that cannot be
/// answered stops no other.
pub(crate) async fn each(
    session: &Session,
    shapes: &[Arc<Shape>],
    span: Span,
) -> Vec<Result<Option<RecordBatch>>> {
    if let Ok(rows) = ask(session, shapes, span).await {
        return rows.into_iter().map(|rows| Ok(Some(rows))).collect();
    }
    let mut all = Vec::new();
    for shape in shapes {
        let alone = ask(session, std::slice::from_ref(shape), span).await;
        all.push(alone.map(|rows| rows.into_iter().next()));
    }
    all
}

/// The answers of queries that can be asked together for the base rows of these times, in their order.
async fn ask(session: &Session, shapes: &[Arc<Shape>], span: Span) -> Result<Vec<RecordBatch>> {
    let Some(first) = shapes.first() else { return Ok(Vec::new()) };
    let mut measures: Vec<Expr> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for measure in shapes.iter().flat_map(|shape| &shape.measures) {
        if names.insert(measure.schema_name().to_string()) {
            measures.push(measure.clone());
        }
    }
    let rows = plan::fill(first.rows.clone(), session.view())?;
    let plan = within(LogicalPlanBuilder::from(rows), span)?;
    let plan = plan.aggregate(first.groups.clone(), measures)?.build()?;
    let schema = Arc::clone(plan.schema());
    let groups = session.rows(plan).await?;
    shapes.iter().map(|shape| shape.answer(session, &groups, &schema)).collect()
}

fn within(rows: LogicalPlanBuilder, span: Span) -> Result<LogicalPlanBuilder> {
    let time = || Expr::Column(Column::from_name(TIME_COLUMN));
    let bound = |nanos| lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())));
    let after = (span.start > i64::MIN).then(|| time().gt_eq(bound(span.start)));
    let before = (span.end < i64::MAX).then(|| time().lt(bound(span.end)));
    match after.into_iter().chain(before).reduce(Expr::and) {
        Some(within) => Ok(rows.filter(within)?),
        None => Ok(rows),
    }
}
