//! The rows of `drift` and `drift_over_time`, as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;

use super::provider::Answer;

/// What is said of one column in one window, or in a segment of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub window: (i64, i64),
    pub segment: Option<String>,
    pub feature: String,
    pub kind: &'static str,
    pub method: String,
    pub statistic: Option<f64>,
    pub p_value: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub effect: Option<f64>,
    pub effect_name: Option<&'static str>,
    pub psi: Option<f64>,
    pub js_distance: Option<f64>,
    /// The p value from which on the dataset alarms.
    pub threshold: f64,
    pub drifted: Option<bool>,
    pub n: (u64, u64),
    pub missing: (Option<f64>, Option<f64>),
    pub new_categories: Option<i64>,
    pub vanished_categories: Option<i64>,
    pub aspect: Option<&'static str>,
    /// Whether the effect is large enough for a verdict.
    pub is_large: bool,
}

/// Which figures are asked for: each of them takes its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Those of the tests.
    pub judged: bool,
    /// Those of the tests of all columns of the window, since they are corrected for.
    pub adjusted: bool,
    /// Those of the bins.
    pub bins: bool,
}

impl Wanted {
    /// Those in a projection of an answer: a verdict takes all.
    pub(super) fn of(answer: Answer, projection: Option<&[usize]>) -> Self {
        match answer {
            Answer::Columns => Self::in_projection(projection),
            Answer::Verdict => Self::in_projection(None),
        }
    }

    /// Those in a projection of [`schema`], all without one.
    fn in_projection(projection: Option<&[usize]>) -> Self {
        let schema = schema();
        let has = |names: &[&str]| {
            let is_one =
                |at: &usize| schema.fields().get(*at).is_some_and(|f| names.contains(&f.name().as_str()));
            projection.is_none_or(|projection| projection.iter().any(is_one))
        };
        let adjusted = has(&["p_adjusted", "drifted"]);
        let judged = adjusted || has(&["statistic", "p_value", "effect", "effect_name", "aspect"]);
        Self { judged, adjusted, bins: has(&["psi", "js_distance"]) }
    }
}

pub(super) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The columns.
pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, ty: DataType, nullable: bool| Field::new(name, ty, nullable);
    let number = |name: &str| field(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        field("window_start", time_type(), false),
        field("window_end", time_type(), false),
        field("segment", DataType::Utf8, true),
        field("feature", DataType::Utf8, false),
        field("kind", DataType::Utf8, false),
        field("method", DataType::Utf8, false),
        number("statistic"),
        number("p_value"),
        number("p_adjusted"),
        number("effect"),
        field("effect_name", DataType::Utf8, true),
        number("psi"),
        number("js_distance"),
        field("threshold", DataType::Float64, false),
        field("drifted", DataType::Boolean, true),
        field("n_reference", DataType::Int64, false),
        field("n_current", DataType::Int64, false),
        number("missing_reference"),
        number("missing_current"),
        field("new_categories", DataType::Int64, true),
        field("vanished_categories", DataType::Int64, true),
        field("aspect", DataType::Utf8, true),
    ]))
}

/// The rows as a batch, columns as in [`schema`].
pub(super) fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        times(rows, |row| row.window.0),
        times(rows, |row| row.window.1),
        texts(rows, |row| row.segment.as_deref()),
        texts(rows, |row| Some(&row.feature)),
        texts(rows, |row| Some(row.kind)),
        texts(rows, |row| Some(&row.method)),
        numbers(rows, |row| row.statistic),
        numbers(rows, |row| row.p_value),
        numbers(rows, |row| row.p_adjusted),
        numbers(rows, |row| row.effect),
        texts(rows, |row| row.effect_name),
        numbers(rows, |row| row.psi),
        numbers(rows, |row| row.js_distance),
        numbers(rows, |row| Some(row.threshold)),
        flags(rows, |row| row.drifted),
        counts(rows, |row| i64::try_from(row.n.0).ok().or(Some(i64::MAX))),
        counts(rows, |row| i64::try_from(row.n.1).ok().or(Some(i64::MAX))),
        numbers(rows, |row| row.missing.0),
        numbers(rows, |row| row.missing.1),
        counts(rows, |row| row.new_categories),
        counts(rows, |row| row.vanished_categories),
        texts(rows, |row| row.aspect),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

pub(super) fn times<R>(rows: &[R], f: impl Fn(&R) -> i64) -> ArrayRef {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(f));
    Arc::new(times.with_data_type(time_type()))
}

pub(super) fn texts<'a, R>(rows: &'a [R], f: impl Fn(&'a R) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<StringArray>())
}

pub(super) fn numbers<R>(rows: &[R], f: impl Fn(&R) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<Float64Array>())
}

pub(super) fn counts<R>(rows: &[R], f: impl Fn(&R) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<Int64Array>())
}

pub(super) fn flags<R>(rows: &[R], f: impl Fn(&R) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<BooleanArray>())
}
