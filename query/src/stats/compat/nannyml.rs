//! NannyML 0.13: univariate drift of a numeric column and of a categorical one.
//!
//! Numeric columns go by rows, in Doane's bins of the reference; what of the current sample lies outside them is one
//! more bin. Categorical ones go by counts of the union of categories, where those that the reference has not are one
//! bin. Both distances are None for an empty side and with an infinite value.

use super::numpy_bins::doane;
use super::{comparable, histograms};
use crate::stats::{self, Bins};

/// The Jensen-Shannon distance of a numeric column, base 2.
pub fn js_distance(reference: &[f64], current: &[f64]) -> Option<f64> {
    let bins = binned(reference, current)?;
    stats::js_distance(&bins.reference, &bins.current)
}

/// The Jensen-Shannon distance of a categorical column, base 2.
pub fn js_distance_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    let bins = known_categories(reference, current)?;
    stats::js_distance(&bins.reference, &bins.current)
}

/// The Hellinger distance of a numeric column.
pub fn hellinger_distance(reference: &[f64], current: &[f64]) -> Option<f64> {
    let bins = binned(reference, current)?;
    stats::hellinger_distance(&bins.reference, &bins.current)
}

/// The Hellinger distance of a categorical column.
pub fn hellinger_distance_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    let bins = known_categories(reference, current)?;
    stats::hellinger_distance(&bins.reference, &bins.current)
}

fn binned(reference: &[f64], current: &[f64]) -> Option<Bins> {
    if !comparable(reference, current) {
        return None;
    }
    let mut bins = histograms(reference, current, &doane(reference)?);
    let inside: u64 = bins.current.iter().sum();
    bins.reference.push(0);
    bins.current.push(current.len() as u64 - inside);
    Some(bins)
}

fn known_categories(reference: &[u64], current: &[u64]) -> Option<Bins> {
    if reference.len() != current.len() {
        return None;
    }
    let (mut bins, mut unknown) = (Bins::default(), 0_u64);
    for (r, c) in reference.iter().zip(current) {
        if *r == 0 {
            unknown = unknown.saturating_add(*c);
        } else {
            bins.reference.push(*r);
            bins.current.push(*c);
        }
    }
    bins.reference.push(0);
    bins.current.push(unknown);
    Some(bins)
}
