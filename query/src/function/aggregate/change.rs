//! `rate(x ORDER BY time)` and `delta(x ORDER BY time)`: how a series changed. Each value is kept with its time, so
//! that no order of rows or partitions matters: DataFusion sorts nothing for them. Rows of one time are in the order
//! of their values.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit};
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use crate::function::parameter::{self, Kind, Parameter, required};

const X: &[Parameter] = &[required("x", Kind::Number)];
const NANOS_PER_SECOND: f64 = 1e9;

/// The aggregates.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [Measure::Rate, Measure::Delta].map(|measure| {
        Arc::new(AggregateUDF::new_from_impl(Change { measure, signature: parameter::signature(X) }))
    })
}

/// Whether an aggregate is one of these.
pub(super) fn is_one(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<Change>().is_some()
}

/// Refuses a call without the one order that it has a meaning in.
pub(super) fn check_order(name: &str, order: &[Sort]) -> Result<()> {
    match order {
        [only] if only.asc => Ok(()),
        _ => refuse_order(name),
    }
}

pub(super) fn refuse_order<T>(name: &str) -> Result<T> {
    plan_err!("{name} takes one order, that of time, ascending: write {name}(x ORDER BY time)")
}

/// What is made of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Measure {
    Rate,
    Delta,
}

/// One of the aggregates as DataFusion sees it.
#[derive(Debug)]
struct Change {
    measure: Measure,
    signature: Signature,
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.measure == other.measure
    }
}

impl Eq for Change {}

impl Hash for Change {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.measure.hash(state);
    }
}

impl AggregateUDFImpl for Change {
    fn name(&self) -> &str {
        match self.measure {
            Measure::Rate => "rate",
            Measure::Delta => "delta",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        parameter::coerce(self.name(), X, given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return super::refuse_distinct(self.name());
        }
        check_time(self.name(), &args)?;
        Ok(match self.measure {
            Measure::Rate => Box::new(Rate::default()),
            Measure::Delta => Box::new(Delta::default()),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(args.name))
    }
}

/// Refuses an order by anything but time.
pub(super) fn check_time(name: &str, args: &AccumulatorArgs<'_>) -> Result<()> {
    let [order] = args.order_bys else { return refuse_order(name) };
    match order.expr.data_type(args.schema)? {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(()),
        other => exec_err!("{name}: ORDER BY must be a time, not {other}"),
    }
}

/// What [`state_of`] makes.
pub(super) fn state_fields(name: &str) -> Vec<FieldRef> {
    let field = |part: &str, item: DataType| {
        Arc::new(Field::new(format_state_name(name, part), DataType::new_list(item, true), true))
    };
    vec![field("times", DataType::Int64), field("values", DataType::Float64)]
}

/// A value and its time, in nanoseconds since 1970.
pub(super) type Sample = (i64, f64);

pub(super) fn in_order(a: &Sample, b: &Sample) -> Ordering {
    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
}

/// Hands on each value that has a time; NULL and NaN are left out.
pub(super) fn each(columns: &[ArrayRef], mut f: impl FnMut(Sample)) -> Result<()> {
    let [values, times, ..] = columns else { return exec_err!("a series comes as values and times") };
    let times = cast(times, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let times = cast(&times, &DataType::Int64)?;
    let pairs = times.as_primitive::<Int64Type>().iter().zip(values.as_primitive::<Float64Type>());
    pairs.filter_map(|(time, value)| Some((time?, value?))).filter(|(_, x)| !x.is_nan()).for_each(&mut f);
    Ok(())
}

/// Hands on each value of partial states.
pub(super) fn each_of_states(states: &[ArrayRef], mut f: impl FnMut(Sample)) -> Result<()> {
    let [times, values] = states else { return Err(no_state()) };
    let times = times.as_list_opt::<i32>().ok_or_else(no_state)?;
    let values = values.as_list_opt::<i32>().ok_or_else(no_state)?;
    for (times, values) in times.iter().flatten().zip(values.iter().flatten()) {
        let times = times.as_primitive_opt::<Int64Type>().ok_or_else(no_state)?;
        let values = values.as_primitive_opt::<Float64Type>().ok_or_else(no_state)?;
        times.values().iter().zip(values.values()).for_each(|(time, value)| f((*time, *value)));
    }
    Ok(())
}

fn no_state() -> datafusion::error::DataFusionError {
    exec_datafusion_err!("a partial state of a series must be a list of times and a list of values")
}

pub(super) fn state_of(samples: &[Sample]) -> Vec<ScalarValue> {
    let times: Int64Array = samples.iter().map(|(time, _)| Some(*time)).collect();
    let values: Float64Array = samples.iter().map(|(_, value)| Some(*value)).collect();
    [Arc::new(times) as ArrayRef, Arc::new(values)].map(one_list).to_vec()
}

fn one_list(items: ArrayRef) -> ScalarValue {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    ScalarValue::List(Arc::new(ListArray::new(field, offsets, items, None)))
}

/// The sum of the increases over the time between the first and the last value. All values are kept: those of
/// another partition may lie between any two.
#[derive(Debug, Default)]
struct Rate {
    samples: Vec<Sample>,
}

impl Accumulator for Rate {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        each(columns, |sample| self.samples.push(sample))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each_of_states(states, |sample| self.samples.push(sample))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.samples.sort_unstable_by(in_order);
        Ok(ScalarValue::Float64(per_second(&self.samples)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(state_of(&self.samples))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.samples.capacity() * size_of::<Sample>()
    }
}

/// A counter that falls was reset: what it shows then has come since.
fn per_second(samples: &[Sample]) -> Option<f64> {
    let ((from, _), (to, _)) = (samples.first()?, samples.last()?);
    let increase = |pair: &[Sample]| match pair {
        [(_, before), (_, after)] if after >= before => after - before,
        [_, (_, after)] => *after,
        _ => 0.0,
    };
    let seconds = to.wrapping_sub(*from) as u64 as f64 / NANOS_PER_SECOND;
    let rate = samples.windows(2).map(increase).sum::<f64>() / seconds;
    rate.is_finite().then_some(rate)
}

/// The last value less the first. Two values are kept, whatever the number of rows.
#[derive(Debug, Default)]
struct Delta {
    ends: Option<(Sample, Sample)>,
}

impl Delta {
    fn add(&mut self, sample: Sample) {
        let (first, last) = self.ends.get_or_insert((sample, sample));
        if in_order(&sample, first).is_lt() {
            *first = sample;
        }
        if in_order(&sample, last).is_gt() {
            *last = sample;
        }
    }
}

impl Accumulator for Delta {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        each(columns, |sample| self.add(sample))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each_of_states(states, |sample| self.add(sample))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let delta = self.ends.map(|(first, last)| last.1 - first.1);
        Ok(ScalarValue::Float64(delta.filter(|delta| delta.is_finite())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(state_of(&self.ends.map(|(first, last)| [first, last]).into_iter().flatten().collect::<Vec<_>>()))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
