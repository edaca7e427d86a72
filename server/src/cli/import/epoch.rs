//! Event times written as numbers: seconds, milliseconds, microseconds or nanoseconds since 1970.

use std::fmt;

/// The unit of such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Epoch {
    /// The unit that puts the greatest number before the year 5138: units are a factor of 1,000 apart, so for times
    /// from 1973 on no number fits two of them. Earlier times in a finer unit than seconds are taken for seconds.
    pub fn of_magnitude(greatest: f64) -> Self {
        match greatest {
            g if g < 1e11 => Self::Seconds,
            g if g < 1e14 => Self::Millis,
            g if g < 1e17 => Self::Micros,
            _ => Self::Nanos,
        }
    }

    fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// Nanoseconds since 1970; None past the year 2262.
    pub fn nanos_of_integer(self, number: i64) -> Option<i64> {
        number.checked_mul(self.nanos())
    }

    /// The same of a number with a fraction. Whole units keep all their digits.
    pub fn nanos_of_float(self, number: f64) -> Option<i64> {
        // Above this whole doubles are no longer whole i64, and every such time is out of range anyway.
        if !number.is_finite() || number.abs() >= 9.2e18 {
            return None;
        }
        let (whole, fraction) = (number.trunc(), number.fract());
        let fraction = (fraction * self.nanos() as f64).round() as i64;
        self.nanos_of_integer(whole as i64)?.checked_add(fraction)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_four_units_is_one_moment() {
        let nanos = 1_767_225_600_123_456_789_i64;
        for divisor in [1_000_000_000, 1_000_000, 1_000, 1] {
            let number = nanos / divisor;
            let unit = Epoch::of_magnitude(number as f64);
            assert_eq!(unit.nanos_of_integer(number), Some(number * divisor), "{unit}");
        }
    }

    #[test]
    fn fractions_of_a_second_are_kept() {
        assert_eq!(Epoch::Seconds.nanos_of_float(1_767_225_600.5), Some(1_767_225_600_500_000_000));
        assert_eq!(Epoch::Seconds.nanos_of_float(-1.25), Some(-1_250_000_000));
    }

    #[test]
    fn what_no_timestamp_can_hold_is_none() {
        assert_eq!(Epoch::Seconds.nanos_of_integer(i64::MAX), None);
        for number in [f64::NAN, f64::INFINITY, 1e300, -1e19] {
            assert_eq!(Epoch::Nanos.nanos_of_float(number), None);
        }
    }
}
