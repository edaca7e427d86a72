//! `centroid_distance(v, is_current, [metric])`: how far the means of two samples of vectors are apart. Only sums are
//! kept, so any number of rows will do.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, UInt64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;

use super::embedding::{check_length, each_vector};
use super::numbers::Numbers;
use super::{Column, Definition};
use crate::function::argument::constant_choice;
use crate::function::parameter::{Kind, optional, required};
use crate::stats::vectors::Centroid;

const NAME: &str = "centroid_distance";

type Metric = fn(&Centroid, &Centroid) -> Option<f64>;

const METRICS: &[(&str, Metric)] = &[("euclidean", Centroid::euclidean), ("cosine", Centroid::cosine)];

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    parameters: &[
        required("v", Kind::Vector),
        required("is_current", Kind::Flag),
        optional("metric", Kind::Text),
    ],
    result: Column::Number,
    state: &[
        ("reference_count", Column::Count),
        ("reference_sums", Column::Numbers),
        ("current_count", Column::Count),
        ("current_sums", Column::Numbers),
    ],
    accumulator,
}];

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    let metric = constant_choice(args, 2, "metric", METRICS)?.unwrap_or(Centroid::euclidean);
    Ok(Box::new(Means { metric, reference: Centroid::default(), current: Centroid::default() }))
}

/// The two means as they are summed up.
#[derive(Debug)]
struct Means {
    metric: Metric,
    reference: Centroid,
    current: Centroid,
}

impl Means {
    /// The length of the vectors that came so far; 0 before the first.
    fn length(&self) -> usize {
        self.reference.dimension().max(self.current.dimension())
    }
}

impl Accumulator for Means {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_vector(values, |vector, is_current| {
            check_length(NAME, self.length(), vector.len())?;
            if is_current {
                self.current.add(vector)
            } else {
                self.reference.add(vector)
            }
            Ok(())
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [reference_count, reference_sums, current_count, current_sums] = states else {
            return exec_err!("a partial state of {NAME} has 4 columns, not {}", states.len());
        };
        for row in 0..reference_count.len() {
            let reference = centroid(reference_count, reference_sums, row)?;
            let current = centroid(current_count, current_sums, row)?;
            for other in [&reference, &current].into_iter().filter(|other| other.dimension() > 0) {
                check_length(NAME, self.length(), other.dimension())?;
            }
            self.reference.merge(&reference);
            self.current.merge(&current);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.metric)(&self.reference, &self.current)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let part = |centroid: &Centroid| {
            [ScalarValue::UInt64(Some(centroid.count())), Numbers(centroid.sums()).state()]
        };
        Ok([part(&self.reference), part(&self.current)].concat())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.reference.size() + self.current.size()
    }
}

/// A mean from a row of partial states.
fn centroid(counts: &ArrayRef, sums: &ArrayRef, row: usize) -> Result<Centroid> {
    let (counts, lists) = (counts.as_primitive_opt::<UInt64Type>(), sums.as_list_opt::<i32>());
    let (Some(counts), Some(lists)) = (counts, lists) else {
        return exec_err!("a partial state of {NAME} must be counts and lists, not {}", sums.data_type());
    };
    let sums = lists.value(row);
    match sums.as_primitive_opt::<Float64Type>() {
        Some(sums) => Ok(Centroid::of_sums(sums.values(), counts.value(row))),
        None => exec_err!("sums of {NAME} must be DOUBLE, not {}", sums.data_type()),
    }
}
