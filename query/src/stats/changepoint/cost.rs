//! What it costs to take rows for one segment.

use crate::stats::percentile;

/// The deviation of a normal law over the median of its absolute values.
const MAD_TO_DEVIATION: f64 = 1.482_602_218_505_602;
/// The least variance of a segment, as a share of that of the series: two equal rows would else be infinitely likely.
const VARIANCE_MIN: f64 = 1e-6;

/// What changes from segment to segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ChangeCost {
    /// The mean. A segment costs the sum of squares about its mean over the variance of the noise, which is one for the
    /// series: the square of 1.4826 times the median of the distances between neighbours, over 2.
    #[default]
    Mean,
    /// The mean and the variance. A segment of `n` rows and variance `v` costs `n ln v + n`, with `v` a millionth of the
    /// variance of the series at least.
    MeanVariance,
}

impl ChangeCost {
    /// Rows of a segment without which the cost has no meaning.
    pub(super) fn rows_min(self) -> usize {
        match self {
            Self::Mean => 1,
            Self::MeanVariance => 2,
        }
    }

    /// The numbers that a segment adds to the description of the series.
    pub(super) fn numbers(self) -> f64 {
        match self {
            Self::Mean => 2.0,
            Self::MeanVariance => 3.0,
        }
    }
}

/// The costs of all segments of a series, from sums up to each row.
pub(super) struct Costs {
    cost: ChangeCost,
    sums: Vec<(f64, f64)>,
    variance_min: f64,
}

impl Costs {
    /// None of a series that does not vary.
    pub(super) fn of(values: &[f64], cost: ChangeCost) -> Option<Self> {
        let center = percentile(&mut values.to_vec(), 0.5)?;
        // In units of the noise about the median, so that squares neither cancel nor leave the range of doubles.
        let scale = noise(values).filter(|scale| scale.is_finite() && *scale > 0.0)?;
        let mut sums = vec![(0.0, 0.0)];
        let mut sum = (0.0, 0.0);
        for value in values {
            let value = value / scale - center / scale;
            sum = (sum.0 + value, sum.1 + value * value);
            sums.push(sum);
        }
        let all = Self { cost, sums, variance_min: 0.0 };
        let variance_min = VARIANCE_MIN * all.squares(0, values.len()) / values.len() as f64;
        (variance_min > 0.0).then_some(Self { variance_min, ..all })
    }

    /// Of the rows from `start` up to before `end`.
    pub(super) fn cost(&self, start: usize, end: usize) -> f64 {
        let squares = self.squares(start, end);
        match self.cost {
            ChangeCost::Mean => squares,
            ChangeCost::MeanVariance => {
                // The likelihood at the best variance that is allowed, so that a cut never costs (which pruning needs).
                let rows = (end - start) as f64;
                let variance = (squares / rows).max(self.variance_min);
                rows * variance.ln() + squares / variance
            }
        }
    }

    fn squares(&self, start: usize, end: usize) -> f64 {
        let (Some(from), Some(to)) = (self.sums.get(start), self.sums.get(end)) else { return 0.0 };
        let sum = to.0 - from.0;
        (to.1 - from.1 - sum * sum / (end - start) as f64).max(0.0)
    }
}

/// The deviation of the noise by the distances between neighbours, which a few changes of the mean leave alone. Where most
/// neighbours are equal, by their mean square.
fn noise(values: &[f64]) -> Option<f64> {
    let pairs = values.windows(2).filter_map(|pair| Some((pair.get(1)? - pair.first()?).abs()));
    let mut distances: Vec<f64> = pairs.collect();
    let greatest = distances.iter().copied().fold(0.0, f64::max);
    let squares: f64 = distances.iter().map(|distance| (distance / greatest).powi(2)).sum();
    let root_mean = greatest * (squares / distances.len() as f64).sqrt();
    let median = percentile(&mut distances, 0.5)? * MAD_TO_DEVIATION;
    Some(if median > 0.0 { median } else { root_mean } / std::f64::consts::SQRT_2)
}
