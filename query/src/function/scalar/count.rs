//! What counts alone say: `psi_threshold`, `two_proportion_z_statistic`, `_pvalue`, `fisher_exact_pvalue`.

use datafusion::common::{Result, exec_err};

use super::row::Rows;
use super::{Compute, Definition};
use crate::function::parameter::{Kind, Parameter, required};
use crate::stats::{Outcome, fisher_exact, psi_threshold, two_proportion_z};

const THRESHOLD: &[Parameter] = &[
    required("alpha", Kind::Number),
    required("bins", Kind::Count),
    required("n", Kind::Count),
    required("m", Kind::Count),
];

const PROPORTIONS: &[Parameter] = &[
    required("successes_reference", Kind::Count),
    required("n_reference", Kind::Count),
    required("successes_current", Kind::Count),
    required("n_current", Kind::Count),
];

const TABLE: &[Parameter] = &[
    required("a", Kind::Count),
    required("b", Kind::Count),
    required("c", Kind::Count),
    required("d", Kind::Count),
];

pub(super) const DEFINITIONS: &[Definition] = &[
    define("psi_threshold", THRESHOLD, threshold),
    define("two_proportion_z_statistic", PROPORTIONS, |rows, row| {
        Ok(proportions(rows, row)?.map(|outcome| outcome.statistic))
    }),
    define("two_proportion_z_pvalue", PROPORTIONS, |rows, row| {
        Ok(proportions(rows, row)?.map(|outcome| outcome.p_value))
    }),
    define("fisher_exact_pvalue", TABLE, fisher),
];

const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    compute: fn(&Rows<'_>, usize) -> Result<Option<f64>>,
) -> Definition {
    Definition { name, parameters, compute: Compute::Number(compute) }
}

fn threshold(rows: &Rows<'_>, row: usize) -> Result<Option<f64>> {
    let alpha = rows.number(0, row)?;
    if let Some(alpha) = alpha.filter(|alpha| !(*alpha > 0.0 && *alpha < 1.0)) {
        return exec_err!("{}: `alpha` must be between 0 and 1, not {alpha}", rows.function);
    }
    let (bins, n, m) =
        (whole(rows, THRESHOLD, 1, row)?, whole(rows, THRESHOLD, 2, row)?, whole(rows, THRESHOLD, 3, row)?);
    let (Some(alpha), Some(bins), Some(n), Some(m)) = (alpha, bins, n, m) else { return Ok(None) };
    Ok(psi_threshold(alpha, bins, n, m))
}

fn proportions(rows: &Rows<'_>, row: usize) -> Result<Option<Outcome>> {
    let Some([hits_r, n, hits_c, m]) = four(rows, PROPORTIONS, row)? else { return Ok(None) };
    for (side, hits, all) in [("reference", hits_r, n), ("current", hits_c, m)] {
        if hits > all {
            return exec_err!(
                "{}: `successes_{side}` must be at most `n_{side}`, and {hits} is more than {all}; give the count of all trials, failures too",
                rows.function
            );
        }
    }
    Ok(two_proportion_z((hits_r, n), (hits_c, m)))
}

fn fisher(rows: &Rows<'_>, row: usize) -> Result<Option<f64>> {
    Ok(four(rows, TABLE, row)?.and_then(|[a, b, c, d]| fisher_exact((a, b), (c, d))))
}

/// All four counts; None where one is NULL.
fn four(rows: &Rows<'_>, parameters: &[Parameter], row: usize) -> Result<Option<[u64; 4]>> {
    let at = |place| whole(rows, parameters, place, row);
    let (Some(a), Some(b), Some(c), Some(d)) = (at(0)?, at(1)?, at(2)?, at(3)?) else { return Ok(None) };
    Ok(Some([a, b, c, d]))
}

/// A count; None where it is NULL.
fn whole(rows: &Rows<'_>, parameters: &[Parameter], place: usize, row: usize) -> Result<Option<u64>> {
    let Some(count) = rows.count(place, row)? else { return Ok(None) };
    let name = parameters.get(place).map_or("", |parameter| parameter.name);
    match u64::try_from(count) {
        Ok(count) => Ok(Some(count)),
        Err(_) => exec_err!("{}: `{name}` must be 0 or more, not {count}", rows.function),
    }
}
