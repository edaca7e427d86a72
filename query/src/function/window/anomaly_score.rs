//! `anomaly_score(x) OVER (ORDER BY time)`: how many deviations a value is from those before it.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;

use crate::function::detector::refused;
use crate::function::parameter::{self, Kind, Parameter, optional, required};
use crate::stats::anomaly::{RobustParameters, RobustScore};

const NAME: &str = "anomaly_score";
const PARAMETERS: &[Parameter] = &[
    required("x", Kind::Number),
    optional("window", Kind::Count),
    optional("rows_min", Kind::Count),
    optional("season", Kind::Count),
];

/// The function.
pub(super) fn function() -> Arc<WindowUDF> {
    Arc::new(WindowUDF::new_from_impl(AnomalyScore { signature: parameter::signature(PARAMETERS) }))
}

/// Whether a function is this one.
pub(super) fn is_it(function: &WindowUDF) -> bool {
    function.name() == NAME
}

/// The function as DataFusion sees it.
#[derive(Debug)]
struct AnomalyScore {
    signature: Signature,
}

impl PartialEq for AnomalyScore {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for AnomalyScore {}

impl Hash for AnomalyScore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl WindowUDFImpl for AnomalyScore {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(NAME, PARAMETERS, given)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        let usual = RobustParameters::default();
        let parameters = RobustParameters {
            window: rows(args.input_exprs(), "window")?.unwrap_or(usual.window),
            rows_min: rows(args.input_exprs(), "rows_min")?.unwrap_or(usual.rows_min),
            season: rows(args.input_exprs(), "season")?.or(usual.season),
        };
        let score = RobustScore::new(parameters).map_err(|error| refused(NAME, &error))?;
        Ok(Box::new(Scores { score }))
    }

    /// No row after another changes its score.
    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::None
    }
}

/// A constant number of rows; None where it was left out.
fn rows(exprs: &[Arc<dyn PhysicalExpr>], name: &str) -> Result<Option<usize>> {
    let place = PARAMETERS.iter().position(|parameter| parameter.name == name);
    let Some(expr) = place.and_then(|place| exprs.get(place)) else { return Ok(None) };
    match expr.downcast_ref::<Literal>().map(Literal::value) {
        Some(value) if value.is_null() => Ok(None),
        Some(ScalarValue::Int64(Some(rows))) => match usize::try_from(*rows) {
            Ok(rows) => Ok(Some(rows)),
            Err(_) => plan_err!("{NAME}: argument `{name}` must be 1 or more, not {rows}"),
        },
        _ => plan_err!("{NAME}: `{name}` must be a constant, the same for all rows; {expr} is not"),
    }
}

/// The rows of a partition, one after the other.
#[derive(Debug)]
struct Scores {
    score: RobustScore,
}

impl PartitionEvaluator for Scores {
    fn is_causal(&self) -> bool {
        true
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let Some(values) = values.first().and_then(|values| values.as_primitive_opt::<Float64Type>()) else {
            return exec_err!("{NAME}: the values are missing");
        };
        let value = values.is_valid(range.start).then(|| values.value(range.start));
        let score = value.filter(|value| value.is_finite()).and_then(|value| self.score.update(value));
        Ok(ScalarValue::Float64(score))
    }
}
