//! Levene's test of spread.

use super::Outcome;
use super::law::student::student_two_sided;
use super::moments::{Moments, Precise, unit};
use super::pooled::total;

/// What distances are taken from, on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Center {
    /// The side's median: Brown and Forsythe's form (1974), which holds for skewed values as well.
    Median,
    /// The side's mean: Levene's own form (1960), for symmetric values.
    Mean,
}

/// Levene's test whether two samples have one spread: the analysis of variance of the values' distances from their
/// side's center, F with (1, N - 2) degrees of freedom (the second is told). A shift of the values changes nothing, so
/// it sees what tests of location do not. It is what `scipy.stats.levene` gives.
///
/// The samples are ascending values with their counts. The same with the sides exchanged. None for an empty side, where
/// distances do not vary within the sides (constant sides, sides of two values), and with an infinite value.
pub fn levene(reference: &[(f64, u64)], current: &[(f64, u64)], center: Center) -> Option<Outcome> {
    let unit = unit([reference, current])?;
    let distances = |points: &[(f64, u64)]| {
        let center = match center {
            Center::Median => median(points, unit)?,
            Center::Mean => Moments::in_unit(points, unit)?.mean,
        };
        let distance = |(value, count): &(f64, u64)| (center.to(value / unit).abs(), *count);
        Moments::in_unit(&points.iter().map(distance).collect::<Vec<_>>(), 1.0)
    };
    let (r, c) = (distances(reference)?, distances(current)?);
    let within = r.squares + c.squares;
    let degrees = r.count + c.count - 2.0;
    // Distances that are equal but for rounding do not vary.
    if degrees <= 0.0
        || within <= (r.count + c.count) * (4.0 * f64::EPSILON * r.mean.number.max(c.mean.number)).powi(2)
    {
        return None;
    }
    let between = r.count * (c.count / (r.count + c.count)) * r.mean.to_precise(c.mean).powi(2);
    let statistic = degrees * (between / within);
    Some(Outcome::of(statistic, student_two_sided(statistic.sqrt(), degrees))?.with_degrees(degrees))
}

/// The middle value, or halfway between the two, over the unit.
fn median(points: &[(f64, u64)], unit: f64) -> Option<Precise> {
    let total = total(points)?;
    let (low, high) = (value_at(points, (total - 1) / 2)? / unit, value_at(points, total / 2)? / unit);
    Some(Precise { number: low, rest: (high - low) / 2.0 })
}

/// The value of a rank, from 0.
fn value_at(points: &[(f64, u64)], rank: u64) -> Option<f64> {
    let mut counted = 0_u64;
    let mut reached = points.iter().filter(|(_, count)| {
        counted = counted.saturating_add(*count);
        counted > rank
    });
    reached.next().map(|(value, _)| *value)
}
