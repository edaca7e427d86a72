//! `distribution(x)`, `approx_percentile(x, q)` and `merge_distributions(d)`.

use arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::{Distribution, Lattice};

use super::{Column, Definition};
use crate::function::argument::{constant, fraction};
use crate::function::counting::{Counter, size_of_distribution};
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
            Ok(Box::new(Count { counter: Counter::numeric(), only: None, quantile: Some(q) }))
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
    Ok(Box::new(Count { counter, only: None, quantile: None }))
}

/// What counts numbers on a lattice, as `distribution` does otherwise, or `approx_percentile` where there is a quantile.
pub(crate) fn counting_on(lattice: Lattice, quantile: Option<f64>) -> Box<dyn Accumulator> {
    Box::new(Count { counter: Counter::on(lattice), only: None, quantile })
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
    counter: Counter,
    /// All that has come so far, while that is one state: many groups come from one cell, and need not be decoded.
    only: Option<Vec<u8>>,
    /// What is asked of the counts, where it is not the counts themselves.
    quantile: Option<f64>,
}

impl Count {
    /// Takes up what was put aside.
    fn settle(&mut self) -> Result<()> {
        match self.only.take() {
            Some(bytes) => self.counter.merge(&decode("distribution", &bytes)?),
            None => Ok(()),
        }
    }

    fn encoded(&self) -> ScalarValue {
        let encoded = self.only.clone().unwrap_or_else(|| self.counter.distribution().encode());
        ScalarValue::Binary(Some(encoded))
    }

    fn is_empty(&self) -> bool {
        let counts = self.counter.distribution();
        self.only.is_none() && counts.count() == 0 && counts.null_count() == 0
    }
}

impl Accumulator for Count {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.settle()?;
        match values {
            [values, ..] => self.counter.add(values.as_ref()),
            [] => Ok(()),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let one = states.first().map(|states| states.as_binary::<i32>()).filter(|states| states.len() == 1);
        if let Some(one) = one.filter(|one| one.is_valid(0) && self.is_empty()) {
            self.only = Some(one.value(0).to_vec());
            return Ok(());
        }
        self.settle()?;
        each("distribution", states, |other| self.counter.merge(&other))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(q) = self.quantile else { return Ok(self.encoded()) };
        self.settle()?;
        Ok(ScalarValue::Float64(match self.counter.distribution() {
            Distribution::Numeric(numeric) => numeric.quantile(q),
            Distribution::Categorical(_) => None,
        }))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.encoded()])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counter.size() + self.only.as_ref().map_or(0, Vec::capacity)
    }
}

/// Adds DISTRIBUTIONs. Of none it is NULL, for then it is not known whether of numbers or categories.
#[derive(Debug, Default)]
struct Merge {
    sum: Option<Distribution>,
}

impl Merge {
    fn add(&mut self, other: Distribution) -> Result<()> {
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
        each("merge_distributions", values, |other| self.add(other))
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

/// Hands on each DISTRIBUTION of the first column.
fn each(function: &str, columns: &[ArrayRef], mut f: impl FnMut(Distribution) -> Result<()>) -> Result<()> {
    let Some(column) = columns.first() else { return Ok(()) };
    for bytes in column.as_binary::<i32>().iter().flatten() {
        f(decode(function, bytes)?)?;
    }
    Ok(())
}
