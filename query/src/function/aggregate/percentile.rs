//! `percentile(x, q)` and its short forms: exact, so every value is kept until the end.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;

use super::numbers::Numbers;
use super::{Column, Definition};
use crate::function::argument::{constant, fraction};
use crate::function::parameter::{Kind, Parameter, required};
use crate::stats::percentile::percentile;

const X: &[Parameter] = &[required("x", Kind::Number)];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("percentile", &[required("x", Kind::Number), required("q", Kind::Number)], |args| {
        fixed(fraction(args.name, "q", constant(args, 1, "q")?)?)
    }),
    define("p50", X, |_| fixed(0.5)),
    define("p90", X, |_| fixed(0.9)),
    define("p95", X, |_| fixed(0.95)),
    define("p99", X, |_| fixed(0.99)),
];

const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
) -> Definition {
    Definition {
        name,
        parameters,
        result: Column::Number,
        state: &[("values", Column::Numbers)],
        accumulator,
    }
}

fn fixed(q: f64) -> Result<Box<dyn Accumulator>> {
    Ok(Box::new(Percentile { q, numbers: Numbers::default() }))
}

/// The share of values below what a percentile of a session's plan gives; none of another aggregate.
pub(crate) fn quantile_of(function: &AggregateFunctionExpr) -> Result<Option<f64>> {
    Ok(match function.fun().name() {
        "p50" => Some(0.5),
        "p90" => Some(0.9),
        "p95" => Some(0.95),
        "p99" => Some(0.99),
        "percentile" => {
            let q = function.expressions();
            let q = q.get(1).and_then(|q| q.downcast_ref::<Literal>()).map(Literal::value);
            q.map(|q| fraction("percentile", "q", Some(q))).transpose()?
        }
        _ => None,
    })
}

#[derive(Debug)]
struct Percentile {
    q: f64,
    numbers: Numbers,
}

impl Accumulator for Percentile {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let [values, ..] = values {
            self.numbers.extend(values.as_primitive::<Float64Type>());
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        states.first().map_or(Ok(()), |states| self.numbers.merge(states))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(percentile(self.numbers.unsorted(), self.q)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.numbers.state()])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.numbers.size()
    }
}
