//! How good predictions are, from (label, prediction): `accuracy`, `precision`, `recall`, `f1`.
//! Rows without a label or a prediction are left out.

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::UInt64Type;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;

use super::{Column, Definition};
use crate::function::argument::constant;
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::function::value::{Said, Value, Values};
use crate::stats::quality::Confusion;

const PARAMETERS: &[Parameter] =
    &[required("label", Kind::Value), required("prediction", Kind::Value), optional("positive", Kind::Value)];

const STATE: &[(&str, Column)] = &[
    ("true_positive", Column::Count),
    ("false_positive", Column::Count),
    ("false_negative", Column::Count),
    ("true_negative", Column::Count),
];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("accuracy", |args| Ok(quality(positive(args)?, Confusion::accuracy))),
    define("precision", |args| Ok(quality(Some(positive_or_one(args)?), Confusion::precision))),
    define("recall", |args| Ok(quality(Some(positive_or_one(args)?), Confusion::recall))),
    define("f1", |args| Ok(quality(Some(positive_or_one(args)?), Confusion::f1))),
];

const fn define(
    name: &'static str,
    accumulator: fn(&AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>,
) -> Definition {
    Definition { name, parameters: PARAMETERS, result: Column::Number, state: STATE, accumulator }
}

/// The class that was named as positive.
fn positive(args: &AccumulatorArgs<'_>) -> Result<Option<Value<String>>> {
    let Some(scalar) = constant(args, 2, "positive")? else { return Ok(None) };
    match Value::of_scalar(scalar)? {
        Some(value) => Ok(Some(value)),
        None => plan_err!("{}: `positive` must name a class, not {scalar}", args.name),
    }
}

/// The class that counts as positive: the one named, else `1`, hence `true` too.
pub(super) fn positive_or_one(args: &AccumulatorArgs<'_>) -> Result<Value<String>> {
    Ok(positive(args)?.unwrap_or(Value::Integer(1)))
}

fn quality(positive: Option<Value<String>>, measure: fn(&Confusion) -> Option<f64>) -> Box<dyn Accumulator> {
    Box::new(Quality { positive, measure, counts: Confusion::default() })
}

/// Counts right and wrong predictions. Without a positive class a row is right where label and prediction are the
/// same of any number of classes, and stands in the counts as a positive that was found or missed.
#[derive(Debug)]
struct Quality {
    positive: Option<Value<String>>,
    measure: fn(&Confusion) -> Option<f64>,
    counts: Confusion,
}

impl Quality {
    fn count(&self, columns: &[ArrayRef]) -> Result<Confusion> {
        let [labels, predictions, ..] = columns else { return exec_err!("label and prediction are missing") };
        let (labels, predictions) = (Values::new(labels)?, Values::new(predictions)?);
        match &self.positive {
            Some(positive) => Ok(confusion(&labels.of_class(positive), &predictions.of_class(positive))),
            None => {
                let mut counts = Confusion::default();
                for row in 0..columns.first().map_or(0, |c| c.len()) {
                    if let (Some(label), Some(prediction)) = (labels.get(row), predictions.get(row)) {
                        counts.add(true, label == prediction);
                    }
                }
                Ok(counts)
            }
        }
    }
}

/// Counts rows of which both the label and the prediction say something.
fn confusion(label: &Said, prediction: &Said) -> Confusion {
    let rows = |a: &BooleanBuffer, b: &BooleanBuffer| (a & b).count_set_bits() as u64;
    let true_positive = rows(&label.yes, &prediction.yes);
    let false_positive = rows(&label.any, &prediction.yes) - true_positive;
    let false_negative = rows(&label.yes, &prediction.any) - true_positive;
    let judged = rows(&label.any, &prediction.any);
    let true_negative = judged - true_positive - false_positive - false_negative;
    Confusion { true_positive, false_positive, false_negative, true_negative }
}

impl Accumulator for Quality {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.counts.merge(&self.count(values)?);
        Ok(())
    }

    /// Sliding windows take back what left them.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let gone = self.count(values)?;
        self.counts.true_positive -= gone.true_positive;
        self.counts.false_positive -= gone.false_positive;
        self.counts.false_negative -= gone.false_negative;
        self.counts.true_negative -= gone.true_negative;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [true_positive, false_positive, false_negative, true_negative] = states else {
            return exec_err!("a partial state of counts has 4 columns, not {}", states.len());
        };
        self.counts.merge(&Confusion {
            true_positive: total(true_positive),
            false_positive: total(false_positive),
            false_negative: total(false_negative),
            true_negative: total(true_negative),
        });
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.measure)(&self.counts)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let c = &self.counts;
        let counts = [c.true_positive, c.false_positive, c.false_negative, c.true_negative];
        Ok(counts.map(|count| ScalarValue::UInt64(Some(count))).to_vec())
    }

    fn size(&self) -> usize {
        let text = match &self.positive {
            Some(Value::Text(text)) => text.capacity(),
            _ => 0,
        };
        size_of_val(self) + text
    }
}

fn total(counts: &ArrayRef) -> u64 {
    let counts: &UInt64Array = counts.as_primitive::<UInt64Type>();
    counts.iter().flatten().sum()
}
