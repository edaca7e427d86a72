//! A row as JSON, for people who look for what was wrong with it.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Number, Value};

use super::coerce::shown;

/// The row as it was sent, without what is null.
pub(super) fn of_row(rows: &RecordBatch, row: usize) -> String {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns());
    let there = columns.filter(|(_, values)| !values.logical_nulls().is_some_and(|nulls| nulls.is_null(row)));
    let named = there.map(|(field, values)| (field.name().clone(), value(values, row)));
    Value::Object(named.collect::<Map<_, _>>()).to_string()
}

/// Numbers, booleans and lists of them as such; what JSON has no word for, such as a time or NaN, as text.
fn value(values: &ArrayRef, row: usize) -> Value {
    let text = shown(values, row);
    match values.data_type() {
        DataType::Boolean => Value::Bool(text == "true"),
        ty if ty.is_integer() => number(&text).unwrap_or(Value::String(text)),
        ty if ty.is_floating() => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or(Value::String(text), Value::Number)
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        _ => Value::String(text),
    }
}

fn number(text: &str) -> Option<Value> {
    let signed = text.parse::<i64>().ok().map(Value::from);
    signed.or_else(|| text.parse::<u64>().ok().map(Value::from))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};

    use super::*;

    #[test]
    fn each_value_is_what_json_has_for_it() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a", Arc::new(Int64Array::from(vec![Some(-7), None]))),
            ("b", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
            ("c", Arc::new(StringArray::from(vec!["x\"y", "z"]))),
            ("d", Arc::new(BooleanArray::from(vec![true, false]))),
            ("e", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let expected = r#"{"a":-7,"b":1.5,"c":"x\"y","d":true,"e":18446744073709551615}"#;
        assert_eq!(of_row(&rows, 0), expected);
        assert_eq!(of_row(&rows, 1), r#"{"b":"NaN","c":"z","d":false,"e":0}"#);
    }
}
