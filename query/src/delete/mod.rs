//! `DELETE FROM t [WHERE ..]` and `TRUNCATE TABLE t`.
//!
//! The engine keeps a delete as a condition on columns, so the condition has to be one it can say. It is taken from the
//! optimized plan, every node of which is looked at: DataFusion's own hook for deletes hands over the filters it
//! recognises and drops the rest, which deletes all rows where a condition became a join or is never true.

mod predicate;

use std::sync::Arc;

use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan};
use driftline_storage::{Meaning, Predicate, TableSchema};

use crate::catalog::{CatalogView, PUBLIC};
use crate::error::{QueryError, Result};
use crate::model::is_reserved;

/// What is deleted.
#[derive(Clone, Debug)]
pub(crate) struct Delete {
    /// The table, or the model's predictions.
    pub(crate) table: Arc<TableSchema>,
    /// Which of its rows.
    pub(crate) predicate: Predicate,
}

impl Delete {
    /// Reads what an optimized plan for a delete means.
    pub(crate) fn of(view: &CatalogView, dml: &DmlStatement, optimized: &LogicalPlan) -> Result<Self> {
        let table = table_of(view, dml)?;
        let mut parts = Vec::new();
        if !conditions(optimized, dml, &mut parts)? {
            return Ok(Self { table: table.clone(), predicate: Predicate::Or(Vec::new()) });
        }
        let read = |part: &&Expr| predicate::read(part, &checked(view, table));
        let mut parts: Vec<Predicate> = parts.iter().map(read).collect::<Result<_>>()?;
        let predicate = if parts.len() == 1 { parts.remove(0) } else { Predicate::And(parts) };
        Ok(Self { table: table.clone(), predicate })
    }

    /// All rows of a table.
    pub(crate) fn all(view: &CatalogView, dml: &DmlStatement) -> Result<Self> {
        Ok(Self { table: table_of(view, dml)?.clone(), predicate: Predicate::True })
    }
}

fn table_of<'a>(view: &'a CatalogView, dml: &DmlStatement) -> Result<&'a Arc<TableSchema>> {
    let is_public = dml.table_name.schema().is_none_or(|schema| schema == PUBLIC);
    let name = dml.table_name.table();
    let table = view.snapshot().table(name).filter(|_| is_public && !is_reserved(name));
    table.ok_or_else(|| QueryError::Invalid(format!("rows of {} are not deleted by hand", dml.table_name)))
}

/// The table without the columns that a condition cannot look at: a model's labels are kept beside its predictions.
fn checked(view: &CatalogView, table: &TableSchema) -> TableSchema {
    let mut table = table.clone();
    if view.is_model(&table.name) && view.labels_of(&table.name).is_some() {
        table.columns.retain(|column| column.meaning != Some(Meaning::Label));
    }
    table
}

/// Adds the conditions of a plan that does nothing but filter the table of a delete; whether any row can pass.
fn conditions<'a>(plan: &'a LogicalPlan, dml: &DmlStatement, out: &mut Vec<&'a Expr>) -> Result<bool> {
    match plan {
        LogicalPlan::Filter(filter) => {
            out.extend(split_conjunction(&filter.predicate));
            conditions(&filter.input, dml, out)
        }
        LogicalPlan::TableScan(scan)
            if scan.fetch.is_none() && scan.table_name.resolved_eq(&dml.table_name) =>
        {
            out.extend(scan.filters.iter().flat_map(split_conjunction));
            Ok(true)
        }
        LogicalPlan::SubqueryAlias(alias) => conditions(&alias.input, dml, out),
        LogicalPlan::Projection(projection) => conditions(&projection.input, dml, out),
        LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row => Ok(false),
        other => Err(QueryError::Invalid(format!(
            "DELETE takes a condition on the columns of its table alone, not {}: select the keys first, and delete \
             with IN (..)",
            first_line(&other.display().to_string())
        ))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(80).collect()
}
