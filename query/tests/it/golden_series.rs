//! Forecasts against statsmodels and change points against ruptures (`tests/golden/make_series.py`).

use driftline_query::stats::changepoint::{ChangeCost, ChangeParameters, changepoints};
use driftline_query::stats::forecast::{Ets, EtsState, Forecast, Smoothing, fit};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::golden_streams::Piece;

/// Forecasts agree to this share of the series' size.
const TOLERANCE: f64 = 1e-9;
/// By how much a fit may be worse: both searches end where little more is to be gained.
const SQUARES_TOLERANCE: f64 = 1e-3;

/// Reads a golden file and checks each case; all disagreements are shown together.
fn check<C: DeserializeOwned>(json: &str, disagreement: impl Fn(&C) -> Option<String>) {
    let cases: Vec<C> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} of {} cases disagree:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[derive(Deserialize)]
struct Series {
    name: String,
    pieces: Vec<Piece>,
    season: usize,
    smoothing: [String; 4],
    level: String,
    trend: String,
    parts: Vec<String>,
    squares: String,
    values: Vec<String>,
    lows: Vec<String>,
    highs: Vec<String>,
    fitted_squares: String,
}

impl Series {
    /// The sum of the pieces.
    fn history(&self) -> Vec<f64> {
        let mut pieces = self.pieces.iter().map(Piece::values);
        let first = pieces.next().unwrap();
        pieces.fold(first, |sum, piece| sum.iter().zip(piece).map(|(a, b)| a + b).collect())
    }

    fn model(&self) -> Ets {
        let [level, trend, season, damping] = self.smoothing.each_ref().map(|text| number(text));
        let season = if self.season > 0 { season } else { 0.0 };
        let parts = self.parts.iter().map(|text| number(text)).collect();
        let state = EtsState { level: number(&self.level), trend: number(&self.trend), season: parts };
        let mut model = Ets::new(Smoothing { level, trend, season, damping }, state);
        self.history().into_iter().for_each(|value| _ = model.update(value));
        model
    }
}

#[test]
fn forecasts_and_intervals_are_statsmodels() {
    check(include_str!("../golden/forecast.json"), |case: &Series| {
        let model = case.model();
        let size = case.history().iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        let agree = |found: f64, expected: &String| (found - number(expected)).abs() <= TOLERANCE * size;
        let found = model.forecast(case.values.len(), 0.9).unwrap();
        let expected = case.values.iter().zip(&case.lows).zip(&case.highs);
        let same = |(found, ((value, low), high)): (&Forecast, ((&String, &String), &String))| {
            agree(found.value, value) && agree(found.low, low) && agree(found.high, high)
        };
        let squares = number(&case.squares);
        let all = found.iter().zip(expected).all(same)
            && (model.squared_errors() - squares).abs() <= TOLERANCE * squares;
        (!all).then(|| format!("{}: {found:?}, the oracle {:?} {:?}", case.name, case.values, case.lows))
    });
}

#[test]
fn fits_are_as_good_as_statsmodels() {
    check(include_str!("../golden/forecast.json"), |case: &Series| {
        let season = (case.season > 0).then_some(case.season);
        let found = fit(&case.history(), season).unwrap().squared_errors();
        let expected = number(&case.fitted_squares);
        (found > expected * (1.0 + SQUARES_TOLERANCE))
            .then(|| format!("{}: {found}, the oracle {expected}", case.name))
    });
}

#[derive(Deserialize)]
struct Steps {
    name: String,
    pieces: Vec<Piece>,
    rows_min: usize,
    penalty: Option<String>,
    starts: Vec<usize>,
}

#[test]
fn change_points_are_ruptures() {
    check(include_str!("../golden/changepoints.json"), |case: &Steps| {
        let values: Vec<f64> = case.pieces.iter().flat_map(Piece::values).collect();
        let penalty = case.penalty.as_deref().map(number);
        let parameters = ChangeParameters { cost: ChangeCost::Mean, rows_min: case.rows_min, penalty };
        let found = changepoints(&values, &parameters).unwrap();
        (found != case.starts).then(|| format!("{}: {found:?}, the oracle {:?}", case.name, case.starts))
    });
}
