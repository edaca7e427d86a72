//! How far a DISTRIBUTION is from another, counted in the same bins: `psi`, `js_distance`, `js_divergence`,
//! `kl_divergence`, `hellinger_distance`, `total_variation`.

use datafusion::common::{Result, exec_err};

use super::pair::{CURRENT, Pair, REFERENCE};
use super::row::Rows;
use super::{Compute, Definition};
use crate::function::argument::choice;
use crate::function::parameter::{Kind, Parameter, optional};
use crate::stats::binning::BINS_MAX;
use crate::stats::compat::{evidently, nannyml};
use crate::stats::{hellinger_distance, js_distance, js_divergence, kl_divergence, psi, total_variation};

/// Bins numbers are put into where none are asked for.
pub(crate) const BINS_DEFAULT: usize = 10;

pub(super) const BINS: Parameter = optional("bins", Kind::Count);
pub(super) const EXACT: Parameter = optional("exact", Kind::Flag);
pub(super) const COMPAT: Parameter = optional("compat", Kind::Text);

const OURS_ONLY: &[Parameter] = &[REFERENCE, CURRENT, BINS, EXACT];
const WITH_PEERS: &[Parameter] = &[REFERENCE, CURRENT, BINS, EXACT, COMPAT];

/// Where the optional arguments stand.
const BINS_AT: usize = 2;
const EXACT_AT: usize = 3;
const COMPAT_AT: usize = 4;

/// A distance of counts in the same bins.
type OfCounts = fn(&[u64], &[u64]) -> Option<f64>;

/// How another tool computes a distance: of the rows of a numeric column, of the counts of a categorical one.
#[derive(Clone, Copy)]
struct Peer {
    numbers: fn(&[f64], &[f64]) -> Option<f64>,
    categories: OfCounts,
}

/// A distance, and how other tools compute what they call so.
struct Distance {
    ours: OfCounts,
    peers: &'static [(&'static str, Peer)],
}

const PSI: Distance = Distance {
    ours: psi,
    peers: &[("evidently", Peer { numbers: evidently::psi, categories: evidently::psi_counts })],
};

const KL: Distance = Distance {
    ours: kl_divergence,
    peers: &[(
        "evidently",
        Peer { numbers: evidently::kl_divergence, categories: evidently::kl_divergence_counts },
    )],
};

const JS: Distance = Distance {
    ours: js_distance,
    peers: &[
        ("evidently", Peer { numbers: evidently::js_distance, categories: evidently::js_distance_counts }),
        ("nannyml", Peer { numbers: nannyml::js_distance, categories: nannyml::js_distance_counts }),
    ],
};

const HELLINGER: Distance = Distance {
    ours: hellinger_distance,
    peers: &[
        (
            "evidently",
            Peer { numbers: evidently::hellinger_distance, categories: evidently::hellinger_distance_counts },
        ),
        (
            "nannyml",
            Peer { numbers: nannyml::hellinger_distance, categories: nannyml::hellinger_distance_counts },
        ),
    ],
};

pub(super) const DEFINITIONS: &[Definition] = &[
    define("psi", WITH_PEERS, |rows, row| compare(rows, row, &PSI)),
    define("js_distance", WITH_PEERS, |rows, row| compare(rows, row, &JS)),
    define("js_divergence", OURS_ONLY, |rows, row| compare_as_ours(rows, row, js_divergence)),
    define("kl_divergence", WITH_PEERS, |rows, row| compare(rows, row, &KL)),
    define("hellinger_distance", WITH_PEERS, |rows, row| compare(rows, row, &HELLINGER)),
    define("total_variation", OURS_ONLY, |rows, row| compare_as_ours(rows, row, total_variation)),
];

const fn define(
    name: &'static str,
    parameters: &'static [Parameter],
    compute: fn(&Rows<'_>, usize) -> Result<Option<f64>>,
) -> Definition {
    Definition { name, parameters, compute: Compute::Number(compute) }
}

fn compare(rows: &Rows<'_>, row: usize, distance: &Distance) -> Result<Option<f64>> {
    let Some(name) = rows.text(COMPAT_AT, row)? else { return compare_as_ours(rows, row, distance.ours) };
    let peer = choice(rows.function, "compat", name, distance.peers)?;
    if rows.count(BINS_AT, row)?.is_some() {
        return exec_err!(
            "{}: `compat` => '{name}' makes bins of its own; leave it or `bins` out",
            rows.function
        );
    }
    let Some(pair) = Pair::of(rows, row)? else { return Ok(None) };
    compare_as_peer(&pair, peer)
}

fn compare_as_ours(rows: &Rows<'_>, row: usize, distance: OfCounts) -> Result<Option<f64>> {
    let bins = bins(rows, row)?;
    let Some(pair) = pair(rows, row, EXACT_AT)? else { return Ok(None) };
    let bins = pair.bins(bins)?;
    Ok(distance(&bins.reference, &bins.current))
}

fn compare_as_peer(pair: &Pair<'_>, peer: Peer) -> Result<Option<f64>> {
    let numbers = pair.numbers()?;
    pair.refuse_buckets("`compat`")?;
    match numbers {
        Some((reference, current)) => {
            Ok((peer.numbers)(&pair.rows("reference", reference)?, &pair.rows("current", current)?))
        }
        None => {
            let bins = pair.bins(BINS_DEFAULT)?;
            Ok((peer.categories)(&bins.reference, &bins.current))
        }
    }
}

/// The DISTRIBUTIONs of a row, of which buckets are refused where `exact` stands at a place and is true.
pub(super) fn pair<'a>(rows: &'a Rows<'_>, row: usize, exact_at: usize) -> Result<Option<Pair<'a>>> {
    let pair = Pair::of(rows, row)?;
    if let Some(pair) = &pair
        && rows.flag(exact_at, row)? == Some(true)
    {
        pair.refuse_buckets("`exact`")?;
    }
    Ok(pair)
}

/// The bins asked for at the place after the two DISTRIBUTIONs.
pub(super) fn bins(rows: &Rows<'_>, row: usize) -> Result<usize> {
    let Some(bins) = rows.count(BINS_AT, row)? else { return Ok(BINS_DEFAULT) };
    match usize::try_from(bins) {
        Ok(bins @ 2..=BINS_MAX) => Ok(bins),
        _ => exec_err!("{}: `bins` must be from 2 to {BINS_MAX}, not {bins}", rows.function),
    }
}
