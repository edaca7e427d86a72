//! Mean and spread of counted values.

use super::pooled::{Sum, total};

/// A number and what was rounded away from it: a mean of doubles seldom is one, and next to the spread of values that
/// lie far from 0 its last digit can be much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Precise {
    pub number: f64,
    pub rest: f64,
}

impl Precise {
    /// How far a value is above this.
    pub fn to(self, value: f64) -> f64 {
        (value - self.number) - self.rest
    }

    /// How far another is above this.
    pub fn to_precise(self, other: Self) -> f64 {
        (other.number - self.number) + (other.rest - self.rest)
    }
}

/// Count, mean and the sum of squared distances from the mean, of values divided by `unit`, a power of two: squares of
/// the least and the greatest doubles are none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub count: f64,
    pub mean: Precise,
    pub squares: f64,
    unit: f64,
}

impl Moments {
    /// None without counts, and with an infinite value.
    pub fn of(points: &[(f64, u64)]) -> Option<Self> {
        Self::in_unit(points, unit([points])?)
    }

    /// The same of values divided by a unit that other values have as well.
    pub fn in_unit(points: &[(f64, u64)], unit: f64) -> Option<Self> {
        let count = total(points)? as f64;
        let weighted = |of: &dyn Fn(f64) -> f64| {
            Sum::of(points.iter().map(|(value, times)| of(value / unit) * *times as f64))
        };
        let number = weighted(&|value| value) / count;
        let mean = Precise { number, rest: weighted(&|value| value - number) / count };
        let squares = weighted(&|value| mean.to(value).powi(2));
        (number.is_finite() && squares.is_finite()).then_some(Self { count, mean, squares, unit })
    }

    /// The unbiased variance, in squares of the unit. None of one value.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1.0).then(|| self.squares / (self.count - 1.0))
    }

    /// A length over the standard deviation of all there is. None without spread.
    pub fn in_deviations(&self, length: f64) -> Option<f64> {
        let deviation = (self.squares / self.count).sqrt();
        (deviation > 0.0).then(|| length / self.unit / deviation).filter(|ratio| ratio.is_finite())
    }

    /// The standard deviation of all there is, in the unit of the values.
    pub fn population_deviation(&self) -> f64 {
        (self.squares / self.count).sqrt() * self.unit
    }
}

/// The power of two at or below the greatest size among the values; 1 for zeros only. None with an infinite value.
pub(super) fn unit<'a>(sides: impl IntoIterator<Item = &'a [(f64, u64)]>) -> Option<f64> {
    let sizes = sides.into_iter().flatten().map(|(value, _)| value.abs());
    power_of_two(sizes.fold(0.0, f64::max))
}

/// The power of two at or below a number, above all those too small for all 53 bits; 1 for 0. None for infinity.
pub(super) fn power_of_two(number: f64) -> Option<f64> {
    if number == 0.0 {
        return Some(1.0);
    }
    let power = f64::from_bits(number.to_bits() & f64::INFINITY.to_bits());
    number.is_finite().then(|| power.max(f64::MIN_POSITIVE))
}
