//! Exact percentiles.

/// The `q` quantile (0..1) of ascending values, interpolated between the two neighbouring ranks: numpy's method `linear`,
/// type 7 of Hyndman and Fan, rounded as numpy rounds it.
///
/// None of no values and for `q` outside 0..1. Values must not be NaN. Where the neighbours are so far apart that their
/// difference is beyond a double's range, or are both the same infinity, the answer is still a number between them
/// (numpy gives infinity or NaN there).
pub fn percentile_sorted(values: &[f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = last as f64 * q;
    let rank = (position.floor() as usize).min(last);
    let low = values.get(rank)?;
    let high = values.get(rank + 1).unwrap_or(low);
    Some(interpolate(*low, *high, position - rank as f64))
}

/// The same of values in any order, which leaves them in another: only the two neighbouring ranks are looked for, in time
/// proportional to the number of values.
pub fn percentile(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = last as f64 * q;
    let rank = (position.floor() as usize).min(last);
    let (_, low, above) = values.select_nth_unstable_by(rank, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(interpolate(low, high, position - rank as f64))
}

/// From the nearer end, so that both ends are met exactly.
fn interpolate(low: f64, high: f64, share: f64) -> f64 {
    let width = high - low;
    if low == high || share == 0.0 {
        low
    } else if width.is_infinite() {
        low * (1.0 - share) + high * share
    } else if share >= 0.5 {
        high - width * (1.0 - share)
    } else {
        low + width * share
    }
}
