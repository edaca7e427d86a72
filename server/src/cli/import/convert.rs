//! The rows of a file as the rows of a table.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use driftline_query::storage::ColumnType;

use super::error::ImportError;
use super::infer;
use super::plan::{Plan, Planned};

/// Characters of a wrong value that a message shows.
const SHOWN_MAX: usize = 60;

/// A value that cannot be read: its place in the batch, and what it should have been.
struct Wrong {
    row: usize,
    expected: &'static str,
}

/// Converts a batch whose first row has the number `first_row` in the file.
pub fn batch(
    path: &Path,
    batch: &RecordBatch,
    plan: &Plan,
    first_row: u64,
) -> Result<RecordBatch, ImportError> {
    let mut columns = Vec::with_capacity(plan.columns.len());
    for (values, planned) in batch.columns().iter().zip(&plan.columns) {
        let converted = column(values, planned).map_err(|wrong| ImportError::Value {
            path: path.to_owned(),
            row: first_row.saturating_add(wrong.row as u64),
            column: planned.source.clone(),
            value: shown(values, wrong.row),
            expected: wrong.expected,
        })?;
        columns.push((planned.name.as_str(), converted, true));
    }
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| ImportError::unreadable(path, e))
}

fn column(values: &ArrayRef, planned: &Planned) -> Result<ArrayRef, Wrong> {
    let converted = match (planned.epoch, text(values)) {
        (Some(_), _) => times(values, planned)?,
        (None, Some(text)) => read(&text, planned.ty)?,
        (None, None) => carry(values, planned.ty)?,
    };
    let is_time = planned.name == driftline_query::storage::TIME_COLUMN;
    match (0..converted.len()).find(|row| is_time && converted.is_null(*row)) {
        Some(row) => Err(Wrong { row, expected: "an event time, which every row needs" }),
        None => Ok(converted),
    }
}

/// The values as text, where they are text.
fn text(values: &ArrayRef) -> Option<ArrayRef> {
    let is_text = |ty: &DataType| matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match values.data_type() {
        DataType::Dictionary(_, value) if is_text(value) => cast(values, &DataType::Utf8).ok(),
        ty if is_text(ty) => cast(values, &DataType::Utf8).ok(),
        _ => None,
    }
}

fn read(values: &ArrayRef, ty: ColumnType) -> Result<ArrayRef, Wrong> {
    Ok(match ty {
        ColumnType::Boolean => Arc::new(BooleanArray::from(each(values, infer::boolean, "true or false")?)),
        ColumnType::BigInt => {
            let read = |text: &str| text.parse().ok();
            Arc::new(Int64Array::from(each(values, read, "a whole number of 64 bits")?))
        }
        ColumnType::Double => {
            let read = |text: &str| text.parse().ok();
            Arc::new(Float64Array::from(each(values, read, "a number")?))
        }
        ColumnType::Timestamp => {
            let times = each(values, infer::timestamp, "a timestamp such as 2026-01-31T12:00:00Z")?;
            Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))
        }
        _ => Arc::clone(values),
    })
}

fn each<T>(
    values: &ArrayRef,
    read: impl Fn(&str) -> Option<T>,
    expected: &'static str,
) -> Result<Vec<Option<T>>, Wrong> {
    let read = |(row, text): (usize, Option<&str>)| match text {
        Some(text) => read(text).map(Some).ok_or(Wrong { row, expected }),
        None => Ok(None),
    };
    values.as_string::<i32>().iter().enumerate().map(read).collect()
}

/// Numbers as times.
fn times(values: &ArrayRef, planned: &Planned) -> Result<ArrayRef, Wrong> {
    const EXPECTED: &str = "a time between the years 1677 and 2262";
    let Some(unit) = planned.epoch else { return Ok(Arc::clone(values)) };
    let nanos: Vec<Option<i64>> = if let Some(text) = text(values) {
        let read = |text: &str| match text.parse() {
            Ok(number) => unit.nanos_of_integer(number),
            Err(_) => text.parse().ok().and_then(|number| unit.nanos_of_float(number)),
        };
        each(&text, read, EXPECTED)?
    } else if values.data_type().is_integer() {
        let numbers = whole(values)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        checked(numbers.iter(), |number| unit.nanos_of_integer(number), EXPECTED)?
    } else {
        let numbers = cast(values, &DataType::Float64).map_err(|_| Wrong { row: 0, expected: EXPECTED })?;
        checked(numbers.as_primitive::<Float64Type>().iter(), |number| unit.nanos_of_float(number), EXPECTED)?
    };
    Ok(Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC")))
}

fn checked<T>(
    values: impl Iterator<Item = Option<T>>,
    read: impl Fn(T) -> Option<i64>,
    expected: &'static str,
) -> Result<Vec<Option<i64>>, Wrong> {
    let read = |(row, value): (usize, Option<T>)| match value {
        Some(value) => read(value).map(Some).ok_or(Wrong { row, expected }),
        None => Ok(None),
    };
    values.enumerate().map(read).collect()
}

/// Integers as 64 bits with a sign; casting gives null where one is too large.
fn whole(values: &ArrayRef) -> Result<ArrayRef, Wrong> {
    let expected = "a whole number of 64 bits";
    let numbers = cast(values, &DataType::Int64).map_err(|_| Wrong { row: 0, expected })?;
    match (0..values.len()).find(|row| values.is_valid(*row) && numbers.is_null(*row)) {
        Some(row) => Err(Wrong { row, expected }),
        None => Ok(numbers),
    }
}

/// Values that are no text: what the database converts by itself goes as it is.
fn carry(values: &ArrayRef, ty: ColumnType) -> Result<ArrayRef, Wrong> {
    match ty {
        ColumnType::Text if !values.data_type().is_null() => cast(values, &DataType::Utf8)
            .map_err(|_| Wrong { row: 0, expected: "what can be written as text" }),
        _ if values.data_type().is_decimal() => {
            cast(values, &DataType::Float64).map_err(|_| Wrong { row: 0, expected: "a number" })
        }
        _ if values.data_type().is_integer() => whole(values),
        _ => Ok(Arc::clone(values)),
    }
}

fn shown(values: &dyn Array, row: usize) -> String {
    let text = arrow::util::display::array_value_to_string(values, row).unwrap_or_default();
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    if cut.len() < text.len() { format!("{cut}..") } else { cut }
}
