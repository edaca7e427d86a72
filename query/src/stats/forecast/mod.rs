//! Forecasts with intervals: additive exponential smoothing of level, damped trend and season (Hyndman, Koehler, Ord and
//! Snyder 2008: ETS(A,Ad,A), and ETS(A,Ad,N) without season).

mod fit;
mod simplex;
#[cfg(test)]
mod tests;

pub use fit::fit;

use statrs::function::erf::erf_inv;

use super::exact;

/// Values that a fit looks at, at most the newest so many.
pub const FORECAST_ROWS_MAX: usize = 100_000;
/// Steps that can be asked for.
pub const HORIZON_MAX: usize = 10_000;
/// Rows of a season at most.
pub const FORECAST_SEASON_MAX: usize = 10_000;

/// How fast a model learns.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Smoothing {
    /// Of the level, 0..=1.
    #[serde(with = "exact")]
    pub level: f64,
    /// Of the trend, as a share of what the level has moved, 0..=1.
    #[serde(with = "exact")]
    pub trend: f64,
    /// Of the season, 0..=1.
    #[serde(with = "exact")]
    pub season: f64,
    /// What is left of the trend after a row, 0..=1; 1 is a straight line.
    #[serde(with = "exact")]
    pub damping: f64,
}

/// Where a model stands: after a row, or before the first.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EtsState {
    /// The level.
    #[serde(with = "exact")]
    pub level: f64,
    /// What it moves by in a row.
    #[serde(with = "exact")]
    pub trend: f64,
    /// What a season adds, the place of the next row first; empty for none.
    #[serde(with = "exact")]
    pub season: Vec<f64>,
}

/// A model and where it stands.
///
/// With level `l`, trend `b` and the season's part `s` of a row, the row is expected to be `l + φ b + s`; by what it is off,
/// `e`, the next are `l + φ b + α e`, `φ b + α β e` and, a season later, `s + γ e`, for α, β, γ and φ the [`Smoothing`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ets {
    smoothing: Smoothing,
    state: EtsState,
    /// The place in the season of the next row.
    place: usize,
    rows: u64,
    #[serde(with = "exact")]
    squares: f64,
    /// What values are divided by, so that squares stay in the range of doubles.
    #[serde(with = "exact")]
    unit: f64,
}

/// What is expected of a row to come.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Forecast {
    /// The value.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Ets {
    /// A model that stands before its first row.
    pub fn new(smoothing: Smoothing, state: EtsState) -> Self {
        Self { smoothing, state, place: 0, rows: 0, squares: 0.0, unit: 1.0 }
    }

    /// How fast it learns.
    pub fn smoothing(&self) -> Smoothing {
        self.smoothing
    }

    /// The sum of the squares of what each row was off.
    pub fn squared_errors(&self) -> f64 {
        self.squares * self.unit * self.unit
    }

    /// What the next value is expected to be.
    pub fn expected(&self) -> f64 {
        self.ahead() * self.unit
    }

    /// Takes the next value, finite, and gives what it is off.
    pub fn update(&mut self, value: f64) -> f64 {
        let Smoothing { level, trend, season, damping } = self.smoothing;
        let error = value / self.unit - self.ahead();
        let damped = damping * self.state.trend;
        self.state.level += damped + level * error;
        self.state.trend = damped + level * trend * error;
        let seasons = self.state.season.len();
        if let Some(part) = self.state.season.get_mut(self.place) {
            *part += season * error;
            self.place = (self.place + 1) % seasons;
        }
        self.squares += error * error;
        self.rows += 1;
        error * self.unit
    }

    /// The next `horizon` rows, with intervals that hold the share `confidence` of them if errors are normal and
    /// independent, with the mean square of the errors so far for variance. None before the first row, where confidence
    /// is not above 0 and below 1, for more than [`HORIZON_MAX`] rows, and where a number is beyond doubles.
    pub fn forecast(&self, horizon: usize, confidence: f64) -> Option<Vec<Forecast>> {
        if self.rows == 0 || horizon > HORIZON_MAX || !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let Smoothing { level, trend, season, damping } = self.smoothing;
        let width = erf_inv(confidence) * std::f64::consts::SQRT_2 * (self.squares / self.rows as f64).sqrt();
        // By how much an error now moves the row so many steps on, squared and summed.
        let mut moved = 1.0;
        let (mut damped, mut trends) = (1.0, 0.0);
        let seasons = self.state.season.len();
        let mut found = Vec::with_capacity(horizon);
        for step in 1..=horizon {
            damped *= damping;
            trends += damped;
            let part = self.state.season.get((self.place + step - 1) % seasons.max(1)).unwrap_or(&0.0);
            let value = self.state.level + trends * self.state.trend + part;
            let half = width * f64::sqrt(moved);
            let [value, low, high] = [value, value - half, value + half].map(|value| value * self.unit);
            found.push(Forecast { value, low, high });
            let comes_round = seasons > 0 && step % seasons == 0;
            moved += (level + level * trend * trends + if comes_round { season } else { 0.0 }).powi(2);
        }
        found.iter().all(|found| found.low.is_finite() && found.high.is_finite()).then_some(found)
    }

    fn ahead(&self) -> f64 {
        let season = self.state.season.get(self.place).unwrap_or(&0.0);
        self.state.level + self.smoothing.damping * self.state.trend + season
    }
}
