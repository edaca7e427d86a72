//! CALIBRATE: how often an alert would have fired at other thresholds, and which of them keeps to a wish.
//!
//! The past is judged by the same machine that judges the present, so FOR, RESOLVE WHEN and KEEP FIRING FOR count as
//! they will. What is known to have been a real incident is left out: the rest should have been false alarms.

use std::collections::BTreeMap;

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::Rule;
use super::period::Span;
use super::state::{AlertState, Kind, Row, Seen, Window};

/// Thresholds that are tried.
pub const CANDIDATES: usize = 20;

/// Periods of the wish that the history must have for its rates to say something.
pub const PERIODS_LEAST: f64 = 3.0;

/// An alert that fires for a larger share of the time says nothing by firing: it has few firings because it hardly
/// ends. Such a threshold is not proposed.
pub const FIRING_SHARE_MAX: f64 = 0.5;

/// Beyond the 95 % interval on each side.
const TAIL: f64 = 0.025;

/// What one window of the past had: a value for each instance that had a row, None where it was null.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Past {
    /// The window.
    pub window: Window,
    /// Identity and value; no identity twice.
    pub values: Vec<(BTreeMap<String, String>, Option<f64>)>,
}

/// Which side of a threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparison {
    /// Whether a value is bad.
    pub fn is_bad(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }

    fn high_is_bad(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }
}

/// `FALSE ALARMS 1 PER '30 days'`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Wish {
    /// At most so many.
    pub firings: f64,
    /// In so many nanoseconds.
    pub period: i64,
}

/// How an alert fired over the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Firings {
    /// Episodes that fired, of all instances.
    pub firings: u64,
    /// The share of the windows, 0 to 1, after which any instance fired.
    pub share: f64,
}

/// One threshold and what it would have meant.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Candidate {
    /// The threshold.
    pub threshold: f64,
    /// Episodes that fired over the whole history.
    pub firings: u64,
    /// The same per period of the wish.
    pub rate_per_period: f64,
    /// Of the rate, were firings independent: the low end of the exact 95 % interval.
    pub low: f64,
    /// The high end.
    pub high: f64,
    /// The share of the windows, 0 to 1, after which any instance fired.
    pub firing_share: f64,
}

/// What CALIBRATE answers.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// From the least sensitive to the most.
    pub candidates: Vec<Candidate>,
    /// Which of them: the most sensitive that keeps to the wish, and all less sensitive ones too. None if none does.
    pub proposal: Option<usize>,
    /// Nanoseconds of history, what is left out not counted.
    pub history: i64,
    /// Whether that is under [`PERIODS_LEAST`] periods: the rates are then little more than guesses.
    pub not_enough_history: bool,
}

/// Tries the candidates. `count` says how the alert would have fired at a threshold; [`firings`] does it.
pub fn calibrate(
    history: &[Past],
    leave_out: &[Span],
    comparison: Comparison,
    wish: Wish,
    mut count: impl FnMut(f64) -> Firings,
) -> Calibration {
    let length: i64 = kept(history, leave_out).map(|past| past.window.end - past.window.start).sum();
    let periods = length as f64 / wish.period as f64;
    let thresholds = candidates(history, leave_out, comparison);
    let candidates: Vec<_> = thresholds.into_iter().map(|it| candidate(it, count(it), periods)).collect();
    let keeps = |it: &&Candidate| it.rate_per_period <= wish.firings && it.firing_share <= FIRING_SHARE_MAX;
    let proposal = candidates.iter().take_while(keeps).count().checked_sub(1);
    Calibration { candidates, proposal, history: length, not_enough_history: periods < PERIODS_LEAST }
}

/// Judges the history with the state machine. `judge` says what `WHEN` and `RESOLVE WHEN` are of a value that is not
/// null. A window that is left out is not judged: what is pending then is broken, what fires goes on.
pub fn firings(
    rule: &Rule,
    history: &[Past],
    leave_out: &[Span],
    judge: impl Fn(f64) -> (Option<bool>, Option<bool>),
) -> Firings {
    let mut state = AlertState::default();
    let (mut firings, mut firing, mut windows) = (0, 0u64, 0u64);
    for past in kept(history, leave_out) {
        let rows = past.values.iter().map(|(identity, value)| {
            let (when, resolve) = value.map_or((None, None), &judge);
            Row { identity: identity.clone(), when, resolve, value: *value, ..Row::default() }
        });
        let changes = state.judge(rule, past.window, Seen::Rows(rows.collect()));
        firings += changes.iter().filter(|change| change.kind == Kind::Fired).count() as u64;
        firing += u64::from(state.instances.values().any(|it| it.is_live()));
        windows += 1;
    }
    Firings { firings, share: firing as f64 / windows.max(1) as f64 }
}

/// Distinct values of the history, least sensitive first: those beyond which lie from none to half of all, in even
/// steps of the logarithm, as alarms are to be rare. Fewer than [`CANDIDATES`] where the history has few values.
pub fn candidates(history: &[Past], leave_out: &[Span], comparison: Comparison) -> Vec<f64> {
    let values = kept(history, leave_out).flat_map(|past| &past.values).filter_map(|(_, value)| *value);
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    if comparison.high_is_bad() {
        values.reverse();
    }
    let half = (values.len() as f64 / 2.0).max(1.0);
    let mut out: Vec<f64> = Vec::new();
    for step in 0..CANDIDATES {
        let beyond = half.powf(step as f64 / (CANDIDATES - 1) as f64) - 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the count of values"
        )]
        let value = values.get(beyond.round() as usize).copied();
        out.extend(value.filter(|value| out.last() != Some(value)));
    }
    out
}

/// The exact (Garwood) 95 % interval of a Poisson mean, given one count.
pub fn poisson_interval(count: u64) -> (f64, f64) {
    let quantile = |freedom: f64, share: f64| {
        ChiSquared::new(freedom).map_or(f64::NAN, |chi_square| chi_square.inverse_cdf(share) / 2.0)
    };
    let count = count as f64;
    let low = if count == 0.0 { 0.0 } else { quantile(2.0 * count, TAIL) };
    (low, quantile(2.0 * count + 2.0, 1.0 - TAIL))
}

fn candidate(threshold: f64, found: Firings, periods: f64) -> Candidate {
    let (low, high) = poisson_interval(found.firings);
    Candidate {
        threshold,
        firings: found.firings,
        rate_per_period: found.firings as f64 / periods,
        low: low / periods,
        high: high / periods,
        firing_share: found.share,
    }
}

fn kept<'a>(history: &'a [Past], leave_out: &'a [Span]) -> impl Iterator<Item = &'a Past> {
    history.iter().filter(|past| !leave_out.iter().any(|it| it.touches(past.window.start, past.window.end)))
}

#[cfg(test)]
mod tests;
