//! Where the node goes: in the place of a partial aggregation right above a scan.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::projection::ProjectionExec;
use driftline_storage::distribution::Lattice;
use driftline_storage::{Column, Role};

use super::exec::{Aggregate, CellAggregateExec, Plan};
use super::last::is_of_last_rows;
use super::latest::is_of_newest;
use super::newest::Newest;
use super::shape::{Key, Shape};
use super::state::{CellState, summarised};
use super::whole::{dealt, together};
use crate::error::QueryError;
use crate::scan::{EndsFirst, ScanExec};
use crate::settings::Settings;

/// The rule before which ours has to run: after it an aggregation may be one node, and a scan hidden below others.
const BEFORE: &str = "EnsureRequirements";

/// Aggregates that keep all numbers of their first argument.
const PERCENTILES: [&str; 5] = ["percentile", "p50", "p90", "p95", "p99"];
/// Those that count numbers by bucket.
pub(super) const COUNTED: [&str; 2] = ["distribution", "approx_percentile"];
/// Those that count rows by what was predicted and what was true.
const MEASURES: [&str; 3] = ["precision", "recall", "f1"];

/// The rule.
#[derive(Debug)]
pub(crate) struct CellAggregates;

impl CellAggregates {
    /// Puts it among DataFusion's rules where it has to be, and with it what else looks for scans.
    pub(crate) fn among(
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let at = rules.iter().position(|rule| rule.name() == BEFORE).unwrap_or(0);
        rules.insert(at, Arc::new(Self));
        rules.insert(at, Arc::new(EndsFirst));
        rules
    }
}

impl PhysicalOptimizerRule for CellAggregates {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let summaries = config.extensions.get::<Settings>().is_none_or(|settings| settings.summaries);
        let mut newest = Newest::default();
        let replace = |node: Arc<dyn ExecutionPlan>| {
            newest.look_at(&node);
            match replaced(&node, summaries, newest.wanted())? {
                Some(ours) => Ok(Transformed::new(ours, true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(node)),
            }
        };
        plan.transform_down(replace).data()
    }

    fn name(&self) -> &'static str {
        "driftline_cell_aggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands in the place of a node, if it is an aggregation that we do: a partial one, or one of its states where
/// partitions have all rows of their groups.
fn replaced(
    node: &Arc<dyn ExecutionPlan>,
    summaries: bool,
    newest: Option<usize>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregation) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let (partial, is_whole) = match aggregation.mode() {
        AggregateMode::Partial => (aggregation, false),
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let partial = aggregation.input().downcast_ref::<AggregateExec>();
            let partial = partial.filter(|partial| *partial.mode() == AggregateMode::Partial);
            // Of the newest groups alone the rows of others are not even looked at.
            let is_better_whole = aggregation.limit_options().is_none() && newest.is_none();
            let Some(partial) = partial.filter(|_| is_better_whole) else {
                return Ok(None);
            };
            (partial, true)
        }
        _ => return Ok(None),
    };
    let Some((scan, mut plan)) = plan_of(partial, summaries, is_whole)? else { return Ok(None) };
    if !is_whole {
        plan.newest = newest.filter(|_| matches!(plan.shape.keys.as_slice(), [Key::Bucket]));
        return Ok(Some(Arc::new(CellAggregateExec::new(plan, scan.parts().to_vec()))));
    }
    plan.schema = aggregation.schema();
    plan.is_latest = plan.is_last && is_of_newest(&plan.aggregates, &plan.shape);
    let parts = match (plan.is_latest, plan.shape.keys.is_empty()) {
        (_, true) => None,
        (true, false) => together(scan.parts()),
        (false, false) => dealt(scan.parts(), plan.shape.buckets),
    };
    Ok(parts.map(|parts| Arc::new(CellAggregateExec::new(plan, parts)) as Arc<dyn ExecutionPlan>))
}

/// How a partial aggregation over a scan is done, if it is one that we do.
fn plan_of(
    aggregation: &AggregateExec,
    summaries: bool,
    is_whole: bool,
) -> Result<Option<(&ScanExec, Plan)>> {
    let keys = aggregation.group_expr();
    let is_plain = keys.is_true_no_grouping() || (keys.is_single() && !keys.has_grouping_set());
    if !is_plain || !aggregation.aggr_expr().iter().all(is_done) {
        return Ok(None);
    }
    let Some((scan, below)) = below(aggregation.input()) else { return Ok(None) };
    if scan.limit().is_some() {
        return Ok(None);
    }
    let table = scan.table();
    let keys: Vec<_> = keys.expr().iter().map(|(expr, _)| below.through(expr)).collect::<Result<_>>()?;
    let Some(shape) = Shape::of(table, keys.iter()) else { return Ok(None) };
    let aggregates = aggregation.aggr_expr().iter().zip(aggregation.filter_expr());
    let aggregates: Vec<Aggregate> = aggregates
        .map(|(function, filter)| {
            let order = function.order_bys().iter().map(|by| &by.expr);
            let arguments = function.expressions();
            let arguments: Vec<_> =
                arguments.iter().chain(order).map(|expr| below.through(expr)).collect::<Result<_>>()?;
            let filter = filter.as_ref().map(|filter| below.through(filter)).transpose()?;
            let lattice = lattice(scan, function, &arguments)?;
            Ok(Aggregate { function: Arc::clone(function), arguments, filter, lattice, same_as: None })
        })
        .collect::<Result<_>>()?;
    let mut plan = planned(scan, shape, aggregates, aggregation.schema(), summaries)?;
    plan.is_whole = is_whole;
    share_states(&mut plan.aggregates);
    Ok(Some((scan, plan)))
}

fn planned(
    scan: &ScanExec,
    shape: Shape,
    mut aggregates: Vec<Aggregate>,
    schema: SchemaRef,
    summaries: bool,
) -> Result<Plan> {
    let table = scan.table();
    let is_unconditional = scan.reader().condition.rows.is_none() && scan.reader().as_of.is_none();
    let states =
        aggregates.iter().map(|aggregate| CellState::of(aggregate, table)).collect::<Option<Vec<_>>>();
    let of_spans = aggregates.iter().map(CellState::of_span).collect();
    let states = states.filter(|_| summaries && is_unconditional);
    let columns = columns(scan, &aggregates);
    let reader = scan.reader().with_columns(columns.clone());
    let time = table.columns.iter().find(|column| column.role == Role::Time).cloned();
    let timed = scan.reader().with_columns(columns.into_iter().chain(time).collect());
    for aggregate in &mut aggregates {
        for expr in aggregate.arguments.iter_mut().chain(&mut aggregate.filter) {
            *expr = reassign_expr_columns(Arc::clone(expr), &reader.schema)?;
        }
    }
    let is_last =
        summaries && is_unconditional && shape.buckets.is_none() && is_of_last_rows(&aggregates, table);
    Ok(Plan {
        table: Arc::clone(table),
        reader,
        timed,
        shape,
        aggregates,
        states,
        of_spans,
        is_last,
        is_latest: false,
        newest: None,
        is_whole: false,
        schema,
    })
}

/// Percentiles of one column keep the same numbers or counts, measures of one prediction the same counts.
fn share_states(aggregates: &mut [Aggregate]) {
    for at in 1..aggregates.len() {
        let (before, rest) = aggregates.split_at_mut(at);
        let Some(aggregate) = rest.first_mut() else { return };
        let same = before.iter().position(|other| other.same_as.is_none() && is_same_state(other, aggregate));
        aggregate.same_as = same;
    }
}

fn is_same_state(a: &Aggregate, b: &Aggregate) -> bool {
    let names = [a.function.fun().name(), b.function.fun().name()];
    let are_all = |family: &[&str]| names.iter().all(|name| family.contains(name));
    let arguments = if are_all(&PERCENTILES) || are_all(&COUNTED) {
        1
    } else if are_all(&MEASURES) {
        usize::MAX
    } else {
        return false;
    };
    a.filter == b.filter && a.arguments.iter().take(arguments).eq(b.arguments.iter().take(arguments))
}

/// On what the newest segment that does so counts the numbers that a `distribution` is of.
fn lattice(
    scan: &ScanExec,
    function: &AggregateFunctionExpr,
    arguments: &[Arc<dyn PhysicalExpr>],
) -> Result<Option<Lattice>> {
    let column = arguments.first().and_then(|argument| summarised(argument, scan.table()));
    let Some(column) = column.filter(|_| COUNTED.contains(&function.fun().name())) else { return Ok(None) };
    let mut newest: Option<(u64, Lattice)> = None;
    for segment in scan.parts().iter().flatten().filter_map(|part| part.segment()) {
        let id = segment.info().id;
        if newest.is_none_or(|(known, _)| known < id)
            && let Some(lattice) = segment.lattice(column.id).map_err(QueryError::from)?
        {
            newest = Some((id, lattice));
        }
    }
    Ok(newest.map(|(_, lattice)| lattice))
}

/// The columns that aggregates look at, in the order of the scan.
fn columns(scan: &ScanExec, aggregates: &[Aggregate]) -> Vec<Column> {
    let exprs = aggregates.iter().flat_map(|aggregate| aggregate.arguments.iter().chain(&aggregate.filter));
    let names: Vec<_> = exprs.flat_map(collect_columns).collect();
    let is_named = |column: &&Column| names.iter().any(|name| name.name() == column.name);
    scan.reader().columns.iter().filter(is_named).cloned().collect()
}

/// Whether rows may come to an aggregate in any order, each of them.
fn is_done(function: &Arc<AggregateFunctionExpr>) -> bool {
    let needs_order = matches!(function.order_sensitivity(), AggregateOrderSensitivity::HardRequirement);
    !function.is_distinct() && (function.order_bys().is_empty() || !needs_order)
}

/// What stands between an aggregation and its scan: nothing, or one projection.
struct Below<'a>(Option<&'a ProjectionExec>);

fn below(input: &Arc<dyn ExecutionPlan>) -> Option<(&ScanExec, Below<'_>)> {
    if let Some(scan) = input.downcast_ref::<ScanExec>() {
        return Some((scan, Below(None)));
    }
    let projection = input.downcast_ref::<ProjectionExec>()?;
    let scan = projection.input().downcast_ref::<ScanExec>()?;
    Some((scan, Below(Some(projection))))
}

impl Below<'_> {
    /// An expression over what the aggregation is given, as one over the scan.
    fn through(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let Some(projection) = self.0 else { return Ok(Arc::clone(expr)) };
        let replace = |node: Arc<dyn PhysicalExpr>| {
            let column = node.downcast_ref::<ColumnExpr>();
            let found = column.and_then(|column| projection.expr().get(column.index()));
            Ok(match found {
                // What it stands for has columns of the scan, which are not to be looked up again.
                Some(found) => Transformed::new(Arc::clone(&found.expr), true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        };
        Arc::clone(expr).transform_down(replace).data()
    }
}
