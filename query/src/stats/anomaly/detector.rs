//! The detector that alerts rest on.

use std::collections::VecDeque;

use super::news::News;
use super::phase::Phases;
use super::sorted::SortedWindow;
use super::{SEASON_MAX, WINDOW_MAX};
use crate::stats::{StatsError, exact};

/// Rows before which a measure says nothing.
const ROWS_MIN: usize = 20;
/// What one measure adds to a score at most: beyond it, more is not stranger.
const SHARE_MAX: f64 = 10.0;
/// The far tail that deviations are counted in: one row in 200 is beyond it on each side.
const TAIL: f64 = 0.995;
/// The least that the tail counts as, as a share of the range: in a window of few different values the tail may be
/// nothing.
const TAIL_MIN: f64 = 0.1;
/// By how much a score must surpass those shortly before it to be new.
const MARGIN: f64 = 1.1;

/// What can be set of [`AnomalyDetector`]. The defaults are for a row every five minutes with a daily season.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AnomalyParameters {
    /// Rows that are remembered.
    pub window: usize,
    /// Rows of a season; None for a series without.
    pub season: Option<usize>,
    /// Rows of the short mean.
    pub short: usize,
    /// Rows that an alarm keeps a like one quiet.
    pub quiet: usize,
    /// The score from which on a row is an alarm.
    #[serde(with = "exact")]
    pub threshold: f64,
}

impl Default for AnomalyParameters {
    fn default() -> Self {
        Self { window: 4_032, season: Some(288), short: 12, quiet: 288, threshold: 3.0 }
    }
}

/// What the detector says of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// How strange the row is, 0..=30; about 1 for each measure that is as far out as one row in a hundred.
    pub score: f64,
    /// Whether the score surpasses all of the quiet time before it by a tenth.
    pub is_new: bool,
    /// Whether it is new and at the threshold.
    pub is_alarm: bool,
}

/// The detector. Three measures are taken of each row: the mean of the last `short` rows, how far the value is from
/// the one before it, and the mean of the last `short` residuals of the season (value less the median of the values at the
/// same place in the last seven seasons). Each is set against its own last `window` rows: its distance from their
/// median, in distances of their 99.5 % quantile (below the median: of the 0.5 % quantile), where that distance counts as
/// a tenth of their range at least, and the result as 10 at most; where all of the window is one value, any other is 10.
/// The score is the sum. A row is an alarm where the score is at the threshold and more than 1.1 times any of the last
/// `quiet` rows.
///
/// Far quantiles in place of a standard deviation leave bursty series calm: a spike is strange only where the window has
/// none like it. The window holds what it finds strange, too, so that what lasts becomes usual.
///
/// How it was tuned: on 38 of the 58 files of the Numenta Anomaly Benchmark, with its standard score as the measure. Which
/// measures are summed was chosen from all sums of up to four of six, by the mean score over five settings of the rest,
/// with weights 1; then each number was moved on its own and set in the middle of where the score is flat. The other
/// 20 files had no part in it, but for one thing: season and quiet time became a day by the files' own times, where they
/// had been 288 rows. It does less well on those 20 (`benches/README.md` has the figures).
///
/// In normal noise without any season, the defaults raise an alarm about every 1,700 rows (six days of five minutes).
///
/// The state holds some 16,000 numbers at the defaults, most in the windows of the three measures.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AnomalyDetector {
    parameters: AnomalyParameters,
    #[serde(with = "exact")]
    before: Option<f64>,
    phases: Option<Phases>,
    short: ShortMean,
    short_residual: ShortMean,
    level: Measure,
    jump: Measure,
    season: Measure,
    news: News,
}

impl AnomalyDetector {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// [`StatsError::Parameter`].
    pub fn new(parameters: AnomalyParameters) -> Result<Self, StatsError> {
        demand((ROWS_MIN..=WINDOW_MAX).contains(&parameters.window), "window", "20 to 100000")?;
        let season = parameters.season.unwrap_or(1);
        demand((1..=SEASON_MAX).contains(&season), "season", "1 to 100000")?;
        demand((1..=parameters.window).contains(&parameters.short), "short", "1 to window")?;
        demand(parameters.quiet <= WINDOW_MAX, "quiet", "100000 or less")?;
        demand(parameters.threshold >= 0.0, "threshold", "0 or more")?;
        let measure = || Measure(SortedWindow::new(parameters.window));
        let short = || ShortMean::new(parameters.short);
        let (level, jump, season) = (measure(), measure(), measure());
        let (short, short_residual) = (short(), short());
        let phases = parameters.season.map(Phases::new);
        Ok(Self {
            parameters,
            before: None,
            phases,
            short,
            short_residual,
            level,
            jump,
            season,
            news: News::new(),
        })
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Verdict {
        let mean = self.short.add(value);
        let jump = (value - self.before.replace(value).unwrap_or(value)).abs();
        let residual = self.phases.as_mut().and_then(|phases| phases.residual(value));
        let residual = residual.map(|residual| self.short_residual.add(residual));
        let residual = residual.filter(|_| self.short_residual.is_full());
        let season = residual.map_or(0.0, |residual| self.season.share(residual));
        let score = self.level.share(mean) + self.jump.share(jump) + season;
        let is_new = self.news.add(score, self.parameters.quiet, MARGIN);
        Verdict { score, is_new, is_alarm: is_new && score >= self.parameters.threshold }
    }
}

fn demand(met: bool, name: &'static str, allowed: &'static str) -> Result<(), StatsError> {
    if met { Ok(()) } else { Err(StatsError::Parameter { name, allowed }) }
}

/// The mean of the last few values.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct ShortMean {
    rows_max: usize,
    #[serde(with = "exact")]
    rows: VecDeque<f64>,
}

impl ShortMean {
    fn new(rows_max: usize) -> Self {
        Self { rows_max, rows: VecDeque::new() }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.rows_max
    }

    fn add(&mut self, value: f64) -> f64 {
        if self.is_full() {
            self.rows.pop_front();
        }
        self.rows.push_back(value);
        self.rows.iter().sum::<f64>() / self.rows.len() as f64
    }
}

/// A measure and what it has been.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Measure(SortedWindow);

impl Measure {
    /// What a value of the measure adds to the score; then it is one of those that have been.
    fn share(&mut self, value: f64) -> f64 {
        let share = self.tails(value).unwrap_or(0.0);
        self.0.push(value);
        share
    }

    fn tails(&self, value: f64) -> Option<f64> {
        let sorted = self.0.sorted();
        let (least, greatest) = (sorted.first()?, sorted.last()?);
        let median = self.0.quantile(0.5)?;
        let apart = (value - median).abs();
        if sorted.len() < ROWS_MIN || apart == 0.0 {
            return None;
        }
        let tail = if value > median {
            self.0.quantile(TAIL)? - median
        } else {
            median - self.0.quantile(1.0 - TAIL)?
        };
        // No tail at all gives infinity or, of infinities, NaN: both are the most there is.
        Some((apart / tail.max((greatest - least) * TAIL_MIN)).min(SHARE_MAX))
    }
}
