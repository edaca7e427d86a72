//! The SQL face of the statistics: what each function takes and refuses, and how its state travels between
//! partitions. The formulas are in [`crate::stats`]; `docs/functions.md` says where each function is described.

pub(crate) mod aggregate;
mod argument;
mod asof;
pub(crate) mod counting;
mod detector;
mod extension;
mod gapfill;
mod json;
mod nodes;
mod parameter;
mod scalar;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod vector;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::TableFunction;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::{ExprPlanner, RelationPlanner};

pub(crate) use gapfill::rewrite as rewrite_gapfill;
pub(crate) use table::{PREVIOUS, may_read_labels, model_of, unusable};

/// The arguments of a function of ours, in order, and whether each may be left out; None of any other function.
pub(crate) fn arguments_of(function: &str) -> Option<Vec<(&'static str, bool)>> {
    let mut all = scalar::parameters().chain(aggregate::parameters());
    let (_, parameters) = all.find(|(name, _)| *name == function)?;
    Some(parameters.iter().map(|parameter| (parameter.name, parameter.optional)).collect())
}

/// Adds our functions, table functions and plan nodes to a session, and the planners of our syntax.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    builder.aggregate_functions().get_or_insert_with(Vec::new).extend(aggregate::functions());
    builder.window_functions().get_or_insert_with(Vec::new).extend(aggregate::window_functions());
    builder.window_functions().get_or_insert_with(Vec::new).extend(window::functions());
    builder.scalar_functions().get_or_insert_with(Vec::new).extend(scalar_functions());
    // Before DataFusion's own, none of which looks at aggregates or arrows.
    let planners: [Arc<dyn ExprPlanner>; 3] =
        [Arc::new(aggregate::RefuseDistinct), Arc::new(window::NeedOrder), Arc::new(json::Arrows)];
    builder.expr_planners().get_or_insert_with(Vec::new).splice(0..0, planners);
    let relations: [Arc<dyn RelationPlanner>; 2] =
        [Arc::new(table::NamedArguments), Arc::new(asof::AsofJoins)];
    builder.relation_planners().get_or_insert_with(Vec::new).splice(0..0, relations);
    // A session has one planner of types; whoever brings one has to know DISTRIBUTION too.
    builder.type_planner().get_or_insert_with(|| Arc::new(extension::TypeName));
    builder.table_functions().get_or_insert_with(HashMap::new).extend(table::functions().map(named));
    builder.query_planner().get_or_insert_with(|| Arc::new(nodes::Nodes));
    builder.with_analyzer_rule(Arc::new(gapfill::Rule)).with_optimizer_rule(Arc::new(asof::PushIntoAsof))
}

fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let mut functions = scalar::functions();
    functions.extend(gapfill::functions());
    functions.extend(json::functions());
    functions.push(time::date_bin_tz());
    functions
}

fn named(function: TableFunction) -> (String, Arc<TableFunction>) {
    (function.name().to_string(), Arc::new(function))
}
