//! Conversion of incoming values to the type of their column, where nothing is lost.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, FixedSizeListArray, Float64Array, Int64Array, PrimitiveArray,
    TimestampNanosecondArray, UInt64Array, new_null_array,
};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use driftline_storage::ColumnType;
use driftline_storage::distribution::Distribution;

use super::exact::EXACT_MAX;
use crate::error::{QueryError, Result};
use crate::scan::is_distribution;

/// Where values are for, for messages.
pub(super) struct Place<'a> {
    /// The table.
    pub(super) table: &'a str,
    /// The column.
    pub(super) column: &'a str,
    /// The row of the batch that the first value is of, from 0.
    pub(super) first_row: usize,
}

/// The column type for values that have none yet.
pub(crate) fn column_type(field: &Field) -> Option<ColumnType> {
    use DataType as D;
    Some(match field.data_type() {
        D::Boolean => ColumnType::Boolean,
        ty if ty.is_integer() => ColumnType::BigInt,
        D::Float16 | D::Float32 | D::Float64 => ColumnType::Double,
        D::Utf8 | D::LargeUtf8 | D::Utf8View => ColumnType::Text,
        D::Timestamp(_, _) | D::Date32 | D::Date64 => ColumnType::Timestamp,
        D::Dictionary(_, value) => return column_type(&Field::new(field.name(), D::clone(value), true)),
        D::FixedSizeList(inner, n) if inner.data_type().is_floating() => {
            ColumnType::Vector(u32::try_from(*n).ok()?)
        }
        D::Binary if is_distribution(field) => ColumnType::Distribution,
        _ => return None,
    })
}

/// Values as column type `ty`. Row numbers in errors count from 1.
pub(super) fn to(values: &ArrayRef, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    if values.data_type().is_null() {
        return Ok(new_null_array(&ty.arrow(), values.len()));
    }
    if let DataType::Dictionary(_, value) = values.data_type() {
        return to(&exactly(values, value)?, ty, place);
    }
    match ty {
        ColumnType::Boolean if values.data_type() == &DataType::Boolean => Ok(Arc::clone(values)),
        ColumnType::BigInt => to_bigint(values, ty, place),
        ColumnType::Double => to_double(values, ty, place),
        ColumnType::Text if is_text(values.data_type()) => exactly(values, &DataType::Utf8),
        ColumnType::Json if is_text(values.data_type()) => to_json(values, place),
        ColumnType::Timestamp => to_timestamp(values, ty, place),
        ColumnType::Vector(n) => to_vector(values, n, ty, place),
        ColumnType::Distribution => to_distribution(values, ty, place),
        ColumnType::Boolean | ColumnType::Text | ColumnType::Json => refuse(values, None, ty, place),
    }
}

/// Values of a TAG: text, or a dictionary of texts as it came, for the engine resolves each distinct one once.
pub(super) fn to_tag(values: &ArrayRef, place: &Place<'_>) -> Result<ArrayRef> {
    match values.data_type() {
        DataType::Dictionary(_, value) if is_text(value) => {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            exactly(values, &dictionary)
        }
        _ => to(values, ColumnType::Text, place),
    }
}

/// A value as a person reads it.
pub(super) fn shown(values: &dyn Array, row: usize) -> String {
    match ArrayFormatter::try_new(values, &FormatOptions::default().with_null("null")) {
        Ok(formatter) => formatter.value(row).try_to_string().unwrap_or_else(|error| error.to_string()),
        Err(error) => error.to_string(),
    }
}

/// The rows that `convert`, which gets values and the row of the first of them, refuses, each with what it says. Nulls
/// are of any type.
pub(super) fn misfits(
    values: &ArrayRef,
    convert: impl Fn(&ArrayRef, usize) -> Result<ArrayRef>,
) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut spans = vec![(0, values.len())];
    while let Some((from, length)) = spans.pop() {
        let some = values.slice(from, length);
        if some.logical_null_count() == length {
            continue;
        }
        match convert(&some, from) {
            Ok(_) => {}
            Err(error) if length == 1 => found.push((from, error.to_string())),
            // Few rows are wrong where any are: halves find them in few steps.
            Err(_) => spans.extend([(from + length / 2, length - length / 2), (from, length / 2)]),
        }
    }
    found
}

/// What to say of values that do not fit: column, both types, and the first row that shows it.
pub(super) fn conflict(values: &ArrayRef, row: Option<usize>, ty: ColumnType, place: &Place<'_>) -> String {
    let row = row.or_else(|| (0..values.len()).find(|row| values.is_valid(*row)));
    let shown = row.map_or(String::new(), |row| {
        format!(": row {} is {}", place.first_row + row + 1, shown(values, row))
    });
    format!(
        "column {} of table {} is {}, the rows have {}{shown}",
        place.column,
        place.table,
        ty.sql(),
        values.data_type()
    )
}

fn refuse<T>(values: &ArrayRef, row: Option<usize>, ty: ColumnType, place: &Place<'_>) -> Result<T> {
    Err(QueryError::Invalid(conflict(values, row, ty, place)))
}

/// What to say of one value that is wrong.
fn refuse_row<T>(row: usize, what: &str, place: &Place<'_>) -> Result<T> {
    Err(QueryError::Invalid(format!(
        "row {}, column {} of table {}: {what}",
        place.first_row + row + 1,
        place.column,
        place.table
    )))
}

/// A cast that fails rather than lose a value.
fn exactly(values: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if values.data_type() == ty {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(values, ty, &options)?)
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The first valid row whose value fails `fits`.
fn first_misfit<T: arrow::datatypes::ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    fits: impl Fn(T::Native) -> bool,
) -> Option<usize> {
    values.iter().position(|value| value.is_some_and(|value| !fits(value)))
}

/// Integers; and doubles that are integers, since JSON has no other numbers.
fn to_bigint(values: &ArrayRef, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    let misfit = match values.data_type() {
        DataType::UInt64 => {
            first_misfit(values.as_primitive::<UInt64Type>(), |value| i64::try_from(value).is_ok())
        }
        integer if integer.is_integer() => None,
        float if float.is_floating() => first_beyond_bigint(values)?,
        _ => return refuse(values, None, ty, place),
    };
    if misfit.is_some() {
        return refuse(values, misfit, ty, place);
    }
    if !values.data_type().is_floating() {
        return exactly(values, &DataType::Int64);
    }
    let doubles = exactly(values, &DataType::Float64)?;
    let integers = doubles.as_primitive::<Float64Type>().iter().map(|value| value.and_then(exact_integer));
    Ok(Arc::new(integers.collect::<Int64Array>()))
}

/// The first row of floats that is no BIGINT: it has a fraction, or is too large for one to be exact.
pub(super) fn first_beyond_bigint(floats: &ArrayRef) -> Result<Option<usize>> {
    let doubles = exactly(floats, &DataType::Float64)?;
    Ok(first_misfit(doubles.as_primitive::<Float64Type>(), |value| exact_integer(value).is_some()))
}

/// The integer that a double is, where no other integer rounds to the same double.
fn exact_integer(value: f64) -> Option<i64> {
    // A minus zero would lose its sign.
    let exact = value.fract() == 0.0
        && value.abs() <= EXACT_MAX as f64
        && !(value == 0.0 && value.is_sign_negative());
    exact.then_some(value as i64)
}

/// Doubles, narrower floats, and integers that a double holds exactly.
fn to_double(values: &ArrayRef, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    match values.data_type() {
        float if float.is_floating() => exactly(values, &DataType::Float64),
        integer if integer.is_integer() => {
            let Ok(wide) = exactly(values, &DataType::Int64) else {
                return refuse(values, None, ty, place);
            };
            let wide = wide.as_primitive::<Int64Type>();
            match first_misfit(wide, |value| i128::from(value) == (value as f64) as i128) {
                Some(row) => refuse(values, Some(row), ty, place),
                None => Ok(Arc::new(wide.iter().map(|v| v.map(|v| v as f64)).collect::<Float64Array>())),
            }
        }
        _ => refuse(values, None, ty, place),
    }
}

fn to_json(values: &ArrayRef, place: &Place<'_>) -> Result<ArrayRef> {
    let texts = exactly(values, &DataType::Utf8)?;
    for (row, text) in texts.as_string::<i32>().iter().enumerate() {
        if let Some(text) = text
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
        {
            return refuse_row(row, &format!("this is not JSON: {error}"), place);
        }
    }
    Ok(texts)
}

/// Timestamps of any unit and zone (without zone: UTC), dates, and text as RFC 3339 writes it.
fn to_timestamp(values: &ArrayRef, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    match values.data_type() {
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => {
            let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
            exactly(values, &utc).map_err(|error| {
                let what = "years 1677 to 2262 fit nanoseconds since 1970";
                QueryError::Invalid(format!(
                    "column {} of table {}: a time is out of range, {what}: {error}",
                    place.column, place.table
                ))
            })
        }
        text if is_text(text) => texts_to_timestamp(&exactly(values, &DataType::Utf8)?, place),
        _ => refuse(values, None, ty, place),
    }
}

fn texts_to_timestamp(texts: &ArrayRef, place: &Place<'_>) -> Result<ArrayRef> {
    let mut times = Vec::with_capacity(texts.len());
    for (row, text) in texts.as_string::<i32>().iter().enumerate() {
        let Some(text) = text else {
            times.push(None);
            continue;
        };
        let Ok(nanos) = string_to_timestamp_nanos(text) else {
            return refuse_row(row, &format!("{text:?} is no time like 2026-01-31T12:00:00Z"), place);
        };
        times.push(Some(nanos));
    }
    Ok(Arc::new(times.into_iter().collect::<TimestampNanosecondArray>().with_timezone("UTC")))
}

/// Lists of n numbers. A vector holds 32-bit floats: wider ones are rounded, as embeddings always are.
fn to_vector(values: &ArrayRef, n: u32, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    let Some((numbers, spans)) = lists(values).filter(|(numbers, _)| numbers.data_type().is_numeric()) else {
        return refuse(values, None, ty, place);
    };
    let n = u64::from(n);
    let mut picks: Vec<Option<u64>> = Vec::new();
    for (row, span) in spans.into_iter().enumerate() {
        match span {
            None => picks.extend((0..n).map(|_| None)),
            Some((from, length)) if length == n => picks.extend((from..from + n).map(Some)),
            Some((_, found)) => {
                return refuse_row(row, &format!("{found} numbers for a {}", ty.sql()), place);
            }
        }
    }
    let numbers = exactly(&take(&numbers, &UInt64Array::from(picks), None)?, &DataType::Float32)?;
    let DataType::FixedSizeList(field, size) = ty.arrow() else { return refuse(values, None, ty, place) };
    let rows = values.nulls().cloned();
    Ok(Arc::new(FixedSizeListArray::try_new(field, size, numbers, rows)?))
}

/// Where a list begins in the elements, and how many of them it has.
type Span = (u64, u64);

/// The elements of lists, and for each list that is not null where it begins in them and how many it has.
/// (Arrow's own cast of lists to a fixed size counts wrongly where the array is a slice.)
fn lists(values: &ArrayRef) -> Option<(ArrayRef, Vec<Option<Span>>)> {
    let span = |from: i64, length: i64| -> Option<Span> {
        Some((u64::try_from(from).ok()?, u64::try_from(length).ok()?))
    };
    let spans = |of: &dyn Fn(usize) -> Option<Span>| -> Vec<Option<Span>> {
        (0..values.len()).map(|row| values.is_valid(row).then(|| of(row)).flatten()).collect()
    };
    match values.data_type() {
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            let of = |row: usize| span(lists.value_offsets()[row].into(), lists.value_length(row).into());
            Some((Arc::clone(lists.values()), spans(&of)))
        }
        DataType::LargeList(_) => {
            let lists = values.as_list::<i64>();
            let of = |row: usize| span(lists.value_offsets()[row], lists.value_length(row));
            Some((Arc::clone(lists.values()), spans(&of)))
        }
        DataType::FixedSizeList(_, n) => {
            let lists = values.as_fixed_size_list();
            let of = |row: usize| span(lists.value_offset(row).into(), (*n).into());
            Some((Arc::clone(lists.values()), spans(&of)))
        }
        _ => None,
    }
}

fn to_distribution(values: &ArrayRef, ty: ColumnType, place: &Place<'_>) -> Result<ArrayRef> {
    let bytes = match values.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            exactly(values, &DataType::Binary)?
        }
        _ => return refuse(values, None, ty, place),
    };
    let encoded: &BinaryArray = bytes.as_binary();
    for (row, bytes) in encoded.iter().enumerate() {
        if let Some(bytes) = bytes
            && let Err(error) = Distribution::decode(bytes)
        {
            return refuse_row(row, &format!("these bytes are no DISTRIBUTION: {error}"), place);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
