//! The energy distance.

use super::moments::power_of_two;
use super::pooled::{Pool, Sum};

/// The energy distance: the root of twice the integral of the squared distance between the two empirical distribution
/// functions (Székely 2003), in the root of the values' unit. 0 for equal samples. The same with the sides exchanged.
///
/// The samples are ascending values with their counts; a value may come several times. It is what
/// `scipy.stats.energy_distance` gives. None when a side has no counts, and where the distance is not finite: where an
/// infinite value has not the same share on both sides, and for gaps beyond a double's range.
pub fn energy_distance(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<f64> {
    let gaps = Pool::new(reference, current)?.gaps();
    let unit = power_of_two(gaps.iter().map(|(_, width)| *width).fold(0.0, f64::max))?;
    let integral = Sum::of(gaps.into_iter().map(|(apart, width)| apart * apart * (width / unit)));
    Some((2.0 * integral).sqrt() * unit.sqrt())
}
