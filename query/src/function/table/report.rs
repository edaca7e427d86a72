//! The rows of `drift` and `drift_over_time`: what is said of one column in one window.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::{Result, exec_datafusion_err};
use driftline_storage::distribution::{Categorical, Distribution, Numeric};

use super::provider::{Compared, Job};
use crate::stats::binning::{Bins, Reference};
use crate::stats::js::js_distance;
use crate::stats::ks::{ks_pvalue, ks_statistic_counts};
use crate::stats::psi::psi;

/// The PSI above which a column counts as drifted.
const PSI_THRESHOLD: f64 = 0.2;

/// What is said of one column in one window.
#[derive(Debug)]
pub(super) struct Row {
    window: (i64, i64),
    feature: String,
    kind: &'static str,
    method: &'static str,
    statistic: Option<f64>,
    p_value: Option<f64>,
    psi: Option<f64>,
    js_distance: Option<f64>,
    n: (u64, u64),
    missing: (Option<f64>, Option<f64>),
    new_categories: Option<i64>,
}

/// Which figures are asked for. Those of the Kolmogorov-Smirnov test take many times as long as all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    test: bool,
    bins: bool,
}

impl Wanted {
    /// Those in a projection of [`schema`], all without one.
    pub(super) fn in_projection(projection: Option<&[usize]>) -> Self {
        let schema = schema();
        let has = |names: &[&str]| {
            let is_one =
                |at: &usize| schema.fields().get(*at).is_some_and(|f| names.contains(&f.name().as_str()));
            projection.is_none_or(|projection| projection.iter().any(is_one))
        };
        Self { test: has(&["statistic", "p_value"]), bins: has(&["psi", "js_distance", "drifted"]) }
    }
}

impl Row {
    /// Compares a column in a window with its baseline. Figures that are not wanted are none.
    pub(super) fn new(
        job: &Job,
        wanted: Wanted,
        window: (i64, i64),
        (compared, bins): (&Compared, &mut Reference<'_>),
        current: &Distribution,
    ) -> Result<Self> {
        let reference = &compared.reference;
        let shared = if wanted.bins { shared(job, bins, reference, current)? } else { None };
        let (statistic, p_value) = match wanted.test {
            true => kolmogorov_smirnov(reference, current),
            false => (None, None),
        };
        Ok(Self {
            window,
            feature: compared.name.clone(),
            kind: reference.kind_name(),
            method: method(reference, current),
            statistic,
            p_value,
            psi: shared.as_ref().and_then(|bins| psi(&bins.reference, &bins.current)),
            js_distance: shared.as_ref().and_then(|bins| js_distance(&bins.reference, &bins.current)),
            n: (reference.count(), current.count()),
            missing: (missing(reference), missing(current)),
            new_categories: new_categories(reference, current),
        })
    }
}

/// The counts on shared bins; none where one side is empty.
fn shared(
    job: &Job,
    bins: &mut Reference<'_>,
    reference: &Distribution,
    current: &Distribution,
) -> Result<Option<Bins>> {
    if reference.count() == 0 || current.count() == 0 {
        return Ok(None);
    }
    let shared = bins.shared_with(current);
    shared.map(Some).map_err(|error| exec_datafusion_err!("{}: {error}", job.function))
}

/// How the figures were made: from each value's own count, or from counts of buckets (of values grouped as others).
fn method(reference: &Distribution, current: &Distribution) -> &'static str {
    let exact = is_exact(reference) && is_exact(current);
    match (reference, exact) {
        (Distribution::Numeric(_), true) => "psi+ks/exact",
        (Distribution::Numeric(_), false) => "psi+ks/binned",
        (Distribution::Categorical(_), true) => "psi/exact",
        (Distribution::Categorical(_), false) => "psi/binned",
    }
}

fn is_exact(distribution: &Distribution) -> bool {
    match distribution {
        Distribution::Numeric(numeric) => numeric.is_exact(),
        Distribution::Categorical(categorical) => categorical.other_count() == 0,
    }
}

/// Statistic and p value, for numbers.
fn kolmogorov_smirnov(reference: &Distribution, current: &Distribution) -> (Option<f64>, Option<f64>) {
    let (Distribution::Numeric(reference), Distribution::Numeric(current)) = (reference, current) else {
        return (None, None);
    };
    let statistic = ks_statistic_counts(&reference.points(), &current.points());
    let p_value = statistic.and_then(|d| ks_pvalue(d, reference.count(), current.count()));
    (statistic, p_value)
}

/// The share of rows without a value: NULL, or NaN where numbers are counted. None of no rows.
fn missing(distribution: &Distribution) -> Option<f64> {
    let absent = distribution.null_count().saturating_add(nan_count(distribution));
    let rows = absent.saturating_add(distribution.count()).saturating_add(infinity_count(distribution));
    (rows > 0).then(|| absent as f64 / rows as f64)
}

fn nan_count(distribution: &Distribution) -> u64 {
    numeric(distribution).map_or(0, Numeric::nan_count)
}

fn infinity_count(distribution: &Distribution) -> u64 {
    numeric(distribution).map(Numeric::infinity_counts).map_or(0, |(low, high)| low.saturating_add(high))
}

fn numeric(distribution: &Distribution) -> Option<&Numeric> {
    match distribution {
        Distribution::Numeric(numeric) => Some(numeric),
        Distribution::Categorical(_) => None,
    }
}

/// How many categories the baseline has not.
fn new_categories(reference: &Distribution, current: &Distribution) -> Option<i64> {
    let (Distribution::Categorical(reference), Distribution::Categorical(current)) = (reference, current)
    else {
        return None;
    };
    let is_new = |category: &&String| !Categorical::counts(reference).contains_key(category.as_str());
    i64::try_from(current.counts().keys().filter(is_new).count()).ok()
}

fn time_type() -> DataType {
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
    ]))
}

/// The rows as a batch, columns as in [`schema`].
pub(super) fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let none = || numbers(rows, |_| None);
    let absent_text = || -> ArrayRef { Arc::new(StringArray::new_null(rows.len())) };
    let columns: Vec<ArrayRef> = vec![
        times(rows, |row| row.window.0),
        times(rows, |row| row.window.1),
        absent_text(),
        texts(rows, |row| &row.feature),
        texts(rows, |row| row.kind),
        texts(rows, |row| row.method),
        numbers(rows, |row| row.statistic),
        numbers(rows, |row| row.p_value),
        none(),
        none(),
        absent_text(),
        numbers(rows, |row| row.psi),
        numbers(rows, |row| row.js_distance),
        numbers(rows, |_| Some(PSI_THRESHOLD)),
        Arc::new(rows.iter().map(|row| row.psi.map(|psi| psi > PSI_THRESHOLD)).collect::<BooleanArray>()),
        counts(rows, |row| i64::try_from(row.n.0).ok().or(Some(i64::MAX))),
        counts(rows, |row| i64::try_from(row.n.1).ok().or(Some(i64::MAX))),
        numbers(rows, |row| row.missing.0),
        numbers(rows, |row| row.missing.1),
        counts(rows, |row| row.new_categories),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

fn times(rows: &[Row], f: impl Fn(&Row) -> i64) -> ArrayRef {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(f));
    Arc::new(times.with_data_type(time_type()))
}

fn texts<'a>(rows: &'a [Row], f: impl Fn(&'a Row) -> &'a str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(f)))
}

fn numbers(rows: &[Row], f: impl Fn(&Row) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<Float64Array>())
}

fn counts(rows: &[Row], f: impl Fn(&Row) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(f).collect::<Int64Array>())
}
