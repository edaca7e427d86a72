//! Aggregates. Each is a [`Definition`]: its arguments, the columns of its partial state, its accumulator.

mod centroid;
mod change;
mod changes_found;
mod distribution;
mod embedding;
mod first_last;
mod hypothesis;
mod numbers;
mod percentile;
mod quality;
mod two_samples;

pub(crate) use self::distribution::approximate_quantile_of;
pub(crate) use self::numbers::Numbers;
pub(crate) use self::percentile::quantile_of;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, WindowFunctionDefinition,
};

use super::extension::distribution_field;
use super::parameter::{self, Parameter};
pub(super) use first_last::window_functions;

/// What makes one aggregate different from another.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    parameters: &'static [Parameter],
    result: Column,
    state: &'static [(&'static str, Column)],
    accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
}

/// A column of a result or of a partial state.
#[derive(Clone, Copy, Debug)]
enum Column {
    /// UBIGINT.
    Count,
    /// DOUBLE.
    Number,
    /// A list of DOUBLE.
    Numbers,
    /// A list of numbers of 32 bits: vectors, one after the other.
    Vectors,
    /// DISTRIBUTION, marked as such in the state too.
    Distribution,
}

/// The aggregates.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    definitions()
        .map(|d| Arc::new(AggregateUDF::new_from_impl(Aggregate::new(d))))
        .chain(change::functions())
        .chain(changes_found::functions())
        .chain(first_last::functions())
        .collect()
}

/// What each aggregate takes, by its name.
pub(super) fn parameters() -> impl Iterator<Item = (&'static str, &'static [Parameter])> {
    definitions().map(|d| (d.name, d.parameters))
}

fn definitions() -> impl Iterator<Item = &'static Definition> {
    let definitions = [
        distribution::DEFINITIONS,
        percentile::DEFINITIONS,
        quality::DEFINITIONS,
        two_samples::DEFINITIONS,
        hypothesis::DEFINITIONS,
        centroid::DEFINITIONS,
        embedding::DEFINITIONS,
    ];
    definitions.into_iter().flatten()
}

impl Column {
    fn field(self, name: &str) -> Field {
        match self {
            Self::Count => Field::new(name, DataType::UInt64, true),
            Self::Number => Field::new(name, DataType::Float64, true),
            Self::Numbers => Field::new(name, DataType::new_list(DataType::Float64, true), true),
            Self::Vectors => Field::new(name, DataType::new_list(DataType::Float32, true), true),
            Self::Distribution => distribution_field(name),
        }
    }
}

/// A definition as DataFusion sees it.
#[derive(Debug)]
struct Aggregate {
    definition: &'static Definition,
    signature: Signature,
}

impl Aggregate {
    fn new(definition: &'static Definition) -> Self {
        Self { definition, signature: parameter::signature(definition.parameters) }
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(self.definition.name, self.definition.parameters, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(self.definition.result.field("").data_type().clone())
    }

    fn return_field(&self, given: &[FieldRef]) -> Result<FieldRef> {
        parameter::check(self.definition.name, self.definition.parameters, given)?;
        Ok(Arc::new(self.definition.result.field(self.definition.name)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return refuse_distinct(self.definition.name);
        }
        (self.definition.accumulator)(&args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field =
            |(part, column): &(&str, Column)| Arc::new(column.field(&format_state_name(args.name, part)));
        Ok(self.definition.state.iter().map(field).collect())
    }

    /// No order changes any of the results, so none is asked for.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn refuse_distinct<T>(name: &str) -> Result<T> {
    plan_err!(
        "{name}(DISTINCT ..) is refused: the result depends on how often each value occurs; write SELECT DISTINCT in a sub-query to count each value once"
    )
}

/// Refuses DISTINCT while planning: alone it would be rewritten to an inner GROUP BY before an accumulator sees it.
/// Refuses an order that is missing there too.
#[derive(Debug)]
pub(super) struct RefuseDistinct;

impl ExprPlanner for RefuseDistinct {
    fn plan_aggregate(&self, expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        check_distinct(expr.distinct, &expr.func)?;
        if needs_order(&expr.func) {
            change::check_order(expr.func.name(), &expr.order_by)?;
        }
        Ok(PlannerResult::Original(expr))
    }

    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        if let WindowFunctionDefinition::AggregateUDF(function) = &expr.func_def {
            check_distinct(expr.distinct, function)?;
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Whether an aggregate of ours is of values in the order of time.
fn needs_order(function: &AggregateUDF) -> bool {
    change::is_one(function) || changes_found::is_one(function)
}

fn check_distinct(distinct: bool, function: &AggregateUDF) -> Result<()> {
    let ours = function.inner().downcast_ref::<Aggregate>().is_some() || needs_order(function);
    if distinct && ours {
        return refuse_distinct(function.name());
    }
    Ok(())
}
