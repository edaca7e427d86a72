//! What has to hold of an alert before it is kept: what it asks is there, and each row of the answer is an instance.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Query, Statement as Ast, TableFactor, Value, Visit, Visitor,
};
use futures::TryStreamExt;

use super::apply::Coming;
use super::{annotation, by};
use crate::alert::metric::{self, Metric, ModelColumns};
use crate::alert::{MetricRule, Rule, ask};
use crate::catalog::{CatalogView, name};
use crate::database::{Access, Database};
use crate::duration;
use crate::error::{QueryError, Result};
use crate::model::{MODEL_PREFIX, is_reserved};
use crate::session::Session;
use crate::statement::query_of;

/// The model's option that says how late labels come.
const LABEL_DELAY: &str = "label_delay";

/// Whether a table or model that an alert names is still to come: then it lies dormant.
///
/// # Errors
/// One is missing whose name is nearly that of one that is there: a slip more often than a plan.
pub(super) fn awaits(database: &Database, rule: &Rule, coming: &Coming, access: Access) -> Result<bool> {
    let snapshot = &database.engine().snapshot();
    let tables = || snapshot.tables().keys().map(String::as_str).filter(|name| !is_reserved(name));
    let models = || snapshot.entries().keys().filter_map(|key| key.strip_prefix(MODEL_PREFIX));
    let named = Named::by(&rule.query);
    let comes = |all: &BTreeSet<String>, wanted: &String| all.iter().any(|name| name::same(name, wanted));
    let mut missing = Vec::new();
    for wanted in rule.model.iter().chain(&named.models) {
        if !models().any(|model| name::same(model, wanted)) {
            let near = models().find(|known| name::is_near(known, wanted));
            missing.push(("model", wanted, near.filter(|_| !comes(&coming.models, wanted))));
        }
    }
    // Tables over files are there for the embedding program alone.
    let declared = |table: &str| access == Access::Embedded && database.is_external(table);
    for wanted in named.tables.iter().filter(|wanted| !declared(wanted)) {
        if !tables().any(|table| name::same(table, wanted)) {
            let near = tables().find(|known| name::is_near(known, wanted));
            missing.push(("table", wanted, near.filter(|_| !comes(&coming.tables, wanted))));
        }
    }
    match missing.iter().find_map(|(what, wanted, near)| Some((*what, *wanted, (*near)?))) {
        Some((what, wanted, near)) => Err(of("its query", name::missing(what, wanted, [near], ""))),
        None => Ok(!missing.is_empty()),
    }
}

/// The names in FROM: tables of schema `public`, without those that WITH names, and models that table functions take.
#[derive(Default)]
struct Named {
    own: BTreeSet<String>,
    tables: BTreeSet<String>,
    models: BTreeSet<String>,
}

impl Named {
    fn by(query: &str) -> Self {
        let mut named = Self::default();
        if let Ok(query) = query_of(query) {
            let _ = query.visit(&mut named);
        }
        let own = std::mem::take(&mut named.own);
        named.tables.retain(|table| !own.iter().any(|own| name::same(own, table)));
        named
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own.extend(named.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args, .. } = factor {
            let parts: Vec<&str> =
                name.0.iter().filter_map(|part| Some(part.as_ident()?.value.as_str())).collect();
            match (parts.as_slice(), args) {
                ([table] | ["public", table], None) => drop(self.tables.insert((*table).to_owned())),
                (_, Some(arguments)) => self.models.extend(arguments.args.first().and_then(text_of)),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn text_of(argument: &FunctionArg) -> Option<String> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) = argument else { return None };
    if let Value::SingleQuotedString(text) = &value.value { Some(text.clone()) } else { None }
}

/// Looks at an alert, and writes into it what follows from what is there: names as they are spelled, the query of a
/// metric, and BY where the query groups and nothing else was said.
///
/// # Errors
/// What is wrong with it, and how it would do.
pub(crate) async fn check(database: &Database, rule: &mut Rule, access: Access) -> Result<()> {
    let session = database.session_at(database.now_nanos(), None);
    find_model(session.view(), rule)?;
    let asked = match (&rule.metric, &rule.model) {
        (Some(of), None) => metric::stand_in(metric_of(of)?).to_owned(),
        _ => rule.query.clone(),
    };
    if access == Access::Network {
        // It is judged as the embedding program would ask, but may reach no more than who makes it.
        let own = database.session(access, None);
        plan(&own, &asked, access).await.map_err(|error| of("its query", error))?;
    }
    let planned = plan(&session, &asked, Access::Embedded).await.map_err(|error| of("its query", error))?;
    check_conditions(&session, rule, &asked).await?;
    let columns: Vec<String> = planned.schema().fields().iter().map(|field| field.name().clone()).collect();
    rule.by = match rule.by.as_slice() {
        [] => by::groups(&planned),
        named => spelled(named, &columns)?,
    };
    annotation::check(rule, &columns)?;
    // A metric answers one row.
    if rule.metric.is_none() { check_identity(database, rule, &columns).await } else { Ok(()) }
}

/// The model as it is spelled, and of a metric the query that it stands for there.
fn find_model(view: &Arc<CatalogView>, rule: &mut Rule) -> Result<()> {
    let Some(wanted) = &rule.model else { return Ok(()) };
    let model = view.model(wanted)?;
    if let Some(of) = &rule.metric {
        let columns = ModelColumns::of(&model, &*view.table(&model.name)?);
        let delay = model.options.get(LABEL_DELAY).map(|delay| duration::nanos(delay)).transpose()?;
        let made = metric::query(of, &model.name, &columns, delay).map_err(QueryError::Invalid)?;
        (rule.query, rule.when) = (made.sql, made.when);
    }
    rule.model = Some(model.name.clone());
    Ok(())
}

fn metric_of(of: &MetricRule) -> Result<Metric> {
    of.metric.parse().map_err(QueryError::Invalid)
}

async fn plan(session: &Session, sql: &str, access: Access) -> Result<LogicalPlan> {
    let plan = session.plan(statement(sql)?, access).await?;
    session.check(&plan).await?;
    Ok(plan)
}

fn statement(sql: &str) -> Result<SqlStatement> {
    Ok(SqlStatement::Statement(Box::new(Ast::Query(query_of(sql)?))))
}

/// Conditions speak of the columns of the answer; one after the other, so that it is clear which is wrong.
async fn check_conditions(session: &Session, rule: &Rule, query: &str) -> Result<()> {
    let when = ask::sql(query, &rule.when, None);
    plan(session, &when, Access::Embedded).await.map_err(|error| of("WHEN", error))?;
    if let Some(resolve) = &rule.resolve_when {
        let both = ask::sql(query, &rule.when, Some(resolve));
        plan(session, &both, Access::Embedded).await.map_err(|error| of("RESOLVE WHEN", error))?;
    }
    Ok(())
}

fn spelled(named: &[String], columns: &[String]) -> Result<Vec<String>> {
    let names = || columns.iter().map(String::as_str);
    let spell = |wanted: &String| {
        let found = name::find("BY column", names(), wanted)?;
        found.map(str::to_owned).ok_or_else(|| {
            QueryError::NotFound(format!(
                "BY column {wanted} is not in the answer of the query, which has {}",
                columns.join(", ")
            ))
        })
    };
    named.iter().map(spell).collect()
}

/// Runs the query for the last window that is closed: two rows of one identity would be one instance that is good and
/// bad at once.
async fn check_identity(database: &Database, rule: &Rule, columns: &[String]) -> Result<()> {
    let end = window_end(database.now_nanos(), rule);
    let session = database.session_at(end, None);
    let rows = session.run(statement(&alike(rule))?, Access::Embedded).await;
    let rows = async { rows?.try_collect::<Vec<RecordBatch>>().await.map_err(QueryError::from) }.await;
    let rows = rows.map_err(|error| of("its query", error))?;
    let Some(found) = rows.iter().find(|batch| batch.num_rows() > 0) else { return Ok(()) };
    let (identity, count) = first(found)?;
    let by = rule.by.join(", ");
    let whose = if by.is_empty() { String::new() } else { format!(" with {identity}") };
    let end = DateTime::from_timestamp_nanos(end).to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Err(QueryError::Invalid(format!(
        "alert {}: for the window that ended at {end} the query answers {count} rows{whose}, which would be one instance; \
         name the columns that tell rows apart with BY (..), of {}, or GROUP BY {}",
        rule.name,
        columns.join(", "),
        if by.is_empty() { "nothing" } else { &by },
    )))
}

/// The end of the last window that can be judged.
fn window_end(now: i64, rule: &Rule) -> i64 {
    let now = now.saturating_sub(rule.delay);
    now.saturating_sub(now.rem_euclid(rule.every.max(1)))
}

/// A query for the identity that most rows share, with how many, where several do.
fn alike(rule: &Rule) -> String {
    let by: Vec<String> = rule.by.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let by = by.join(", ");
    let (shown, grouped) = match by.as_str() {
        "" => (String::new(), String::new()),
        by => (format!("{by}, "), format!(" GROUP BY {by}")),
    };
    format!(
        "SELECT {shown}count(*) AS \"$rows\" FROM (\n{}\n){grouped} HAVING count(*) > 1 ORDER BY \"$rows\" DESC LIMIT 1",
        rule.query
    )
}

/// The first row of that: `model = 'a', version = '2'`, and the count.
fn first(rows: &RecordBatch) -> Result<(String, String)> {
    let options = FormatOptions::default().with_null("null");
    let mut texts = Vec::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let text = ArrayFormatter::try_new(column, &options)?.value(0).to_string();
        texts.push((field.name().clone(), text));
    }
    let count = texts.pop().map_or_else(String::new, |(_, count)| count);
    let identity: Vec<String> = texts.iter().map(|(name, text)| format!("{name} = {text:?}")).collect();
    Ok((identity.join(", "), count))
}

/// An error with what it is of. Places in the text are left out: they would be those of a query that nobody wrote.
fn of(what: &str, error: QueryError) -> QueryError {
    let told = |text: String| {
        let text = match text.rfind(" (line ") {
            Some(at) if text.ends_with(')') => text.get(..at).unwrap_or_default(),
            _ => &text,
        };
        format!("{what}: {text}")
    };
    match error {
        QueryError::Invalid(text) => QueryError::Invalid(told(text)),
        QueryError::NotFound(text) => QueryError::NotFound(told(text)),
        other => other,
    }
}
