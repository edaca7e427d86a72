//! p values of many tests at once.
//!
//! Each function gives adjusted p values in the order of those given: a test is significant at a level where its
//! adjusted p value is at most (`<=`) that level. None with a p value that is not within 0..1; of no tests, none.

/// Benjamini and Hochberg's procedure (1995) for the false discovery rate: the share of false ones expected among the
/// tests that are called significant. The i-th least of n p values becomes the least of `p_j n / j` over j from i on.
/// Holds for independent tests and for those that depend positively. `scipy.stats.false_discovery_control` gives it.
pub fn benjamini_hochberg(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let mut adjusted = p_values.to_vec();
    let mut least = 1.0_f64;
    for (place, index) in order.into_iter().enumerate().rev() {
        let p = adjusted.get_mut(index)?;
        least = least.min(*p * (p_values.len() as f64 / (place + 1) as f64));
        *p = least;
    }
    Some(adjusted)
}

/// Holm's procedure (1979) for the chance of any false one among those called significant: the i-th least of n p values
/// becomes the greatest of `p_j (n - j + 1)` over j up to i, at most 1. Holds for tests that depend in any way, and is
/// never worse than [`bonferroni`].
pub fn holm(p_values: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p_values)?;
    let mut adjusted = p_values.to_vec();
    let mut greatest = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let p = adjusted.get_mut(index)?;
        greatest = greatest.max(*p * (p_values.len() - place) as f64).min(1.0);
        *p = greatest;
    }
    Some(adjusted)
}

/// Bonferroni's correction: each p value times their number, at most 1.
pub fn bonferroni(p_values: &[f64]) -> Option<Vec<f64>> {
    ascending(p_values)?;
    Some(p_values.iter().map(|p| (p * p_values.len() as f64).min(1.0)).collect())
}

/// Where the p values stand, from the least on.
fn ascending(p_values: &[f64]) -> Option<Vec<usize>> {
    if !p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        return None;
    }
    let mut places: Vec<(f64, usize)> = p_values.iter().copied().zip(0..).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(places.into_iter().map(|(_, place)| place).collect())
}
