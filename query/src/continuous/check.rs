//! What a query has to be so that it can be kept current window by window, and the table that it fills.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, Volatility};
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Ast};
use driftline_storage::{Column, ColumnType, Meaning, Role, TIME_COLUMN, TableSchema};

use super::bucket::Bucket;
use crate::catalog::{CatalogView, PUBLIC, label_columns};
use crate::database::Access;
use crate::egress;
use crate::error::{QueryError, Result};
use crate::session::Session;
use crate::write::column_type;

/// A query that can be kept.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The table it reads.
    pub(crate) source: std::sync::Arc<TableSchema>,
    /// Its windows.
    pub(crate) bucket: Bucket,
    /// Whether it asks for the moment.
    pub(crate) uses_now: bool,
    /// Whether it looks at a column of labels.
    pub(crate) reads_labels: bool,
    /// The columns of its answer, for the table that it fills.
    pub(crate) columns: Vec<Column>,
}

/// Looks at a query.
///
/// # Errors
/// What is wrong with it, and how it would do.
pub(crate) async fn check(session: &Session, query: &Query, access: Access) -> Result<Checked> {
    if query.order_by.is_some() || query.limit_clause.is_some() {
        return Err(unfit(
            "ORDER BY and LIMIT have no place in it: it fills a table, which is sorted when it is read",
        ));
    }
    let statement = SqlStatement::Statement(Box::new(Ast::Query(Box::new(query.clone()))));
    let plan = session.plan(statement, access).await?;
    let (projection, aggregate) = parts(&plan)?;
    let source = source(&plan, &aggregate.input, session.view())?;
    let (at, bucket) = bucket_of(aggregate)?;
    let columns = columns(&plan, projection, aggregate, at, &source)?;
    let reads_labels = reads_labels(&plan, &source)?;
    Ok(Checked { source, bucket, uses_now: uses_now(&plan)?, reads_labels, columns })
}

fn unfit(what: &str) -> QueryError {
    QueryError::Invalid(format!(
        "a continuous query is one SELECT over one table with a bucket of time, such as SELECT date_bin(INTERVAL '1 minute', \
         time) AS time, version, count(*) AS n FROM requests GROUP BY 1, 2. {what}"
    ))
}

/// The projection and the aggregation that a plan consists of.
fn parts(plan: &LogicalPlan) -> Result<(&Projection, &Aggregate)> {
    let LogicalPlan::Projection(projection) = plan else {
        return Err(unfit(&format!("This one is more than that: {}", first_line(plan))));
    };
    let mut input = &*projection.input;
    if let LogicalPlan::Filter(having) = input {
        input = &having.input;
    }
    match input {
        LogicalPlan::Aggregate(aggregate) => Ok((projection, aggregate)),
        LogicalPlan::Window(_) => {
            Err(unfit("Window functions (OVER) look beyond one bucket; ask them of the table it fills"))
        }
        _ => Err(unfit("This one has no GROUP BY")),
    }
}

fn first_line(plan: &LogicalPlan) -> String {
    plan.display().to_string().lines().next().unwrap_or_default().chars().take(80).collect()
}

/// The one table below an aggregation.
fn source(
    plan: &LogicalPlan,
    input: &LogicalPlan,
    view: &CatalogView,
) -> Result<std::sync::Arc<TableSchema>> {
    let mut scans = 0;
    plan.apply_with_subqueries(|node| {
        scans += usize::from(matches!(node, LogicalPlan::TableScan(_)));
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut input = input;
    loop {
        match input {
            LogicalPlan::Filter(filter) => input = &filter.input,
            LogicalPlan::SubqueryAlias(alias) => input = &alias.input,
            LogicalPlan::TableScan(scan) if scans == 1 => {
                let name = &scan.table_name;
                let is_public = name.schema().is_none_or(|schema| schema == PUBLIC);
                let found = view.snapshot().table(name.table()).filter(|_| is_public).cloned();
                return found
                    .ok_or_else(|| unfit(&format!("{name} is no table whose writes can be followed")));
            }
            LogicalPlan::TableScan(_) => {
                return Err(unfit("This one reads several tables: subqueries have no place in it"));
            }
            LogicalPlan::Join(_) => {
                return Err(unfit("This one joins tables: join them when the table it fills is read"));
            }
            other => return Err(unfit(&format!("This one reads {}", first_line(other)))),
        }
    }
}

/// Which of the groups is the bucket of time.
fn bucket_of(aggregate: &Aggregate) -> Result<(usize, Bucket)> {
    if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return Err(unfit(
            "GROUPING SETS, ROLLUP and CUBE have no place in it: make one continuous query for each",
        ));
    }
    let buckets = aggregate.group_expr.iter().enumerate();
    let mut buckets = buckets.filter_map(|(at, expr)| Some((at, Bucket::of(&expr.clone().unalias())?)));
    match (buckets.next(), buckets.next()) {
        (Some(bucket), None) => Ok(bucket),
        (Some(_), Some(_)) => Err(unfit("This one has two buckets of time")),
        (None, _) => Err(unfit(
            "This one has none: group by date_bin, or by date_trunc of second, minute, hour, day, week, month, quarter or year, \
             of time itself, or by date_trunc of days or longer of time AT TIME ZONE '..'",
        )),
    }
}

/// The columns of the answer. Texts by which is grouped, and which have few values, are TAGs.
fn columns(
    plan: &LogicalPlan,
    projection: &Projection,
    aggregate: &Aggregate,
    bucket: usize,
    source: &TableSchema,
) -> Result<Vec<Column>> {
    let schema = egress::schema(plan.schema().inner());
    let group_of = |expr: &Expr| {
        let name = expr.clone().unalias().schema_name().to_string();
        (0..aggregate.group_expr.len())
            .find(|at| aggregate.schema.field(*at).name() == &column_name(&name, expr))
    };
    let mut columns = Vec::new();
    for (field, expr) in schema.fields().iter().zip(&projection.expr) {
        let group = group_of(expr);
        if group == Some(bucket) && field.name() == TIME_COLUMN {
            columns.insert(0, Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time));
            continue;
        }
        if field.name() == TIME_COLUMN {
            return Err(unfit(
                "Its column time is not the bucket: write date_bin(..) AS time, and another name for the other",
            ));
        }
        let Some(ty) = column_type(field) else {
            return Err(unfit(&format!(
                "Its column {} has type {}, which no column can have",
                field.name(),
                field.data_type()
            )));
        };
        let is_tag = ty == ColumnType::Text
            && group.is_some_and(|at| has_few_values(&aggregate.group_expr[at], source));
        columns.push(Column::new(field.name(), ty, if is_tag { Role::Tag } else { Role::Field }));
    }
    match columns.first() {
        Some(first) if first.role == Role::Time => Ok(columns),
        _ => Err(unfit("The bucket has to be in its answer, and named time: write date_bin(..) AS time")),
    }
}

/// How the aggregation below names what an expression of the projection refers to.
fn column_name(name: &str, expr: &Expr) -> String {
    match expr.clone().unalias() {
        Expr::Column(column) => column.name,
        _ => name.to_owned(),
    }
}

fn has_few_values(group: &Expr, source: &TableSchema) -> bool {
    let Expr::Column(column) = group.clone().unalias() else { return false };
    let Some(column) = source.column_named(&column.name) else { return false };
    let is_category = matches!(
        column.meaning,
        Some(Meaning::CategoricalFeature | Meaning::Prediction | Meaning::Label | Meaning::Variant)
    );
    column.role == Role::Tag || is_category
}

/// Whether an expression of a plan names a column of labels of a table.
pub(crate) fn reads_labels(plan: &LogicalPlan, table: &TableSchema) -> Result<bool> {
    let labels: Vec<&str> = label_columns(table).map(|column| column.name.as_str()).collect();
    let is_label =
        |expr: &Expr| matches!(expr, Expr::Column(column) if labels.contains(&column.name.as_str()));
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is_label(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// Whether a plan answers otherwise at another moment.
fn uses_now(plan: &LogicalPlan) -> Result<bool> {
    let is_now = |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable);
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is_now(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}
