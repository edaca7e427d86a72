//! How many deviations a value is from what came before it.

use super::phase::Phases;
use super::sorted::SortedWindow;
use super::{SEASON_MAX, WINDOW_MAX};
use crate::stats::{StatsError, percentile};

/// The median absolute deviation of a normal law, as a share of its standard deviation, below one.
const MAD_TO_DEVIATION: f64 = 1.482_602_218_505_602;
/// The same of the mean absolute deviation: the root of half of pi.
const MEAN_TO_DEVIATION: f64 = 1.253_314_137_315_500_1;
/// The greatest score, on both sides of zero.
const SCORE_MAX: f64 = 1e6;

/// What can be set of [`RobustScore`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RobustParameters {
    /// Rows that a value is compared with.
    pub window: usize,
    /// No score before so many of them are there.
    pub rows_min: usize,
    /// Rows of a season; None to score the values as they are.
    pub season: Option<usize>,
}

impl Default for RobustParameters {
    fn default() -> Self {
        Self { window: 288, rows_min: 20, season: None }
    }
}

/// The score `(x - median) / (1.4826 MAD)` of a value `x` by the `window` rows before it, where MAD is the median of their
/// distances from their median; in normal noise it is the number of standard deviations, and 3.5 a common bound (Iglewicz
/// and Hoaglin 1993).
///
/// With a season the same is said of what is left of a value once the median of the values at its place in the last
/// seven seasons is taken away.
///
/// Where MAD is 0 (more than half of the window is one value) the deviation is 1.2533 times the mean of the distances;
/// where that is 0 as well, the score is 0 for the same value and the greatest for any other. Scores end at 1e6 on both
/// sides.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RobustScore {
    parameters: RobustParameters,
    window: SortedWindow,
    phases: Option<Phases>,
}

impl RobustScore {
    /// A score that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: RobustParameters) -> Result<Self, StatsError> {
        let demand =
            |met, name, allowed| if met { Ok(()) } else { Err(StatsError::Parameter { name, allowed }) };
        demand((1..=WINDOW_MAX).contains(&parameters.window), "window", "1 to 100000")?;
        demand((1..=parameters.window).contains(&parameters.rows_min), "rows_min", "1 to window")?;
        demand((1..=SEASON_MAX).contains(&parameters.season.unwrap_or(1)), "season", "1 to 100000")?;
        let window = SortedWindow::new(parameters.window);
        let phases = parameters.season.map(Phases::new);
        Ok(Self { parameters, window, phases })
    }

    /// The score of the next value, which is part of the window from then on. None before there are `rows_min` rows, with
    /// a season: after the first one.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let left = match &mut self.phases {
            Some(phases) => phases.residual(value)?,
            None => value,
        };
        let enough = self.window.sorted().len() >= self.parameters.rows_min;
        let score = if enough { score(self.window.sorted(), left) } else { None };
        self.window.push(left);
        score
    }
}

fn score(sorted: &[f64], value: f64) -> Option<f64> {
    let median = crate::stats::percentile_sorted(sorted, 0.5)?;
    let mut distances: Vec<f64> = sorted.iter().map(|other| (other - median).abs()).collect();
    let apart = value - median;
    if apart == 0.0 {
        return Some(0.0);
    }
    let mean = distances.iter().sum::<f64>() / distances.len() as f64;
    let mad = percentile(&mut distances, 0.5)?;
    let deviation = if mad > 0.0 { mad * MAD_TO_DEVIATION } else { mean * MEAN_TO_DEVIATION };
    Some((apart / deviation).clamp(-SCORE_MAX, SCORE_MAX))
}
