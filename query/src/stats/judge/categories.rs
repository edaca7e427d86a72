//! Whether categories drifted.

use super::{Aspect, Effect, Inflation, Judged, Measure, Rows, Tested, judged, share};
use crate::stats::law::chi_squared;
use crate::stats::{TableOptions, chi_square, fisher_exact, total_variation};

/// Shares of the chance of a false alarm.
const CATEGORIES: f64 = 0.7;
const NEW: f64 = 0.3;

/// Judges categories counted in the same bins, and how many rows have none. Categories of which a side expects fewer than 5
/// rows are tested as one. None when a side has no rows.
///
/// Rows of categories that the reference has not are tested apart: a reference that has `s` categories once and `n` rows lets
/// expect a share of `s / n` such rows (Good 1953), and Fisher's exact test holds that share against theirs. So a new category
/// of some rows is found, and a column whose reference was not done with new ones does not alarm.
pub fn judge_categories(
    reference: &[u64],
    current: &[u64],
    rows: Rows,
    inflation: &Inflation,
) -> Option<Judged> {
    let outcome = chi_square(reference, current, TableOptions { pooled: true, yates: false });
    let values = outcome.and_then(|outcome| {
        let degrees = outcome.degrees_of_freedom?;
        let p_value = match degrees > 0.0 {
            true => chi_squared::survival(outcome.statistic / inflation.levels, degrees)?,
            false => 1.0,
        };
        let shares = (Aspect::Categories, p_value / CATEGORIES);
        let new =
            new_categories(reference, current, inflation.levels).map(|p| (Aspect::NewCategories, p / NEW));
        let (aspect, p_value) = new.filter(|new| new.1 < shares.1).unwrap_or(shares);
        let effect = Effect { size: total_variation(reference, current)?, measure: Measure::TotalVariation };
        Some(Tested { aspect, p_value: p_value / share::VALUES, effect })
    });
    judged(values, rows.tested(inflation.missing), outcome.map(|outcome| outcome.statistic))
}

/// The p value of rows of new categories; None where there are none, or too many rows for the exact test, in which the other
/// one sees them.
fn new_categories(reference: &[u64], current: &[u64], inflation: f64) -> Option<f64> {
    let bins = || reference.iter().zip(current);
    let new: u64 = bins().filter(|(r, _)| **r == 0).map(|(_, c)| *c).sum();
    let once = reference.iter().filter(|count| **count == 1).count() as u64;
    let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
    // Rows that depend on each other count as fewer.
    let worth = |count: u64| (count as f64 / inflation).round() as u64;
    let (before, now) = ((worth(once), worth(n - once)), (worth(new), worth(m - new)));
    (new > 0).then(|| fisher_exact(before, now)).flatten()
}
