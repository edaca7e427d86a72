//! Tests whether two DISTRIBUTIONs, counted in the same bins, can be of one law: `chi_square_statistic`, `_pvalue`,
//! `g_test_statistic`, `_pvalue`.

use datafusion::common::Result;

use super::drift::{BINS, EXACT, bins, pair};
use super::pair::{CURRENT, REFERENCE};
use super::row::Rows;
use super::{Compute, Definition};
use crate::function::parameter::{Kind, Parameter, optional};
use crate::stats::{Outcome, TableOptions, chi_square, g_test};

const PARAMETERS: &[Parameter] =
    &[REFERENCE, CURRENT, BINS, EXACT, optional("yates", Kind::Flag), optional("pooled", Kind::Flag)];

const EXACT_AT: usize = 3;
const YATES_AT: usize = 4;
const POOLED_AT: usize = 5;

type Test = fn(&[u64], &[u64], TableOptions) -> Option<Outcome>;

pub(super) const DEFINITIONS: &[Definition] = &[
    define("chi_square_statistic", |rows, row| statistic(rows, row, chi_square)),
    define("chi_square_pvalue", |rows, row| p_value(rows, row, chi_square)),
    define("g_test_statistic", |rows, row| statistic(rows, row, g_test)),
    define("g_test_pvalue", |rows, row| p_value(rows, row, g_test)),
];

const fn define(name: &'static str, compute: fn(&Rows<'_>, usize) -> Result<Option<f64>>) -> Definition {
    Definition { name, parameters: PARAMETERS, compute: Compute::Number(compute) }
}

fn statistic(rows: &Rows<'_>, row: usize, test: Test) -> Result<Option<f64>> {
    Ok(outcome(rows, row, test)?.map(|outcome| outcome.statistic))
}

fn p_value(rows: &Rows<'_>, row: usize, test: Test) -> Result<Option<f64>> {
    Ok(outcome(rows, row, test)?.map(|outcome| outcome.p_value))
}

/// Rare bins are pooled unless told not to: an alarm of one row of a new category is what nobody asks for.
fn outcome(rows: &Rows<'_>, row: usize, test: Test) -> Result<Option<Outcome>> {
    let bins = bins(rows, row)?;
    let options = TableOptions {
        pooled: rows.flag(POOLED_AT, row)?.unwrap_or(true),
        yates: rows.flag(YATES_AT, row)?.unwrap_or(false),
    };
    let Some(pair) = pair(rows, row, EXACT_AT)? else { return Ok(None) };
    let bins = pair.bins(bins)?;
    Ok(test(&bins.reference, &bins.current, options))
}
