//! Aggregates that set two samples of numbers against each other: `roc_auc`, `ks_test_statistic`, `ks_test_pvalue`, and
//! those of [`hypothesis`](super::hypothesis). Exact, so every number is kept until the end.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;

use super::numbers::Numbers;
use super::quality::positive_or_one;
use super::{Column, Definition};
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::function::value::{Value, Values};
use crate::stats::ks::{ks_pvalue, ks_statistic_sorted};
use crate::stats::quality::roc_auc;

const LABEL_SCORE: &[Parameter] =
    &[required("label", Kind::Value), required("score", Kind::Number), optional("positive", Kind::Value)];
pub(super) const X_CURRENT: &[Parameter] = &[required("x", Kind::Number), required("is_current", Kind::Flag)];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("roc_auc", LABEL_SCORE, |args| {
        two_samples(Order::FlagFirst, Flag::Label(positive_or_one(args)?), auc)
    }),
    define("ks_test_statistic", X_CURRENT, |_| of_x_and_current(statistic)),
    define("ks_test_pvalue", X_CURRENT, |_| of_x_and_current(pvalue)),
];

pub(super) const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
) -> Definition {
    let state = &[("no", Column::Numbers), ("yes", Column::Numbers)];
    Definition { name, parameters, result: Column::Number, state, accumulator }
}

/// What is made of the two samples in the end. It must leave them as they are but for their order: a window asks again.
type Measure = fn(&mut Numbers, &mut Numbers) -> Option<f64>;

/// An accumulator of a number and whether it is of the current sample.
pub(super) fn of_x_and_current(measure: Measure) -> Result<Box<dyn Accumulator>> {
    two_samples(Order::NumberFirst, Flag::Boolean, measure)
}

fn two_samples(order: Order, flag: Flag, measure: Measure) -> Result<Box<dyn Accumulator>> {
    Ok(Box::new(TwoSamples { order, flag, measure, no: Numbers::default(), yes: Numbers::default() }))
}

fn auc(negative: &mut Numbers, positive: &mut Numbers) -> Option<f64> {
    let scores: Vec<f64> = negative.0.iter().chain(&positive.0).copied().collect();
    let labels: Vec<bool> = (0..scores.len()).map(|i| i >= negative.0.len()).collect();
    roc_auc(&scores, &labels)
}

fn statistic(reference: &mut Numbers, current: &mut Numbers) -> Option<f64> {
    ks_statistic_sorted(reference.sorted(), current.sorted())
}

fn pvalue(reference: &mut Numbers, current: &mut Numbers) -> Option<f64> {
    let d = statistic(reference, current)?;
    ks_pvalue(d, reference.0.len() as u64, current.0.len() as u64)
}

/// Which argument says to which sample a number belongs.
#[derive(Debug)]
enum Order {
    NumberFirst,
    FlagFirst,
}

/// How it says so.
#[derive(Debug)]
enum Flag {
    /// A boolean: true is the current sample.
    Boolean,
    /// A label: this class is positive, every other negative.
    Label(Value<String>),
}

impl Flag {
    fn read(&self, column: &ArrayRef) -> Result<BooleanArray> {
        match self {
            Self::Boolean => Ok(column.as_boolean().clone()),
            Self::Label(positive) => {
                let labels = Values::new(column)?;
                Ok((0..column.len()).map(|row| labels.get(row).map(|label| *positive == label)).collect())
            }
        }
    }
}

/// Two samples of numbers: those whose flag is false and those whose flag is true. Rows without a flag or a number
/// are in neither.
#[derive(Debug)]
struct TwoSamples {
    order: Order,
    flag: Flag,
    measure: Measure,
    no: Numbers,
    yes: Numbers,
}

impl Accumulator for TwoSamples {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [first, second, ..] = values else { return exec_err!("a sample and its flag are missing") };
        let (numbers, flags) = match self.order {
            Order::NumberFirst => (first, second),
            Order::FlagFirst => (second, first),
        };
        let flags = self.flag.read(flags)?;
        for (number, flag) in numbers.as_primitive::<Float64Type>().iter().zip(&flags) {
            match (number.filter(|x| !x.is_nan()), flag) {
                (Some(x), Some(true)) => self.yes.0.push(x),
                (Some(x), Some(false)) => self.no.0.push(x),
                _ => {}
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [no, yes] = states else {
            return exec_err!("a partial state of two samples has 2 columns, not {}", states.len());
        };
        self.no.merge(no)?;
        self.yes.merge(yes)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.measure)(&mut self.no, &mut self.yes)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.no.state(), self.yes.state()])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.no.size() + self.yes.size()
    }
}
