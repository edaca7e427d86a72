//! The share of components that drifted.

use super::{Vectors, shared_dimension};
use crate::stats::wasserstein_scaled;

/// The share of components whose [`wasserstein_scaled`] distance is at least `limit`; .1 is usual. A component that is
/// constant in the reference has drifted where the current sample has another value. 0..1.
///
/// Each component is looked at alone: a rotation that leaves each one's distribution as it was is not seen.
///
/// None when a side has no rows, or the sides have not the same dimension.
pub fn drifted_components(reference: &Vectors<'_>, current: &Vectors<'_>, limit: f64) -> Option<f64> {
    let dimension = shared_dimension(reference, current)?;
    let drifted = (0..dimension).filter(|component| {
        let (r, c) = (points(reference, *component), points(current, *component));
        wasserstein_scaled(&r, &c)
            .map_or_else(|| r.first() != c.first() || r.first() != c.last(), |scaled| scaled >= limit)
    });
    Some(drifted.count() as f64 / dimension as f64)
}

fn points(vectors: &Vectors<'_>, component: usize) -> Vec<(f64, u64)> {
    let mut points: Vec<(f64, u64)> = vectors.component(component).map(|value| (value, 1)).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    points
}
