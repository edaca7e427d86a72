//! Bins that two distributions share.

use std::collections::BTreeMap;

use driftline_storage::distribution::{Categorical, Distribution, Lattice, Numeric};

use super::StatsError;

/// Quantile bins that may be asked for. More would be finer than the counts behind them.
pub const BINS_MAX: usize = 1_024;

/// Counts of two distributions in the same bins: `reference[i]` and `current[i]` are of one bin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bins {
    /// Counts of the reference.
    pub reference: Vec<u64>,
    /// Counts of the current distribution.
    pub current: Vec<u64>,
}

/// The bins that two distributions share, with their counts. Nulls, NaN and infinities are in no bin.
///
/// *Numeric*: the edges are the `1/bins, 2/bins, .. (bins-1)/bins` quantiles of the reference (numpy `linear`, type 7),
/// each once. The bins are (-inf, e0), [e0, e1), .. [ek, inf). A number that is several of these quantiles (a feature
/// that is mostly 0, a constant) gets a bin of its own: otherwise it would share one with everything above it, and a
/// change of its share would not be seen. A constant reference so has three bins: below, equal, above. If one of the
/// two is on a lattice, edges are taken down to edges of the coarser one, for both sides, and the counts are exact.
/// Lattices that do not nest have no coarser one: the edges are then the reference's, the current counts near them not
/// exact.
///
/// *Categorical*: each category of either side is a bin (`bins` is not used), and the values without a name of their
/// own are one.
///
/// # Errors
/// [`StatsError::KindsDiffer`] for a numeric and a categorical side, [`StatsError::Bins`] for `bins` outside
/// 1..=[`BINS_MAX`].
pub fn shared_bins(
    reference: &Distribution,
    current: &Distribution,
    bins: usize,
) -> Result<Bins, StatsError> {
    if !(1..=BINS_MAX).contains(&bins) {
        return Err(StatsError::Bins { asked: bins });
    }
    match (reference, current) {
        (Distribution::Numeric(reference), Distribution::Numeric(current)) => {
            Ok(numeric_bins(reference, current, bins))
        }
        (Distribution::Categorical(reference), Distribution::Categorical(current)) => {
            Ok(categorical_bins(reference, current))
        }
        _ => {
            let (reference, current) = (reference.kind_name(), current.kind_name());
            Err(StatsError::KindsDiffer { reference, current })
        }
    }
}

/// A reference that many distributions are compared with: its edges and counts are worked out once for those on one lattice.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    reference: &'a Distribution,
    bins: usize,
    known: Option<(Lattice, Vec<f64>, Vec<u64>)>,
}

impl<'a> Reference<'a> {
    /// To be put into about so many bins.
    pub fn new(reference: &'a Distribution, bins: usize) -> Self {
        Self { reference, bins, known: None }
    }

    /// What [`shared_bins`] gives.
    ///
    /// # Errors
    /// Those of [`shared_bins`].
    pub fn shared_with(&mut self, current: &Distribution) -> Result<Bins, StatsError> {
        let (Distribution::Numeric(reference), Distribution::Numeric(numeric)) = (self.reference, current)
        else {
            return shared_bins(self.reference, current, self.bins);
        };
        let lattice = reference.lattice().coarser(numeric.lattice()).unwrap_or(reference.lattice());
        match &self.known {
            Some((known, edges, counts)) if *known == lattice => {
                Ok(Bins { reference: counts.clone(), current: numeric.count_between(edges) })
            }
            _ => {
                let bins = shared_bins(self.reference, current, self.bins)?;
                self.known = Some((lattice, edges(reference, self.bins, lattice), bins.reference.clone()));
                Ok(bins)
            }
        }
    }
}

fn numeric_bins(reference: &Numeric, current: &Numeric, bins: usize) -> Bins {
    let shared = reference.lattice().coarser(current.lattice());
    let edges = edges(reference, bins, shared.unwrap_or(reference.lattice()));
    Bins { reference: reference.count_between(&edges), current: current.count_between(&edges) }
}

fn edges(reference: &Numeric, bins: usize, lattice: Lattice) -> Vec<f64> {
    let quantiles = (1..bins).filter_map(|rank| reference.quantile(rank as f64 / bins as f64));
    let at_edge: Vec<f64> = quantiles.map(|quantile| lattice.snap_down(quantile)).collect();
    let constant = reference.min().is_some() && reference.min() == reference.max();
    let mut edges = Vec::with_capacity(at_edge.len());
    for run in at_edge.chunk_by(|a, b| a == b) {
        let Some(edge) = run.first() else { continue };
        edges.push(*edge);
        if run.len() > 1 || constant {
            edges.push(lattice.edge_above(*edge));
        }
    }
    edges.dedup();
    edges
}

fn categorical_bins(reference: &Categorical, current: &Categorical) -> Bins {
    let named_to = named_to(reference).into_iter().chain(named_to(current)).min();
    let mut named: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut others = (reference.other_count(), current.other_count());
    for (value, count) in reference.counts() {
        bin_of(&mut named, &mut others, value, named_to).0 += count;
    }
    for (value, count) in current.counts() {
        bin_of(&mut named, &mut others, value, named_to).1 += count;
    }
    let bins = named.into_values().chain(named_to.map(|_| others));
    let (reference, current) = bins.unzip();
    Bins { reference, current }
}

/// The last category that has a count of its own for certain. None where all have one. Behind it, a category that
/// one side names may be among the other side's unnamed ones.
fn named_to(categorical: &Categorical) -> Option<&str> {
    let last = categorical.counts().last_key_value()?;
    (categorical.other_count() > 0).then_some(last.0.as_str())
}

fn bin_of<'b, 'v>(
    named: &'b mut BTreeMap<&'v str, (u64, u64)>,
    others: &'b mut (u64, u64),
    value: &'v str,
    named_to: Option<&str>,
) -> &'b mut (u64, u64) {
    if named_to.is_some_and(|last| value > last) { others } else { named.entry(value).or_default() }
}
