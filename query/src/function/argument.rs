//! Constant arguments of aggregates.

use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;

/// The constant at a place, None where it was left out.
pub(super) fn constant<'a>(
    args: &'a AccumulatorArgs<'_>,
    place: usize,
    name: &str,
) -> Result<Option<&'a ScalarValue>> {
    args.exprs.get(place).map(|expr| literal(args.name, name, expr)).transpose()
}

fn literal<'a>(call: &str, name: &str, expr: &'a Arc<dyn PhysicalExpr>) -> Result<&'a ScalarValue> {
    match expr.downcast_ref::<Literal>() {
        Some(literal) => Ok(literal.value()),
        None => plan_err!("{call}: `{name}` must be a constant, the same for all rows; {expr} is not"),
    }
}

/// A quantile that was given as a constant: a fraction from 0 to 1.
pub(super) fn fraction(call: &str, name: &str, scalar: Option<&ScalarValue>) -> Result<f64> {
    match scalar {
        Some(ScalarValue::Float64(Some(q))) if (0.0..=1.0).contains(q) => Ok(*q),
        Some(other) => plan_err!(
            "{call}: `{name}` must be a fraction from 0 to 1, not {other}; the 95th percentile is 0.95"
        ),
        None => plan_err!("{call}: `{name}` is missing; the 95th percentile is 0.95"),
    }
}
