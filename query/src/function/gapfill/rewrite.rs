//! Puts the node in place of the functions.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, Projection, Sort, SortExpr,
    UserDefinedLogicalNode, cast,
};
use datafusion::optimizer::AnalyzerRule;

use super::bounds::Bounds;
use super::marker::Marker;
use super::node::Gapfill;
use super::{Fill, Filled};
use crate::function::time::date_bin_tz;

/// Rewrites plans that nobody rewrote before they are planned further.
#[derive(Debug)]
pub(in crate::function) struct Rule;

impl AnalyzerRule for Rule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan)
    }

    fn name(&self) -> &str {
        "driftline_gapfill"
    }
}

/// Puts a node over each aggregation with a gapfill. A plan without one comes back as it is.
pub(crate) fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
    if first_marker(&plan)?.is_none() {
        return Ok(plan);
    }
    let plan = plan.transform_down_with_subqueries(select).data()?;
    // Counts of empty buckets are NULL: what is above has to hear of it.
    let plan = plan.transform_up_with_subqueries(|node| recomputed(node).map(Transformed::yes)).data()?;
    match first_marker(&plan)? {
        Some(left) => left.misplaced(),
        None => Ok(plan),
    }
}

/// A node with the schema that follows from its inputs.
fn recomputed(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Extension(extension) = node else { return node.recompute_schema() };
    let inputs = extension.node.inputs().into_iter().cloned().collect();
    let node = extension.node.with_exprs_and_inputs(extension.node.expressions(), inputs)?;
    Ok(LogicalPlan::Extension(Extension { node }))
}

fn first_marker(plan: &LogicalPlan) -> Result<Option<Marker>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found = found.or(marker_in(expr)?);
            Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn marker_in(expr: &Expr) -> Result<Option<Marker>> {
    let mut found = None;
    expr.apply(|inner| {
        found = Marker::of(inner).map(|(marker, _)| marker);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// An ORDER BY by what is filled, with that as columns of the SELECT below, which leave again above; None where none
/// is named.
fn order(sort: &Sort) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Projection(below) = sort.input.as_ref() else { return Ok(None) };
    let mut columns = below.expr.clone();
    let mut order = Vec::with_capacity(sort.expr.len());
    for by in &sort.expr {
        let expr = by.expr.clone().transform_down(|inner| {
            if !matches!((Marker::of(&inner), &inner), (Some(_), Expr::ScalarFunction(_))) {
                return Ok(Transformed::no(inner));
            }
            let name = format!("__driftline_order_{}", columns.len());
            columns.push(below_projection(inner, below)?.alias(&name));
            Ok(Transformed::new(Expr::Column(Column::from_name(name)), true, TreeNodeRecursion::Jump))
        });
        order.push(SortExpr { expr: expr.data()?, ..by.clone() });
    }
    if columns.len() == below.expr.len() {
        return Ok(None);
    }
    let input = Projection::try_new(columns, Arc::clone(&below.input))?;
    let sorted = Sort { expr: order, input: Arc::new(LogicalPlan::Projection(input)), fetch: sort.fetch };
    let selected = below.schema.iter().map(Expr::from).collect();
    Ok(Some(LogicalPlan::Projection(Projection::try_new(selected, Arc::new(LogicalPlan::Sort(sorted)))?)))
}

/// An expression over the columns of a projection, over those of its input.
fn below_projection(expr: Expr, projection: &Projection) -> Result<Expr> {
    expr.transform_up(|inner| match inner {
        Expr::Column(column) => {
            let place = projection.schema.index_of_column(&column)?;
            let below = projection.expr.get(place).cloned().map(Expr::unalias);
            Ok(Transformed::yes(below.unwrap_or(Expr::Column(column))))
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// Rewrites one SELECT, from its projection down to its aggregation.
fn select(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Sort(sort) = &plan {
        return Ok(order(sort)?.map_or_else(|| Transformed::no(plan), Transformed::yes));
    }
    let begins = matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Window(_));
    let Some(aggregate) = begins.then(|| aggregate_of(&plan)).flatten() else {
        return Ok(Transformed::no(plan));
    };
    let Some(group) = group_of(aggregate)? else { return Ok(Transformed::no(plan)) };
    let mut fills = Fills::new(Arc::clone(&aggregate.schema));
    let aggregate = aggregate.clone();
    let mut above = Vec::new();
    let mut at = plan;
    while !matches!(at, LogicalPlan::Aggregate(_)) {
        let Some(input) = at.inputs().first().map(|input| (*input).clone()) else { break };
        above.push(fills.replace_in(at)?);
        at = input;
    }
    let filled = fills.over(aggregate, group)?;
    let rebuilt = above
        .into_iter()
        .rev()
        .try_fold(filled, |input, (node, exprs)| node.with_new_exprs(exprs, vec![input]))?;
    Ok(Transformed::yes(rebuilt))
}

/// The aggregation of a SELECT: below HAVING and window functions, if there are any.
fn aggregate_of(plan: &LogicalPlan) -> Option<&Aggregate> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => Some(aggregate),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Projection(_) => None,
            input => aggregate_of(input),
        },
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::Projection(_) => None,
            input => aggregate_of(input),
        },
        LogicalPlan::Window(window) => match window.input.as_ref() {
            LogicalPlan::Projection(_) => None,
            input => aggregate_of(input),
        },
        _ => None,
    }
}

/// Which of the groups is the gapfill.
fn group_of(aggregate: &Aggregate) -> Result<Option<usize>> {
    let is_gapfill = |expr: &Expr| matches!(Marker::of(expr), Some((Marker::Gapfill, _)));
    let mut places =
        (0..aggregate.group_expr.len()).filter(|at| aggregate.group_expr.get(*at).is_some_and(is_gapfill));
    match (places.next(), places.next()) {
        (Some(_), Some(_)) => Marker::Gapfill.misplaced(),
        (place, _) => Ok(place),
    }
}

/// What is to be filled in one SELECT.
struct Fills {
    /// The columns of the aggregation.
    schema: Arc<DFSchema>,
    wanted: Vec<(Fill, Expr)>,
}

impl Fills {
    fn new(schema: Arc<DFSchema>) -> Self {
        Self { schema, wanted: Vec::new() }
    }

    /// The expressions of a node with columns in place of `interpolate(..)` and `locf(..)`, under their names.
    fn replace_in(&mut self, node: LogicalPlan) -> Result<(LogicalPlan, Vec<Expr>)> {
        let names = NamePreserver::new(&node);
        let replaced = node.expressions().into_iter().map(|expr| {
            let name = names.save(&expr);
            Ok(name.restore(expr.transform_down(|inner| self.replace(inner)).data()?))
        });
        let exprs = replaced.collect::<Result<_>>()?;
        Ok((node, exprs))
    }

    fn replace(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        let (fill, argument) = match Marker::of(&expr) {
            Some((Marker::Fill(fill), [argument])) if !matches!(expr, Expr::Alias(_)) => {
                (fill, argument.clone())
            }
            _ => return Ok(Transformed::no(expr)),
        };
        let known = argument.column_refs().into_iter().all(|column| self.schema.has_column(column));
        if !known || marker_in(&argument)?.is_some() {
            return Marker::Fill(fill).misplaced();
        }
        let wanted = (fill, argument);
        let place = self.wanted.iter().position(|have| *have == wanted).unwrap_or_else(|| {
            self.wanted.push(wanted);
            self.wanted.len() - 1
        });
        Ok(Transformed::new(Expr::Column(Column::from_name(name(place))), true, TreeNodeRecursion::Jump))
    }

    /// The node over the aggregation: its columns by their names, and those to be filled.
    fn over(self, mut aggregate: Aggregate, group: usize) -> Result<LogicalPlan> {
        let gapfill = aggregate.group_expr.get(group).cloned();
        let arguments = match gapfill.as_ref().and_then(Marker::of) {
            Some((_, arguments)) => arguments.to_vec(),
            None => return Marker::Gapfill.misplaced(),
        };
        let call = Call::new(arguments, &aggregate)?;
        let bounds = Bounds::of(&aggregate.input, &call.time);
        if let Some(expr) = aggregate.group_expr.get_mut(group) {
            *expr = call.bin();
        }
        let groups = aggregate.group_expr.len();
        let below = Aggregate::try_new(aggregate.input, aggregate.group_expr, aggregate.aggr_expr)?;
        if below.schema.fields().len() != self.schema.fields().len() {
            // ROLLUP and its like add a column that says which groups were rolled up.
            return Marker::Gapfill.misplaced();
        }
        let mut columns: Vec<Expr> = below
            .schema
            .iter()
            .zip(self.schema.iter())
            .map(|(have, named)| renamed(have.into(), named))
            .collect();
        let mut filled = Vec::new();
        let from = columns.len();
        for (place, (fill, argument)) in self.wanted.into_iter().enumerate() {
            let argument = to_columns(argument, &self.schema, &below.schema)?;
            let argument = match fill {
                Fill::Interpolate => cast(argument, DataType::Float64),
                Fill::Locf => argument,
            };
            columns.push(argument.alias(name(place)));
            filled.push(Filled { column: from + place, fill });
        }
        let input = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(below)))?;
        let series = (0..groups).filter(|at| *at != group).collect();
        let node = Gapfill::new(LogicalPlan::Projection(input), group, series, filled, call.spec(bounds))?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) as Arc<dyn UserDefinedLogicalNode> }))
    }
}

/// The name of a column to be filled, which no column of a table has.
fn name(place: usize) -> String {
    format!("__driftline_fill_{place}")
}

type Qualified<'a> = (Option<&'a datafusion::common::TableReference>, &'a Arc<arrow::datatypes::Field>);

/// A column under the name it had before the gapfill was replaced.
fn renamed(column: Column, (qualifier, field): Qualified<'_>) -> Expr {
    let same = column.relation.as_ref() == qualifier && column.name == *field.name();
    let expr = Expr::Column(column);
    if same { expr } else { expr.alias_qualified(qualifier.cloned(), field.name()) }
}

/// An expression over columns of one schema, over those at the same places of another.
fn to_columns(expr: Expr, from: &DFSchema, to: &DFSchema) -> Result<Expr> {
    expr.transform_up(|inner| match inner {
        Expr::Column(column) => {
            let there = Column::from(to.qualified_field(from.index_of_column(&column)?));
            Ok(Transformed::yes(Expr::Column(there)))
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// A call of gapfill.
struct Call {
    stride: Expr,
    time: Expr,
    zone: Option<Expr>,
}

impl Call {
    fn new(arguments: Vec<Expr>, aggregate: &Aggregate) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let (Some(stride), Some(time)) = (arguments.next(), arguments.next()) else {
            return Marker::Gapfill.misplaced();
        };
        let time = match time.get_type(aggregate.input.schema())? {
            DataType::Timestamp(TimeUnit::Nanosecond, _) => time,
            DataType::Timestamp(_, zone) => cast(time, DataType::Timestamp(TimeUnit::Nanosecond, zone)),
            _ => cast(time, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
        };
        Ok(Self { stride, time, zone: arguments.next() })
    }

    /// The bucket of a row.
    fn bin(&self) -> Expr {
        match &self.zone {
            None => date_bin().call(vec![self.stride.clone(), self.time.clone()]),
            Some(zone) => date_bin_tz().call(vec![self.stride.clone(), self.time.clone(), zone.clone()]),
        }
    }

    fn spec(self, bounds: Bounds) -> super::node::Spec {
        super::node::Spec { stride: self.stride, zone: self.zone, bounds }
    }
}
