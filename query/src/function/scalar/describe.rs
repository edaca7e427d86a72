//! What a DISTRIBUTION says of its column: `distribution_count`, `_null_count`, `_min`, `_max`, `_mean`, `_quantile`.

use datafusion::common::{Result, exec_err};
use driftline_storage::distribution::{Distribution, Numeric};

use super::row::Rows;
use super::{Compute, Definition};
use crate::function::parameter::{Kind, Parameter, required};

const D: &[Parameter] = &[required("d", Kind::Distribution)];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("distribution_count", Compute::Count(|rows, row| count(rows, row, Distribution::count))),
    define("distribution_null_count", Compute::Count(|rows, row| count(rows, row, Distribution::null_count))),
    define("distribution_min", Compute::Number(|rows, row| number(rows, row, Numeric::min))),
    define("distribution_max", Compute::Number(|rows, row| number(rows, row, Numeric::max))),
    define("distribution_mean", Compute::Number(|rows, row| number(rows, row, Numeric::mean))),
    Definition {
        name: "distribution_quantile",
        parameters: &[required("d", Kind::Distribution), required("q", Kind::Number)],
        compute: Compute::Number(quantile),
    },
];

const fn define(name: &'static str, compute: Compute) -> Definition {
    Definition { name, parameters: D, compute }
}

fn count(rows: &Rows<'_>, row: usize, f: fn(&Distribution) -> u64) -> Result<Option<i64>> {
    let distribution = rows.distribution(0, row)?;
    // Counts saturate, so one beyond BIGINT says no more than the greatest BIGINT does.
    Ok(distribution.map(|d| i64::try_from(f(&d)).unwrap_or(i64::MAX)))
}

/// NULL for categories, so that one query can go over the features of a model.
fn number(rows: &Rows<'_>, row: usize, f: impl Fn(&Numeric) -> Option<f64>) -> Result<Option<f64>> {
    match rows.distribution(0, row)?.as_deref() {
        Some(Distribution::Numeric(numeric)) => Ok(f(numeric)),
        Some(Distribution::Categorical(_)) | None => Ok(None),
    }
}

fn quantile(rows: &Rows<'_>, row: usize) -> Result<Option<f64>> {
    let Some(q) = rows.number(1, row)? else { return Ok(None) };
    if !(0.0..=1.0).contains(&q) {
        return exec_err!("{}: `q` must be a fraction from 0 to 1, not {q}", rows.function);
    }
    number(rows, row, |numeric| numeric.quantile(q))
}
