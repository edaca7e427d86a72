//! Plans of statements, kept from one run to the next: [`cache`] finds them by text, [`template`] stands in for tables,
//! so that a plan that is kept holds no rows.
//!
//! What is kept is the plan as it was before it was optimised; and the optimised one, where nothing in it depends on
//! the moment: no `now()`, no parameter. Either is used while no table, column, model or baseline changes, each time
//! with the tables as they are then: segments and statistics are looked at when the physical plan is made, which is
//! never kept.

mod cache;
mod template;

use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use driftline_storage::{CatalogStamp, Snapshot};

pub(crate) use cache::PlanCache;
pub(crate) use template::{fill, stand_in};

use crate::catalog::CatalogView;
use crate::statement::Statement;

/// A plan that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    statement: Arc<Statement>,
    stamp: CatalogStamp,
    /// Over templates of tables.
    plan: LogicalPlan,
    /// The same after optimisation, once it was asked for.
    optimized: OnceLock<LogicalPlan>,
    is_timeless: bool,
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: SchemaRef,
    pub(crate) is_query: bool,
}

/// What is announced of a plan.
pub(crate) struct Announced {
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: SchemaRef,
    pub(crate) is_query: bool,
}

impl Kept {
    /// A plan made for a statement in `view`; None where it reads more than tables, or does more than query and
    /// change them.
    pub(crate) fn of(
        view: &CatalogView,
        statement: &Arc<Statement>,
        plan: &LogicalPlan,
        announced: Announced,
    ) -> Option<Self> {
        if !may_be_kept(plan) {
            return None;
        }
        let is_timeless = announced.is_query && is_timeless(plan).unwrap_or(false);
        let plan = template::stand_in(plan.clone()).ok()??;
        Some(Self {
            statement: Arc::clone(statement),
            stamp: view.snapshot().catalog_stamp(),
            plan,
            optimized: OnceLock::new(),
            is_timeless,
            schema: announced.schema,
            parameters: announced.parameters,
            is_query: announced.is_query,
        })
    }

    /// The statement that it is of.
    pub(crate) fn statement(&self) -> &Arc<Statement> {
        &self.statement
    }

    /// Whether it can be used there: nothing that it names has changed.
    pub(crate) fn holds_in(&self, snapshot: &Snapshot) -> bool {
        self.stamp == snapshot.catalog_stamp()
    }

    /// The plan over the tables of `view`.
    pub(crate) fn plan(&self, view: &CatalogView) -> Result<LogicalPlan> {
        template::fill(self.plan.clone(), view)
    }

    /// The optimised plan over the tables of `view`, where it may be used at any moment. `optimize` is called once.
    pub(crate) fn optimized(
        &self,
        view: &CatalogView,
        optimize: impl FnOnce(&LogicalPlan) -> Result<LogicalPlan>,
    ) -> Result<Option<LogicalPlan>> {
        if !self.is_timeless {
            return Ok(None);
        }
        let optimized = match self.optimized.get() {
            Some(optimized) => optimized,
            None => {
                let optimized = optimize(&self.plan)?;
                self.optimized.get_or_init(|| optimized)
            }
        };
        template::fill(optimized.clone(), view).map(Some)
    }
}

/// Queries, and what changes rows. `EXPLAIN` would show the stand-ins.
fn may_be_kept(plan: &LogicalPlan) -> bool {
    !matches!(
        plan,
        LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::DescribeTable(_)
    )
}

/// Whether the optimiser makes the same of a plan at any moment.
fn is_timeless(plan: &LogicalPlan) -> Result<bool> {
    let mut timeless = true;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            timeless &= !expr.exists(|expr| Ok(is_of_the_moment(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if timeless { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(timeless)
}

fn is_of_the_moment(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
        Expr::Placeholder(_) | Expr::ScalarVariable(..) => true,
        _ => false,
    }
}

/// Changes each source of a plan and of its subqueries; None where `change` has no other for one.
fn with_sources(
    plan: LogicalPlan,
    mut change: impl FnMut(&template::Source) -> Option<template::Source>,
) -> Result<Option<LogicalPlan>> {
    let mut has_all = true;
    let changed = plan.transform_up_with_subqueries(|node| {
        if !matches!(node, LogicalPlan::TableScan(_) | LogicalPlan::Dml(_)) {
            return Ok(Transformed::no(node));
        }
        let mut of = |source: &mut template::Source| match change(source) {
            Some(changed) => *source = changed,
            None => has_all = false,
        };
        let mut node = node;
        match &mut node {
            LogicalPlan::TableScan(scan) => of(&mut scan.source),
            LogicalPlan::Dml(dml) => of(&mut dml.target),
            _ => {}
        }
        Ok(Transformed::yes(node))
    });
    changed.data().map(|plan| has_all.then_some(plan))
}
