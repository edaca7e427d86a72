//! Values as text, alike for every type that a column can have had: a BIGINT that became DOUBLE is the number it was.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::change::Value;

/// The text of a constant.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::BigInt(value) | Value::Timestamp(value) => value.to_string(),
        Value::Double(value) => {
            let mut text = String::new();
            write_double(*value, &mut text);
            text
        }
        Value::Text(value) => value.clone(),
    }
}

/// Puts the text of a cell in the place of what `out` holds; false for a null, and for types that have none.
pub(crate) fn write_cell(array: &ArrayRef, row: usize, out: &mut String) -> bool {
    out.clear();
    if array.is_null(row) {
        return false;
    }
    // Writing to a String cannot fail.
    let _ = match array.data_type() {
        DataType::Utf8 => out.write_str(array.as_string::<i32>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) => {
            write!(out, "{}", array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Float64 => {
            write_double(array.as_primitive::<Float64Type>().value(row), out);
            Ok(())
        }
        _ => return false,
    };
    true
}

/// A whole number as a BIGINT has it; both zeros are one.
fn write_double(value: f64, out: &mut String) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let _ = match value.trunc() == value && value.abs() <= EXACT {
        true => write!(out, "{}", value as i64),
        false => write!(out, "{value:?}"),
    };
}
