//! The Wasserstein distance.

use super::moments::{Moments, power_of_two};
use super::pooled::{Pool, Sum};

/// The Wasserstein distance of order 1, or earth mover's distance: the integral of the distance between the two
/// empirical distribution functions (Vallender 1974), in the unit of the values. 0 for equal samples. The same with the
/// sides exchanged.
///
/// The samples are ascending values with their counts; a value may come several times. Over counts on a lattice it is
/// off by at most half a bucket's width for each side. It is what `scipy.stats.wasserstein_distance` gives. None when a
/// side has no counts, and where the distance is not finite: where an infinite value has not the same share on both
/// sides, and beyond a double's range.
pub fn wasserstein_distance(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<f64> {
    let gaps = Pool::new(reference, current)?.gaps();
    let unit = power_of_two(gaps.iter().map(|(_, width)| *width).fold(0.0, f64::max))?;
    let distance = Sum::of(gaps.into_iter().map(|(apart, width)| apart * (width / unit))) * unit;
    distance.is_finite().then_some(distance)
}

/// [`wasserstein_distance`] over the standard deviation of the reference (that of a population), so that it has no unit:
/// a shift by a tenth of the reference's spread is 0.1, which is Evidently's limit for an alarm. It is not the same with
/// the sides exchanged.
///
/// None as there, with an infinite value in the reference, and for a constant reference, which gives no measure.
/// (Evidently divides by .001 at least: [`compat`](super::compat).)
pub fn wasserstein_scaled(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<f64> {
    let distance = wasserstein_distance(reference, current)?;
    Moments::of(reference)?.in_deviations(distance)
}
