//! `adwin_count(x ORDER BY time)` and its like: how many changes a detector finds in a group. Each value is kept with
//! its time until the end: those of another partition may lie between any two.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::change::{Sample, check_time, each, each_of_states, in_order, state_fields, state_of};
use crate::function::argument::constant;
use crate::function::detector::{Detector, FAMILIES, Family, Settings, check_error};
use crate::function::parameter;
use crate::stats::stream::Signal;

/// The aggregates.
pub(super) fn functions() -> impl Iterator<Item = Arc<AggregateUDF>> {
    FAMILIES.iter().map(|family| {
        let signature = parameter::signature(family.parameters);
        Arc::new(AggregateUDF::new_from_impl(ChangesFound { family, signature }))
    })
}

/// Whether an aggregate is one of these.
pub(super) fn is_one(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<ChangesFound>().is_some()
}

/// One of the aggregates as DataFusion sees it.
#[derive(Debug)]
struct ChangesFound {
    family: &'static Family,
    signature: Signature,
}

impl PartialEq for ChangesFound {
    fn eq(&self, other: &Self) -> bool {
        self.family.table == other.family.table
    }
}

impl Eq for ChangesFound {}

impl Hash for ChangesFound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.family.aggregate.hash(state);
    }
}

impl AggregateUDFImpl for ChangesFound {
    fn name(&self) -> &str {
        self.family.aggregate
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(self.name(), self.family.parameters, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return super::refuse_distinct(self.name());
        }
        check_time(self.name(), &args)?;
        let detector = (self.family.detector)(&Constants { family: self.family, args: &args })?;
        Ok(Box::new(Samples { family: self.family, detector, samples: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(args.name))
    }
}

/// The constant arguments of a call.
struct Constants<'a> {
    family: &'static Family,
    args: &'a AccumulatorArgs<'a>,
}

impl Constants<'_> {
    fn get(&self, name: &str) -> Result<Option<&ScalarValue>> {
        let place = self.family.parameters.iter().position(|parameter| parameter.name == name);
        let Some(place) = place else { return Ok(None) };
        Ok(constant(self.args, place, name)?.filter(|value| !value.is_null()))
    }

    fn wrong<T>(&self, name: &str, wanted: &str, value: &ScalarValue) -> Result<T> {
        plan_err!("{}: argument `{name}` must be {wanted}, not {value}", self.function())
    }
}

impl Settings for Constants<'_> {
    fn function(&self) -> &str {
        self.family.aggregate
    }

    fn number(&self, name: &str) -> Result<Option<f64>> {
        match self.get(name)? {
            None => Ok(None),
            Some(ScalarValue::Float64(Some(number))) => Ok(Some(*number)),
            Some(other) => self.wrong(name, "a number", other),
        }
    }

    fn count(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let count = match value {
            ScalarValue::Int64(Some(count)) => usize::try_from(*count).ok(),
            _ => None,
        };
        match count.filter(|count| (least..=most).contains(count)) {
            Some(count) => Ok(Some(count)),
            None => self.wrong(name, &format!("a whole number from {least} to {most}"), value),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name)? {
            None => Ok(None),
            Some(ScalarValue::Boolean(Some(flag))) => Ok(Some(*flag)),
            Some(other) => self.wrong(name, "true or false", other),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name)? {
            None => Ok(None),
            Some(ScalarValue::Utf8(Some(text))) => Ok(Some(text.clone())),
            Some(other) => self.wrong(name, "a text in single quotes", other),
        }
    }
}

/// The values of a group.
#[derive(Debug)]
struct Samples {
    family: &'static Family,
    detector: Detector,
    samples: Vec<Sample>,
}

impl Accumulator for Samples {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        // Settings, the same in each row, stand between the values and their times.
        let [values, .., times] = columns else { return exec_err!("a stream comes as values and times") };
        let from = self.samples.len();
        let (values, times) = (Arc::clone(values), Arc::clone(times));
        each(&[values, times], |sample| {
            if sample.1.is_finite() {
                self.samples.push(sample);
            }
        })?;
        let mut new = self.samples.iter().skip(from);
        new.try_for_each(|(_, value)| check_error(self.family.aggregate, self.family, *value))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each_of_states(states, |sample| self.samples.push(sample))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.samples.sort_unstable_by(in_order);
        let mut detector = self.detector.clone();
        let is_change = |(_, value): &&Sample| detector.update(*value).signal == Signal::Drift;
        Ok(ScalarValue::Int64(Some(self.samples.iter().filter(is_change).count() as i64)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(state_of(&self.samples))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.samples.capacity() * size_of::<Sample>()
    }
}
