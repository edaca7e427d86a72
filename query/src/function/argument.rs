//! Constant arguments of aggregates, and names that an argument may have.

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

/// A number that was given as a constant; None where it was left out.
pub(super) fn constant_number(
    args: &AccumulatorArgs<'_>,
    place: usize,
    name: &str,
    allowed: std::ops::RangeInclusive<f64>,
) -> Result<Option<f64>> {
    match constant(args, place, name)? {
        Some(ScalarValue::Float64(Some(number))) if !allowed.contains(number) => {
            let (least, most) = allowed.into_inner();
            plan_err!("{}: `{name}` must be from {least} to {most}, not {number}", args.name)
        }
        Some(ScalarValue::Float64(number)) => Ok(*number),
        _ => Ok(None),
    }
}

/// A whole number that was given as a constant; None where it was left out.
pub(super) fn constant_count(
    args: &AccumulatorArgs<'_>,
    place: usize,
    name: &str,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>> {
    match constant(args, place, name)? {
        Some(ScalarValue::Int64(Some(count))) if !allowed.contains(count) => {
            let (least, most) = allowed.into_inner();
            plan_err!("{}: `{name}` must be from {least} to {most}, not {count}", args.name)
        }
        Some(ScalarValue::Int64(count)) => Ok(*count),
        _ => Ok(None),
    }
}

/// What a constant text names among `choices`; None where it was left out.
pub(super) fn constant_choice<T: Copy>(
    args: &AccumulatorArgs<'_>,
    place: usize,
    name: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>> {
    let text = constant(args, place, name)?.and_then(|scalar| scalar.try_as_str().flatten());
    text.map(|text| choice(args.name, name, text, choices)).transpose()
}

/// What a text names among `choices`.
pub(super) fn choice<T: Copy>(call: &str, name: &str, text: &str, choices: &[(&str, T)]) -> Result<T> {
    if let Some((_, chosen)) = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(text)) {
        return Ok(*chosen);
    }
    let allowed: Vec<String> = choices.iter().map(|(choice, _)| format!("'{choice}'")).collect();
    plan_err!("{call}: `{name}` must be {}, not '{text}'", allowed.join(" or "))
}
