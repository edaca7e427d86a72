//! Lists of numbers that an aggregate has to keep whole, and how they travel in a partial state.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Float64Type};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Numbers, never NaN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(pub Vec<f64>);

impl Numbers {
    /// Adds the numbers of a column; NULL and NaN are left out.
    pub(crate) fn extend(&mut self, array: &Float64Array) {
        if array.null_count() == 0 {
            self.0.extend(array.values().iter().filter(|x| !x.is_nan()));
        } else {
            self.0.extend(array.iter().flatten().filter(|x| !x.is_nan()));
        }
    }

    /// The numbers in order.
    pub(super) fn sorted(&mut self) -> &[f64] {
        self.0.sort_unstable_by(f64::total_cmp);
        &self.0
    }

    /// The distinct numbers in order, each with its count.
    pub(super) fn points(&mut self) -> Vec<(f64, u64)> {
        let runs = self.sorted().chunk_by(|a, b| a == b);
        runs.filter_map(|run| Some((*run.first()?, run.len() as u64))).collect()
    }

    /// The numbers, to be put in any order.
    pub(crate) fn unsorted(&mut self) -> &mut [f64] {
        &mut self.0
    }

    /// As one value of a partial state.
    pub(super) fn state(&self) -> ScalarValue {
        let field = Arc::new(Field::new_list_field(arrow::datatypes::DataType::Float64, true));
        let values: ArrayRef = Arc::new(Float64Array::from(self.0.clone()));
        let list = ListArray::new(field, OffsetBuffer::from_lengths([values.len()]), values, None);
        ScalarValue::List(Arc::new(list))
    }

    /// Adds the numbers of a column of partial states.
    pub(super) fn merge(&mut self, states: &ArrayRef) -> Result<()> {
        let lists = states.as_list_opt::<i32>().ok_or_else(|| not_a_list(states))?;
        for list in lists.iter().flatten() {
            self.extend(list.as_primitive_opt::<Float64Type>().ok_or_else(|| not_a_list(states))?);
        }
        Ok(())
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.0.capacity() * size_of::<f64>()
    }
}

fn not_a_list(states: &ArrayRef) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("a partial state must be a list of DOUBLE, not {}", states.data_type())
}
