//! The model of a series.

use super::simplex::least;
use super::{Ets, EtsState, FORECAST_ROWS_MAX, FORECAST_SEASON_MAX, Smoothing};

/// Rows without which there is no model.
const ROWS_MIN: usize = 10;
/// The rows that the first line is laid through.
const LINE_ROWS: usize = 10;
/// Damping: below, a trend is hardly one; above, it hardly ends (Hyndman and Athanasopoulos).
const DAMPING: (f64, f64) = (0.8, 0.98);
/// Where the search for level, trend, season and damping begins, as shares of their ranges.
const BEGINNINGS: [[f64; 4]; 3] = [[0.3, 0.1, 0.1, 0.8], [0.05, 0.05, 0.05, 0.9], [0.8, 0.2, 0.2, 0.5]];

/// The model that fits a series, standing after its last row, so that its next [`Ets::forecast`] is of what comes.
///
/// The state before the first row is by rule: without season the line of least squares through the first ten rows, with
/// one the means of the first two seasons and what the rows of both differ from the line through them, on average. Then
/// smoothing and damping (0.8 to 0.98) are those of the least sum of squared errors that a simplex search (Nelder and
/// Mead 1965) finds from three beginnings.
///
/// Values are finite and evenly spaced; of more than [`FORECAST_ROWS_MAX`] the newest are looked at. None of fewer than
/// ten rows or two seasons, for a season of one row or more than [`FORECAST_SEASON_MAX`], and where no error is a number.
pub fn fit(values: &[f64], season: Option<usize>) -> Option<Ets> {
    let values = values.get(values.len().saturating_sub(FORECAST_ROWS_MAX)..)?;
    let season = season.unwrap_or(0);
    if values.len() < ROWS_MIN.max(2 * season) || season == 1 || season > FORECAST_SEASON_MAX {
        return None;
    }
    let greatest = values.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
    let unit = if greatest > 0.0 { greatest } else { 1.0 };
    let values: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let state = if season > 0 { seasonal_start(&values, season) } else { line_start(&values) };
    let run = |at: &[f64; 4]| {
        let mut model = Ets::new(smoothing(at, season > 0), state.clone());
        values.iter().for_each(|value| _ = model.update(*value));
        model
    };
    let found = BEGINNINGS.iter().map(|beginning| least(beginning.map(logit), |at| run(at).squares));
    let (at, squares) = found.min_by(|a, b| a.1.total_cmp(&b.1))?;
    squares.is_finite().then(|| Ets { unit, ..run(&at) })
}

/// Any four numbers as smoothing within its ranges.
fn smoothing(at: &[f64; 4], seasonal: bool) -> Smoothing {
    let [level, trend, season, damping] = at.map(|value| 1.0 / (1.0 + (-value).exp()));
    let damping = DAMPING.0 + (DAMPING.1 - DAMPING.0) * damping;
    Smoothing { level, trend, season: if seasonal { season } else { 0.0 }, damping }
}

fn logit(share: f64) -> f64 {
    (share / (1.0 - share)).ln()
}

fn line_start(values: &[f64]) -> EtsState {
    let first = values.get(..LINE_ROWS).unwrap_or(values);
    let rows = first.len() as f64;
    let (middle, mean) = ((rows + 1.0) / 2.0, first.iter().sum::<f64>() / rows);
    let times = || (1..=first.len()).map(|row| row as f64 - middle);
    let slope = times().zip(first).map(|(time, value)| time * (value - mean)).sum::<f64>()
        / times().map(|time| time * time).sum::<f64>();
    EtsState { level: mean - slope * middle, trend: slope, season: Vec::new() }
}

fn seasonal_start(values: &[f64], season: usize) -> EtsState {
    let rows = season as f64;
    let (first, rest) = values.split_at(season);
    let second = rest.get(..season).unwrap_or(rest);
    let [mean, next] = [first, second].map(|values| values.iter().sum::<f64>() / rows);
    let trend = (next - mean) / rows;
    let level = mean - trend * (rows + 1.0) / 2.0;
    let part = |(place, (a, b)): (usize, (&f64, &f64))| {
        let line = level + trend * (place as f64 + 1.0);
        (a - line + (b - line - trend * rows)) / 2.0
    };
    let season = first.iter().zip(second).enumerate().map(part).collect();
    EtsState { level, trend, season }
}
