//! The total variation distance.

use super::shares::shares;

/// The total variation distance of two samples counted in the same bins: half the sum of `|p - q|`, `p` and `q` the
/// shares. It is the greatest difference that any set of bins shows between the samples: 0 for equal shares, 1 for
/// samples that have no bin in common. The same with the sides exchanged. Empty bins are as they are.
///
/// None when a side has no counts, or the sides have not the same number of bins.
pub fn total_variation(reference: &[u64], current: &[u64]) -> Option<f64> {
    let sum: f64 = shares(reference, current)?.map(|bin| bin.difference.abs()).sum();
    Some((sum / 2.0).min(1.0))
}
