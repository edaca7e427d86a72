//! Rows of system tables from columns of plain values.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;

use crate::error::Result;

/// TEXT.
pub(super) fn text<S: Into<String>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(values.into_iter().map(|value| Some(value.into())).collect::<StringArray>())
}

/// TEXT with nulls.
pub(super) fn optional_text<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

/// BIGINT; what does not fit is the greatest there is.
pub(super) fn count(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(
        values
            .into_iter()
            .map(|value| Some(i64::try_from(value).unwrap_or(i64::MAX)))
            .collect::<Int64Array>(),
    )
}

/// BIGINT with nulls.
pub(super) fn optional_count(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    let fit = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Arc::new(values.into_iter().map(|value| value.map(fit)).collect::<Int64Array>())
}

/// BOOLEAN.
pub(super) fn boolean(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

/// DOUBLE.
pub(super) fn double(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<Float64Array>())
}

/// DOUBLE with nulls.
pub(super) fn optional_double(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

/// A duration in nanoseconds, as milliseconds: DOUBLE with nulls.
pub(super) fn millis(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    optional_double(values.into_iter().map(|nanos| nanos.map(|nanos| nanos as f64 / 1e6)))
}

/// JSON as TEXT.
pub(super) fn json<S: serde::Serialize>(values: impl IntoIterator<Item = S>) -> Result<ArrayRef> {
    let texts: Result<Vec<String>, _> =
        values.into_iter().map(|value| serde_json::to_string(&value)).collect();
    let unfit = |error| crate::QueryError::Invalid(format!("a value cannot be shown as JSON: {error}"));
    texts.map(text).map_err(unfit)
}

/// TIMESTAMP, from nanoseconds since 1970.
pub(super) fn time(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

/// A table; `names` and `columns` stand in the same order.
pub(super) fn rows(names: &[&str], columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable(
        names.iter().zip(columns).map(|(name, column)| (*name, column, true)),
    )?)
}
