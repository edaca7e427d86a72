//! The vectors of a column: a VECTOR, or lists of numbers.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, ListArray};
use arrow::datatypes::Float32Type;
use datafusion::common::{Result, exec_datafusion_err};

/// A column of vectors.
pub(super) struct VectorColumn<'a> {
    shape: Shape<'a>,
    numbers: &'a Float32Array,
}

enum Shape<'a> {
    /// All of one length.
    Fixed(&'a FixedSizeListArray),
    /// Each of its own.
    Varying(&'a ListArray),
}

impl<'a> VectorColumn<'a> {
    pub(super) fn new(column: &'a ArrayRef) -> Result<Self> {
        let (shape, numbers) = match (column.as_fixed_size_list_opt(), column.as_list_opt::<i32>()) {
            (Some(lists), _) => (Shape::Fixed(lists), lists.values()),
            (None, Some(lists)) => (Shape::Varying(lists), lists.values()),
            (None, None) => return Err(no_vectors(column)),
        };
        let numbers = numbers.as_primitive_opt::<Float32Type>().ok_or_else(|| no_vectors(column))?;
        Ok(Self { shape, numbers })
    }

    /// The vector of a row. None where there is none, and where one of its numbers is NULL, NaN or infinite: it is then
    /// nowhere in space.
    pub(super) fn get(&self, row: usize) -> Option<&'a [f32]> {
        let (from, length) = match self.shape {
            Shape::Fixed(lists) if lists.is_valid(row) => (lists.value_offset(row), lists.value_length()),
            Shape::Varying(lists) if lists.is_valid(row) => {
                (*lists.value_offsets().get(row)?, lists.value_length(row))
            }
            _ => return None,
        };
        let (from, length) = (usize::try_from(from).ok()?, usize::try_from(length).ok()?);
        let missing = self.numbers.nulls().is_some_and(|nulls| nulls.slice(from, length).null_count() > 0);
        let vector = self.numbers.values().get(from..from + length)?;
        (!missing && vector.iter().all(|number| number.is_finite())).then_some(vector)
    }
}

fn no_vectors(column: &ArrayRef) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("vectors must be lists of 32-bit numbers, not {}", column.data_type())
}
