//! How far a DISTRIBUTION is from another: `psi`, `js_distance`.

use datafusion::common::{Result, exec_err};
use datafusion::error::DataFusionError;
use driftline_storage::distribution::Distribution;

use super::row::Rows;
use super::{Compute, Definition};
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::stats::binning::{BINS_MAX, Bins, shared_bins};
use crate::stats::{js::js_distance, psi::psi};

/// Bins numbers are put into where none are asked for.
pub(crate) const BINS_DEFAULT: usize = 10;

const PARAMETERS: &[Parameter] = &[
    required("reference", Kind::Distribution),
    required("current", Kind::Distribution),
    optional("bins", Kind::Count),
];

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "psi",
        parameters: PARAMETERS,
        compute: Compute::Number(|rows, row| compare(rows, row, psi)),
    },
    Definition {
        name: "js_distance",
        parameters: PARAMETERS,
        compute: Compute::Number(|rows, row| compare(rows, row, js_distance)),
    },
];

fn compare(rows: &Rows<'_>, row: usize, f: fn(&[u64], &[u64]) -> Option<f64>) -> Result<Option<f64>> {
    let bins = bins(rows, row)?;
    let (reference, current) = (rows.distribution(0, row)?, rows.distribution(1, row)?);
    let (Some(reference), Some(current)) = (reference, current) else { return Ok(None) };
    let bins = compare_bins(rows.function, &reference, &current, bins)?;
    Ok(bins.and_then(|bins| f(&bins.reference, &bins.current)))
}

fn bins(rows: &Rows<'_>, row: usize) -> Result<usize> {
    let Some(bins) = rows.count(2, row)? else { return Ok(BINS_DEFAULT) };
    match usize::try_from(bins) {
        Ok(bins @ 2..=BINS_MAX) => Ok(bins),
        _ => exec_err!("{}: `bins` must be from 2 to {BINS_MAX}, not {bins}", rows.function),
    }
}

/// The counts of two samples on the same bins; None where one of them is empty.
fn compare_bins(
    function: &str,
    reference: &Distribution,
    current: &Distribution,
    bins: usize,
) -> Result<Option<Bins>> {
    if reference.count() == 0 || current.count() == 0 {
        return Ok(None);
    }
    let shared = shared_bins(reference, current, bins);
    shared.map(Some).map_err(|error| DataFusionError::Execution(format!("{function}: {error}")))
}
