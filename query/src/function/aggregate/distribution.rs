//! `distribution(x)`, `approx_percentile(x, q)` and `merge_distributions(d)`.

use arrow::array::{ArrayRef, AsArray};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::Distribution;

use super::{Column, Definition};
use crate::function::argument::{constant, fraction};
use crate::function::counting::{Counter, Counts, size_of_distribution};
use crate::function::extension::decode;
use crate::function::parameter::{Kind, required};

const STATE: &[(&str, Column)] = &[("distribution", Column::Distribution)];

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "distribution",
        parameters: &[required("x", Kind::Sample)],
        result: Column::Distribution,
        state: STATE,
        accumulator: count,
    },
    Definition {
        name: "approx_percentile",
        parameters: &[required("x", Kind::Number), required("q", Kind::Number)],
        result: Column::Number,
        state: STATE,
        accumulator: |args| {
            let q = fraction(args.name, "q", constant(args, 1, "q")?)?;
            Ok(Box::new(Count { counts: Counts::new(Counter::numeric()), quantile: Some(q) }))
        },
    },
    Definition {
        name: "merge_distributions",
        parameters: &[required("d", Kind::Distribution)],
        result: Column::Distribution,
        state: STATE,
        accumulator: |_| Ok(Box::new(Merge::default())),
    },
];

fn count(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    let counter = match args.expr_fields.first() {
        Some(field) => Counter::for_type(field.data_type()),
        None => Counter::numeric(),
    };
    Ok(Box::new(Count { counts: Counts::new(counter), quantile: None }))
}

/// The share of values below what an `approx_percentile` of a session's plan gives; none of another aggregate.
pub(crate) fn approximate_quantile_of(function: &AggregateFunctionExpr) -> Result<Option<f64>> {
    if function.fun().name() != "approx_percentile" {
        return Ok(None);
    }
    let q = function.expressions();
    let q = q.get(1).and_then(|q| q.downcast_ref::<Literal>()).map(Literal::value);
    fraction("approx_percentile", "q", q).map(Some)
}

/// Counts values. Of no rows it is a DISTRIBUTION of nothing, as `count` is 0.
#[derive(Debug)]
struct Count {
    counts: Counts,
    /// What is asked of the counts, where it is not the counts themselves.
    quantile: Option<f64>,
}

impl Accumulator for Count {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.first().map_or(Ok(()), |values| self.counts.add(values.as_ref()))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first() else { return Ok(()) };
        states.as_binary::<i32>().iter().flatten().try_for_each(|state| self.counts.merge(state))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.quantile {
            Some(q) => ScalarValue::Float64(self.counts.quantile(q)?),
            None => ScalarValue::Binary(Some(self.counts.encoded()?)),
        })
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.counts.encoded()?))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.size()
    }
}

/// Adds DISTRIBUTIONs. Of none it is NULL, for then it is not known whether of numbers or categories.
#[derive(Debug, Default)]
struct Merge {
    sum: Option<Distribution>,
}

impl Merge {
    fn add(&mut self, other: &[u8]) -> Result<()> {
        let other = decode("merge_distributions", other)?;
        match &mut self.sum {
            Some(sum) => sum.merge(&other).map_err(|e| DataFusionError::External(Box::new(e))),
            None => {
                self.sum = Some(other);
                Ok(())
            }
        }
    }
}

impl Accumulator for Merge {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        values.as_binary::<i32>().iter().flatten().try_for_each(|other| self.add(other))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(self.sum.as_ref().map(Distribution::encode)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sum.as_ref().map_or(0, size_of_distribution)
    }
}
