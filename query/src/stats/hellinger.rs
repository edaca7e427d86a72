//! The Hellinger distance.

use super::shares::shares;

/// The Hellinger distance of two samples counted in the same bins: `sqrt(1 - sum of sqrt(p q))`, `p` and `q` the shares
/// (Hellinger 1909). 0 for equal shares, 1 for samples that have no bin in common. The same with the sides exchanged.
/// Empty bins are as they are: a new or vanished category adds half its share to the square.
///
/// None when a side has no counts, or the sides have not the same number of bins.
///
/// It is computed as the root of half the sum of `(sqrt p - sqrt q)²`, which is the same but does not subtract nearly
/// equal numbers.
pub fn hellinger_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    let squares = shares(reference, current)?.map(|bin| {
        let roots = bin.reference.sqrt() + bin.current.sqrt();
        if roots == 0.0 { 0.0 } else { (bin.difference / roots).powi(2) }
    });
    Some((squares.sum::<f64>() / 2.0).sqrt().min(1.0))
}
