//! Predictions and labels as the Arrow rows that a client sends.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;

use super::data::{Employment, FEATURES};
use super::error::Result;
use super::times::Event;

/// The one numeric feature, age in years.
const AGE: usize = 0;
const MONTHS_IN_A_YEAR: f64 = 12.0;

/// What a `CREATE MODEL` of these columns says between its parentheses.
pub fn columns() -> String {
    let features = FEATURES.iter().enumerate().map(|(feature, name)| match feature {
        AGE => format!("{name} DOUBLE FEATURE NUMERIC"),
        _ => format!("{name} TEXT FEATURE CATEGORICAL"),
    });
    let features: Vec<String> = features.collect();
    let features = features.join(", ");
    format!(
        "prediction_id TEXT KEY, {features}, y_pred_proba DOUBLE SCORE, y_pred BIGINT PREDICTION, employed BIGINT LABEL"
    )
}

/// The rows of some predictions. Where `months_from` is given, ages of predictions made then or later are in months:
/// the fault that the demonstration injects.
pub fn predictions(data: &Employment, events: &[Event], months_from: Option<i64>) -> Result<RecordBatch> {
    let mut columns = vec![("time", times(events)), ("prediction_id", keys(events))];
    columns.push((FEATURES[AGE], ages(data, events, months_from)));
    for (feature, name) in FEATURES.iter().enumerate().skip(AGE + 1) {
        columns.push((name, codes(data, events, feature)));
    }
    let scores = Float64Array::from_iter_values(events.iter().map(|e| data.probability(e.row)));
    columns.push(("y_pred_proba", Arc::new(scores)));
    columns.push(("y_pred", integers(events, |row| data.prediction(row))));
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// What became known of some predictions: their key, their time and whether the person was employed.
pub fn labels(data: &Employment, events: &[Event]) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter([
        ("time", times(events)),
        ("prediction_id", keys(events)),
        ("employed", integers(events, |row| data.label(row))),
    ])?)
}

fn times(events: &[Event]) -> ArrayRef {
    let times = TimestampNanosecondArray::from_iter_values(events.iter().map(|e| e.time));
    Arc::new(times.with_timezone("UTC"))
}

fn keys(events: &[Event]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(events.iter().map(|e| e.row.to_string())))
}

fn ages(data: &Employment, events: &[Event], months_from: Option<i64>) -> ArrayRef {
    let unit = |time| if months_from.is_some_and(|from| time >= from) { MONTHS_IN_A_YEAR } else { 1.0 };
    let age = |e: &Event| f64::from(data.codes(e.row)[AGE]) * unit(e.time);
    Arc::new(Float64Array::from_iter_values(events.iter().map(age)))
}

fn codes(data: &Employment, events: &[Event], feature: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(events.iter().map(|e| data.codes(e.row)[feature].to_string())))
}

fn integers(events: &[Event], value: impl Fn(usize) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(events.iter().map(|e| value(e.row))))
}

#[cfg(test)]
mod tests;
