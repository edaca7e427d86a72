//! Histograms as numpy makes them: `histogram_bin_edges` with `sturges` and `doane`, and `histogram`.

use std::ops::RangeInclusive;

/// Bins at most: a doubling of the rows adds one.
const BINS_MAX: f64 = 1_024.0;

/// Sturges' bins (1926) of all values: the range in `log2 n + 1` parts, rounded up.
pub(super) fn sturges(values: &[f64]) -> Option<Vec<f64>> {
    let width = (values.len() as f64).log2() + 1.0;
    edges(values, range(values)? / width)
}

/// Doane's bins (1976): of Sturges' more for skewed values. The range in one part for two values and fewer, and without
/// spread.
pub(super) fn doane(values: &[f64]) -> Option<Vec<f64>> {
    let n = values.len() as f64;
    let mean = mean(values.iter().copied());
    let deviation = self::mean(values.iter().map(|value| (value - mean).powi(2))).sqrt();
    if values.len() <= 2 || deviation <= 0.0 {
        return edges(values, 0.0);
    }
    let skew = self::mean(values.iter().map(|value| ((value - mean) / deviation).powi(3))).abs();
    let usual = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    edges(values, range(values)? / (1.0 + n.log2() + (1.0 + skew / usual).log2()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The values in each bin, between two edges: the last bin has its upper edge, the others do not. Values outside are
/// counted nowhere.
pub(super) fn histogram(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![0; bins];
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return counts };
    for value in values.iter().filter(|value| (*first..=*last).contains(*value)) {
        let bin = edges.partition_point(|edge| edge <= value).min(bins);
        counts.iter_mut().skip(bin.saturating_sub(1)).take(1).for_each(|count| *count += 1);
    }
    counts
}

fn ends(values: &[f64]) -> Option<RangeInclusive<f64>> {
    let (low, high) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    (low.is_finite() && high.is_finite()).then_some(low..=high)
}

fn range(values: &[f64]) -> Option<f64> {
    ends(values).map(|ends| ends.end() - ends.start())
}

/// Equal bins of about a width; one for a width of 0. A range of nothing becomes 1 wide.
fn edges(values: &[f64], width: f64) -> Option<Vec<f64>> {
    let (mut low, mut high) = ends(values)?.into_inner();
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let bins = if width > 0.0 { ((high - low) / width).ceil() } else { 1.0 };
    if !(1.0..=BINS_MAX).contains(&bins) {
        return None;
    }
    let step = (high - low) / bins;
    let inner = (0..bins as u32).map(|place| f64::from(place) * step + low);
    let edges: Vec<f64> = inner.chain([high]).collect();
    edges.is_sorted_by(|a, b| a < b).then_some(edges)
}
