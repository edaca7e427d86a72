//! Puts named arguments of our table functions in order. DataFusion's own planning refuses names, or, after LATERAL,
//! drops them and takes the values in the order written.

use datafusion::common::{DFSchema, Result, plan_datafusion_err, plan_err};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr as Syntax, FunctionArg, FunctionArgExpr, FunctionArgOperator, Ident, ObjectName, TableAlias,
    TableFactor,
};

use super::definition::{DEFINITIONS, Definition};

/// Plans calls of our table functions.
#[derive(Debug)]
pub(in crate::function) struct NamedArguments;

impl RelationPlanner for NamedArguments {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let Some(definition) = called(&relation) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let (arguments, alias) = call(definition, relation)?;
        let arguments = in_order(definition, arguments, context)?;
        let source = context.context_provider().get_table_function_source(definition.name, arguments)?;
        let plan = LogicalPlanBuilder::scan(definition.name, source, None)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// The function of ours that a relation calls.
fn called(relation: &TableFactor) -> Option<&'static Definition> {
    match relation {
        TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => named(name),
        TableFactor::TableFunction { expr: Syntax::Function(function), .. } => named(&function.name),
        _ => None,
    }
}

fn named(name: &ObjectName) -> Option<&'static Definition> {
    let [part] = name.0.as_slice() else { return None };
    let ident = part.as_ident()?;
    DEFINITIONS.into_iter().find(|definition| matches_name(ident, definition.name))
}

fn matches_name(ident: &Ident, name: &str) -> bool {
    match ident.quote_style {
        Some(_) => ident.value == name,
        None => ident.value.eq_ignore_ascii_case(name),
    }
}

/// The arguments of a call as written, and the name the result is given.
fn call(definition: &Definition, relation: TableFactor) -> Result<(Vec<FunctionArg>, Option<TableAlias>)> {
    match relation {
        TableFactor::Table { args: Some(args), alias, sample: None, with_ordinality: false, .. } => {
            Ok((args.args, alias))
        }
        TableFactor::Function { args, alias, with_ordinality: false, .. } => Ok((args, alias)),
        other => plan_err!(
            "{other}: write {}(..) without TABLE(..), TABLESAMPLE and WITH ORDINALITY",
            definition.name
        ),
    }
}

/// An argument for each name the function takes, NULL where it was left out.
fn in_order(
    definition: &Definition,
    arguments: Vec<FunctionArg>,
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<Expr>> {
    let mut slots: Vec<Option<Expr>> = vec![None; definition.arguments.len()];
    for (place, argument) in arguments.into_iter().enumerate() {
        let (slot, value) = slot_of(definition, place, argument)?;
        let name = definition.arguments.get(slot).copied().unwrap_or_default();
        let Some(empty @ None) = slots.get_mut(slot) else {
            return plan_err!("{}: argument `{name}` is given twice", definition.name);
        };
        *empty = Some(constant(definition, name, value, context)?);
    }
    Ok(slots.into_iter().map(|slot| slot.unwrap_or_else(|| lit(ScalarValue::Null))).collect())
}

/// Which argument this is: the first may come without a name, all others are named.
fn slot_of(definition: &Definition, place: usize, argument: FunctionArg) -> Result<(usize, Syntax)> {
    let function = definition.name;
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if place == 0 => Ok((0, value)),
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            operator: FunctionArgOperator::RightArrow,
        } => Ok((definition.slot(&name, matches_name)?, value)),
        FunctionArg::ExprNamed {
            name: Syntax::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            operator: FunctionArgOperator::RightArrow,
        } => Ok((definition.slot(&name, matches_name)?, value)),
        other => plan_err!(
            "{function}: `{other}` must be written as name => value; {function} takes {}",
            definition.usage()
        ),
    }
}

fn constant(
    definition: &Definition,
    name: &str,
    value: Syntax,
    context: &mut dyn RelationPlannerContext,
) -> Result<Expr> {
    let not_constant = definition.not_constant(name, &value);
    let planned = context.sql_expr_to_logical_expr(value, &DFSchema::empty());
    planned.map_err(|error| plan_datafusion_err!("{not_constant}: {}", error.strip_backtrace()))
}
