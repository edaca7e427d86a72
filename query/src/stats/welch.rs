//! Welch's t test.

use super::Outcome;
use super::law::student::student_two_sided;
use super::moments::{Moments, unit};

/// Welch's t test of two means (1947): their difference, current − reference, over its standard error, with each side's
/// own variance; degrees of freedom after Welch and Satterthwaite. Two-sided. It is
/// `scipy.stats.ttest_ind(current, reference, equal_var=False)`.
///
/// The samples are values with their counts. None for a side of fewer than two values, where both sides are constant
/// (there is no error to measure by), and with an infinite value.
pub fn welch_t(reference: &[(f64, u64)], current: &[(f64, u64)]) -> Option<Outcome> {
    let unit = unit([reference, current])?;
    let (r, c) = (Moments::in_unit(reference, unit)?, Moments::in_unit(current, unit)?);
    let (error_r, error_c) = (r.variance()? / r.count, c.variance()? / c.count);
    let error = error_r + error_c;
    if error <= 0.0 {
        return None;
    }
    let t = r.mean.to_precise(c.mean) / error.sqrt();
    let (part_r, part_c) = (error_r / error, error_c / error);
    let degrees = 1.0 / (part_r * part_r / (r.count - 1.0) + part_c * part_c / (c.count - 1.0));
    Some(Outcome::of(t, student_two_sided(t, degrees))?.with_degrees(degrees))
}
