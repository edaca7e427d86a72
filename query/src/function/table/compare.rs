//! What is said of the columns of one window: each is judged alone, then all p values are corrected together.

use std::collections::BTreeMap;

use datafusion::common::{Result, exec_datafusion_err, exec_err};
use driftline_storage::distribution::{Categorical, Distribution, Lattice, Numeric};

use super::counted::Cell;
use super::provider::{Compared, Job};
use super::report::{Row, Wanted};
use crate::stats::benjamini_hochberg;
use crate::stats::binning::{Bins, Reference};
use crate::stats::js::js_distance;
use crate::stats::judge::{Inflation, Judged, Rows, judge_categories, judge_numbers};
use crate::stats::psi::psi;

/// A column's values on both sides.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub reference: &'a Distribution,
    pub current: &'a Distribution,
}

/// A window of a job, while its rows are made.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub job: &'a Job,
    pub wanted: Wanted,
    pub bounds: (i64, i64),
}

impl Window<'_> {
    /// The row of a column, in a segment or in all of the window; nothing is corrected yet.
    pub(super) fn row(
        &self,
        segment: Option<&str>,
        compared: &Compared,
        pair: &Pair<'_>,
        bins: &mut Reference<'_>,
    ) -> Result<Row> {
        let Pair { reference, current } = *pair;
        if self.job.judging.is_exact && !(is_exact(reference) && is_exact(current)) {
            return exec_err!(
                "{}: `exact` cannot be had of {}, which has too many different values to be counted one by one; ask for ks_test_pvalue(x, is_current) and its like over the rows",
                self.job.function,
                compared.name
            );
        }
        let is_numeric = matches!(reference, Distribution::Numeric(_));
        let shared = match self.wanted.bins || (self.wanted.judged && !is_numeric) {
            true => self.shared(bins, pair)?,
            false => None,
        };
        let row = self.empty(segment, &compared.name, reference.kind_name(), self.method(compared, pair));
        let judged = match self.wanted.judged && self.is_enough(pair) {
            true => judged(pair, shared.as_ref(), compared, self.job.judging.is_exact),
            false => None,
        };
        let (new, vanished) = (unknown(reference, current), unknown(current, reference));
        Ok(Row {
            psi: shared.as_ref().and_then(|bins| psi(&bins.reference, &bins.current)),
            js_distance: shared.as_ref().and_then(|bins| js_distance(&bins.reference, &bins.current)),
            n: (reference.count(), current.count()),
            missing: (missing(reference), missing(current)),
            new_categories: new,
            vanished_categories: vanished,
            ..self.with(row, judged)
        })
    }

    /// The row that tells whether segments have other shares of the rows: what changes there is the mix, and no column has to
    /// have changed in any segment.
    pub(super) fn mix(&self, segment: &str, reference: &[Cell], current: &[Cell]) -> Row {
        let mut counts: BTreeMap<Option<&str>, (u64, u64)> = BTreeMap::new();
        reference.iter().for_each(|cell| counts.entry(cell.segment.as_deref()).or_default().0 += cell.rows);
        current.iter().for_each(|cell| counts.entry(cell.segment.as_deref()).or_default().1 += cell.rows);
        let (r, c): (Vec<u64>, Vec<u64>) = counts.values().copied().unzip();
        let n = (r.iter().sum(), c.iter().sum());
        let rows = Rows { reference: (n.0, 0), current: (n.1, 0) };
        let judged = judge_categories(&r, &c, rows, &Inflation::NONE);
        let judged = judged.filter(|_| self.wanted.judged && n.0.min(n.1) >= self.job.judging.rows_min);
        let only = |side: fn(&(u64, u64)) -> (u64, u64)| {
            i64::try_from(counts.values().map(side).filter(|(own, other)| *own > 0 && *other == 0).count())
                .ok()
        };
        Row {
            psi: psi(&r, &c),
            js_distance: js_distance(&r, &c),
            n,
            missing: (Some(0.0), Some(0.0)),
            new_categories: only(|(r, c)| (*c, *r)),
            vanished_categories: only(|(r, c)| (*r, *c)),
            ..self.with(self.empty(None, segment, "segment", "chi2,iid/exact".to_owned()), judged)
        }
    }

    fn empty(&self, segment: Option<&str>, feature: &str, kind: &'static str, method: String) -> Row {
        Row {
            window: self.bounds,
            segment: segment.map(str::to_owned),
            feature: feature.to_owned(),
            kind,
            method,
            statistic: None,
            p_value: None,
            p_adjusted: None,
            effect: None,
            effect_name: None,
            psi: None,
            js_distance: None,
            threshold: self.job.alpha(self.bounds),
            drifted: None,
            n: (0, 0),
            missing: (None, None),
            new_categories: None,
            vanished_categories: None,
            aspect: None,
            is_large: false,
        }
    }

    fn with(&self, row: Row, judged: Option<Judged>) -> Row {
        let Some(judged) = judged else { return row };
        let floor = self.job.judging.effect.unwrap_or(judged.effect.measure.floor());
        Row {
            statistic: judged.statistic,
            p_value: Some(judged.p_value),
            effect: Some(judged.effect.size),
            effect_name: Some(judged.effect.measure.name()),
            aspect: Some(judged.aspect.name()),
            is_large: judged.effect.size >= floor,
            ..row
        }
    }

    /// Tests are limits, which hold badly for a handful of rows.
    fn is_enough(&self, pair: &Pair<'_>) -> bool {
        let least = self.job.judging.rows_min;
        total(pair.reference) >= least && total(pair.current) >= least
    }

    /// The counts on shared bins; none where one side is empty.
    fn shared(&self, bins: &mut Reference<'_>, pair: &Pair<'_>) -> Result<Option<Bins>> {
        if pair.reference.count() == 0 || pair.current.count() == 0 {
            return Ok(None);
        }
        let shared = bins.shared_with(pair.current);
        shared.map(Some).map_err(|error| exec_datafusion_err!("{}: {error}", self.job.function))
    }

    /// Which tests there are, whether rows are taken for independent, and how the figures were made: from each value's own
    /// count, or from counts of buckets (of values grouped as others).
    fn method(&self, compared: &Compared, pair: &Pair<'_>) -> String {
        let tests = match pair.reference {
            Distribution::Numeric(_) => "rank+ks",
            Distribution::Categorical(_) => "chi2",
        };
        let order = if compared.is_ordered { "" } else { ",iid" };
        // Numbers are compared by bucket also where each was counted by itself.
        let is_exact = match pair.reference {
            Distribution::Numeric(_) => self.job.judging.is_exact,
            Distribution::Categorical(_) => is_exact(pair.reference) && is_exact(pair.current),
        };
        let counted = if is_exact { "exact" } else { "binned" };
        format!("{tests}{order}/{counted}")
    }
}

/// The verdicts of a window: p values of all its columns and segments corrected after Benjamini and Hochberg, and an effect
/// that is more than dust.
pub(super) fn adjust(rows: &mut [Row]) {
    let p_values: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
    let adjusted = benjamini_hochberg(&p_values).unwrap_or_default();
    for (row, adjusted) in rows.iter_mut().filter(|row| row.p_value.is_some()).zip(adjusted) {
        row.p_adjusted = Some(adjusted);
        row.drifted = Some(adjusted <= row.threshold && row.is_large);
    }
}

fn judged(pair: &Pair<'_>, shared: Option<&Bins>, compared: &Compared, is_exact: bool) -> Option<Judged> {
    let Compared { inflation, is_label, .. } = compared;
    // Labels that have not arrived are not missing: only those that have are compared.
    let rows = |side: &Distribution| if *is_label { (side.count(), 0) } else { rows(side) };
    let rows = Rows { reference: rows(pair.reference), current: rows(pair.current) };
    match (pair.reference, pair.current) {
        (Distribution::Numeric(reference), Distribution::Numeric(current)) => {
            let lattice = if is_exact { None } else { common_lattice(reference, current) };
            let points = |numbers: &Numeric| on_lattice(numbers.points(), lattice);
            judge_numbers(&points(reference), &points(current), rows, inflation)
        }
        _ => {
            let none = Bins { reference: Vec::new(), current: Vec::new() };
            let bins = shared.unwrap_or(&none);
            judge_categories(&bins.reference, &bins.current, rows, inflation)
        }
    }
}

/// What numbers of both sides are compared on: not finer than that on which summaries of cells count, so that it makes no
/// difference whether rows were summed up yet. None where the lattices do not nest.
fn common_lattice(reference: &Numeric, current: &Numeric) -> Option<Lattice> {
    Lattice::SUMMARIES.coarser(reference.lattice())?.coarser(current.lattice())
}

/// Numbers as the least of their buckets.
fn on_lattice(mut points: Vec<(f64, u64)>, lattice: Option<Lattice>) -> Vec<(f64, u64)> {
    let Some(lattice) = lattice else { return points };
    points.iter_mut().for_each(|(value, _)| *value = lattice.snap_down(*value));
    points.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        kept.1 = kept.1.saturating_add(if is_same { next.1 } else { 0 });
        is_same
    });
    points
}

/// A reference counted on the lattice of summaries, so that its bins are the same whether its rows were summed up yet.
pub(super) fn summarised(reference: Distribution) -> Distribution {
    let Distribution::Numeric(numbers) = &reference else { return reference };
    let mut counts = Numeric::on(Lattice::SUMMARIES);
    match counts.merge(numbers) {
        Ok(()) => Distribution::Numeric(counts),
        // Lattices that do not nest: the reference stays as it is.
        Err(_) => reference,
    }
}

/// All rows, and those without a value of use.
fn rows(distribution: &Distribution) -> (u64, u64) {
    (total(distribution), absent(distribution))
}

pub(super) fn total(distribution: &Distribution) -> u64 {
    distribution.count().saturating_add(absent(distribution))
}

/// Rows without a value of use: NULL, and where numbers are counted NaN and the infinities.
fn absent(distribution: &Distribution) -> u64 {
    match distribution {
        Distribution::Numeric(numeric) => unusable(numeric),
        Distribution::Categorical(categorical) => categorical.null_count(),
    }
}

/// The same of numbers.
pub(crate) fn unusable(numeric: &Numeric) -> u64 {
    let (low, high) = numeric.infinity_counts();
    [numeric.nan_count(), low, high].into_iter().fold(numeric.null_count(), u64::saturating_add)
}

/// The share of rows without a value of use; none of no rows.
fn missing(distribution: &Distribution) -> Option<f64> {
    let (all, absent) = rows(distribution);
    (all > 0).then(|| absent as f64 / all as f64)
}

fn is_exact(distribution: &Distribution) -> bool {
    match distribution {
        Distribution::Numeric(numeric) => numeric.is_exact(),
        Distribution::Categorical(categorical) => categorical.other_count() == 0,
    }
}

/// How many categories of one side the other has not; none of numbers.
fn unknown(known: &Distribution, other: &Distribution) -> Option<i64> {
    let (Distribution::Categorical(known), Distribution::Categorical(other)) = (known, other) else {
        return None;
    };
    let is_new = |category: &&String| !Categorical::counts(known).contains_key(category.as_str());
    i64::try_from(other.counts().keys().filter(is_new).count()).ok()
}
