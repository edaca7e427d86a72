//! The SQL face of the statistics: what each function takes and refuses, and how its state travels between
//! partitions. The formulas are in [`crate::stats`]; `docs/functions.md` lists every function.

pub(crate) mod aggregate;
mod argument;
mod counting;
mod extension;
mod parameter;
mod scalar;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::TableFunction;
use datafusion::execution::session_state::SessionStateBuilder;

/// Adds our functions, table functions and the planner of their named arguments to a session.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    builder.aggregate_functions().get_or_insert_with(Vec::new).extend(aggregate::functions());
    builder.scalar_functions().get_or_insert_with(Vec::new).extend(scalar::functions());
    // Before DataFusion's own, none of which looks at aggregates.
    builder.expr_planners().get_or_insert_with(Vec::new).insert(0, Arc::new(aggregate::RefuseDistinct));
    builder.relation_planners().get_or_insert_with(Vec::new).insert(0, Arc::new(table::NamedArguments));
    // A session has one planner of types; whoever brings one has to know DISTRIBUTION too.
    builder.type_planner().get_or_insert_with(|| Arc::new(extension::TypeName));
    builder.table_functions().get_or_insert_with(HashMap::new).extend(table::functions().map(named));
    builder
}

fn named(function: TableFunction) -> (String, Arc<TableFunction>) {
    (function.name().to_string(), Arc::new(function))
}
