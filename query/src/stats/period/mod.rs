//! The length of a season.

#[cfg(test)]
mod tests;

use std::f64::consts::{LN_2, TAU};

use super::percentile;

/// Rows that are looked at, the newest: time grows with their square.
pub const PERIOD_ROWS_MAX: usize = 8_192;
/// Seasons that the rows must hold.
const SEASONS_MIN: usize = 3;
/// The share of the greatest autocorrelation that makes a shorter season as good: twice a season is one, too.
const NEARLY: f64 = 0.95;
/// Rows without which nothing is significant.
const ROWS_MIN: usize = 12;

/// A season that was found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Period {
    /// Its length in rows, 2 or more.
    pub rows: usize,
    /// The autocorrelation at that distance, as a share of the variance: near 1 where all seasons are alike.
    pub autocorrelation: f64,
    /// The chance of a peak as high somewhere in the spectrum, if the series had no season.
    pub p_value: f64,
}

/// The length of the dominant season: the distance at which the series, less its straight line, is most like itself (the
/// shortest of those nearly so) among those that its spectrum speaks for. None where no season is significant at `alpha`,
/// or the rows do not hold three.
///
/// A frequency of the spectrum speaks for a season where its power over that of noise whose neighbours are correlated (an
/// AR(1), fitted through the middle of the spectrum) is beyond chance: the ratio `g` has the p value `1 - (1 - e^-g)^m` among
/// `m` frequencies. Frequencies are too coarse for long seasons, and a pointed season speaks at fractions of its length
/// as well; so each is taken to the peak of the autocorrelation near it (after Vlachos, Yu and Castelli 2005), and counts
/// only where there is one above `2 / sqrt(n)`.
///
/// Rows are evenly spaced and finite; of more than [`PERIOD_ROWS_MAX`] the newest are looked at. Noise that swings by
/// itself (an AR(2) near its limit) can pass for a season; a season of one pointed row among very many can be missed, since
/// it says little at any one frequency.
pub fn period(values: &[f64], alpha: f64) -> Option<Period> {
    let values = values.get(values.len().saturating_sub(PERIOD_ROWS_MAX)..)?;
    if values.len() < ROWS_MIN {
        return None;
    }
    let values = without_line(values)?;
    let like = autocorrelations(&values, values.len() / SEASONS_MIN + 1);
    let spoken_for = significant(&values, alpha);
    let found = spoken_for.iter().filter_map(|(frequency, p_value)| {
        let rows = peak_near(&like, values.len(), *frequency)?;
        Some(Period { rows, autocorrelation: *like.get(rows)?, p_value: *p_value })
    });
    let least = 2.0 / (values.len() as f64).sqrt();
    let found = found.filter(|found| found.autocorrelation > least);
    let found: Vec<Period> = found.collect();
    let most = found.iter().map(|found| found.autocorrelation).fold(0.0, f64::max);
    found.into_iter().filter(|found| found.autocorrelation >= NEARLY * most).min_by_key(|found| found.rows)
}

/// The rest about the line of least squares, in units of its deviation. None where there is no rest.
fn without_line(values: &[f64]) -> Option<Vec<f64>> {
    let rows = values.len() as f64;
    let greatest = values.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
    let scaled: Vec<f64> = values.iter().map(|value| value / greatest).collect();
    let (middle, mean) = ((rows - 1.0) / 2.0, scaled.iter().sum::<f64>() / rows);
    let times = || (0..values.len()).map(|row| row as f64 - middle);
    let slope = times().zip(&scaled).map(|(time, value)| time * (value - mean)).sum::<f64>()
        / times().map(|time| time * time).sum::<f64>();
    let rest: Vec<f64> = times().zip(&scaled).map(|(time, value)| value - mean - slope * time).collect();
    let deviation = (rest.iter().map(|value| value * value).sum::<f64>() / rows).sqrt();
    // What is left of a straight line is rounding.
    (deviation > 1e-12).then(|| rest.iter().map(|value| value / deviation).collect())
}

/// By distance, from 0 on: of the pairs that there are at each, so that long seasons are not put back.
fn autocorrelations(values: &[f64], distance_max: usize) -> Vec<f64> {
    let products = |distance: usize| {
        let later = values.iter().skip(distance);
        values.iter().zip(later).map(|(a, b)| a * b).sum::<f64>() / (values.len() - distance) as f64
    };
    (0..=distance_max).map(products).collect()
}

/// The frequencies, in turns over all rows, that no noise explains, and the p value of each.
fn significant(values: &[f64], alpha: f64) -> Vec<(usize, f64)> {
    let turns: Vec<f64> =
        (1..=values.len() / 2).map(|turns| TAU * turns as f64 / values.len() as f64).collect();
    let powers: Vec<f64> = turns.iter().map(|turn| power(values, *turn)).collect();
    let correlations = (-18..=18).map(|step| f64::from(step) / 20.0).chain([0.95, 0.98, 0.99, 0.999]);
    let noises = correlations.filter_map(|correlation| Noise::fitted(correlation, &turns, &powers));
    let Some(noise) = noises.min_by(|a, b| a.misfit.total_cmp(&b.misfit)) else { return Vec::new() };
    let tested = turns.iter().zip(&powers).enumerate().skip(SEASONS_MIN - 1);
    let p_values = tested.map(|(place, (turn, power))| {
        // 1 - (1 - e^-g)^m, without cancelling.
        let ratio = power / noise.power(*turn);
        (place + 1, -f64::exp_m1(turns.len() as f64 * f64::ln_1p(-(-ratio).exp())))
    });
    p_values.filter(|(_, p_value)| *p_value < alpha).collect()
}

/// An AR(1) whose spectrum runs through the middle of a series': a season stands out of it at few frequencies, and they
/// do not move the middle, where they would move a variance and a correlation.
struct Noise {
    correlation: f64,
    /// The logarithm of the factor that brings its spectrum to the middle.
    level: f64,
    /// The mean distance of the logarithms of both spectra.
    misfit: f64,
}

impl Noise {
    fn fitted(correlation: f64, turns: &[f64], powers: &[f64]) -> Option<Self> {
        let unfitted = Self { correlation, level: 0.0, misfit: 0.0 };
        let apart =
            |(turn, power): (&f64, &f64)| power.max(f64::MIN_POSITIVE).ln() - unfitted.power(*turn).ln();
        let mut apart: Vec<f64> = turns.iter().zip(powers).map(apart).collect();
        let median = percentile(&mut apart, 0.5)?;
        let misfit = apart.iter().map(|apart| (apart - median).abs()).sum();
        // The median of an exponential law is ln 2 of its mean.
        Some(Self { correlation, level: median - LN_2.ln(), misfit })
    }

    fn power(&self, turn: f64) -> f64 {
        let correlation = self.correlation;
        self.level.exp() / (1.0 + correlation * correlation - 2.0 * correlation * turn.cos())
    }
}

/// The power at a frequency, 1 on average over noise (Goertzel 1958).
fn power(values: &[f64], turn: f64) -> f64 {
    let twice = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for value in values {
        (last, before) = (value + twice * last - before, last);
    }
    (last * last + before * before - twice * last * before) / values.len() as f64
}

/// The distance of the highest peak between the neighbouring frequencies.
fn peak_near(like: &[f64], rows: usize, frequency: usize) -> Option<usize> {
    let (shortest, longest) = (rows / (frequency + 1), rows.div_ceil(frequency.checked_sub(1)?));
    let at = |distance: usize| like.get(distance).copied();
    let distances = (shortest.max(2)..=longest).filter(|distance| distance * SEASONS_MIN <= rows);
    let peaks = distances.filter(|distance| {
        let (before, here, after) = (at(distance - 1), at(*distance), at(distance + 1));
        here > before && here >= after && after.is_some()
    });
    peaks.max_by(|a, b| at(*a).unwrap_or(0.0).total_cmp(&at(*b).unwrap_or(0.0)))
}
