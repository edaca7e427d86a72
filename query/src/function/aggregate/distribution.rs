//! `distribution(x)` and `merge_distributions(d)`.

use arrow::array::{ArrayRef, AsArray};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::Distribution;

use super::{Column, Definition};
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
    Ok(Box::new(Count { counter }))
}

/// Counts values. Of no rows it is a DISTRIBUTION of nothing, as `count` is 0.
#[derive(Debug)]
struct Count {
    counter: Counter,
}

impl Accumulator for Count {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values {
            [values, ..] => self.counter.add(values.as_ref()),
            [] => Ok(()),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each("distribution", states, |other| self.counter.merge(&other))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.counter.distribution().encode())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counter.size()
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
