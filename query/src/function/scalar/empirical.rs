//! How far the empirical distribution functions of two DISTRIBUTIONs of numbers are apart: `wasserstein_distance`,
//! `wasserstein_scaled`, `ks_statistic`, `ks_pvalue`. They need no bins. NULL for categories, which have no order, so
//! that one query can go over the features of a model.

use datafusion::common::Result;

use super::drift::{COMPAT, EXACT, pair};
use super::pair::{CURRENT, Pair, REFERENCE};
use super::row::Rows;
use super::{Compute, Definition};
use crate::function::argument::choice;
use crate::function::parameter::Parameter;
use crate::stats::compat::evidently::wasserstein_normed;
use crate::stats::{ks_pvalue, ks_statistic_counts, wasserstein_distance, wasserstein_scaled};

const OURS_ONLY: &[Parameter] = &[REFERENCE, CURRENT, EXACT];
const WITH_PEERS: &[Parameter] = &[REFERENCE, CURRENT, EXACT, COMPAT];

const EXACT_AT: usize = 2;
const COMPAT_AT: usize = 3;

/// Ascending numbers with their counts.
type Points = [(f64, u64)];
type OfPoints = fn(&Points, &Points) -> Option<f64>;

pub(super) const DEFINITIONS: &[Definition] = &[
    define("wasserstein_distance", OURS_ONLY, |rows, row| compare(rows, row, wasserstein_distance)),
    define("wasserstein_scaled", WITH_PEERS, scaled),
    define("ks_statistic", OURS_ONLY, |rows, row| compare(rows, row, ks_statistic_counts)),
    define("ks_pvalue", OURS_ONLY, |rows, row| compare(rows, row, ks_pvalue_counts)),
];

const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    compute: fn(&Rows<'_>, usize) -> Result<Option<f64>>,
) -> Definition {
    Definition { name, parameters, compute: Compute::Number(compute) }
}

fn compare(rows: &Rows<'_>, row: usize, distance: OfPoints) -> Result<Option<f64>> {
    pair(rows, row, EXACT_AT)?.map_or(Ok(None), |pair| of_numbers(&pair, distance))
}

fn of_numbers(pair: &Pair<'_>, distance: OfPoints) -> Result<Option<f64>> {
    let numbers = pair.numbers()?;
    Ok(numbers.and_then(|(reference, current)| distance(&reference.points(), &current.points())))
}

fn scaled(rows: &Rows<'_>, row: usize) -> Result<Option<f64>> {
    let Some(name) = rows.text(COMPAT_AT, row)? else { return compare(rows, row, wasserstein_scaled) };
    let peer = choice(rows.function, "compat", name, &[("evidently", wasserstein_normed as OfPoints)])?;
    let Some(pair) = pair(rows, row, EXACT_AT)? else { return Ok(None) };
    pair.refuse_buckets("`compat`")?;
    of_numbers(&pair, peer)
}

fn ks_pvalue_counts(reference: &Points, current: &Points) -> Option<f64> {
    let count = |side: &Points| side.iter().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
    ks_pvalue(ks_statistic_counts(reference, current)?, count(reference), count(current))
}
