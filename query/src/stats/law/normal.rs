//! The normal law.

use statrs::function::erf::erfc;

/// The chance of a value above `z`. Nothing cancels in the upper tail.
pub fn survival(z: f64) -> f64 {
    erfc(z / std::f64::consts::SQRT_2) / 2.0
}

/// The chance of a value at least as far from 0 as `z`.
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}
