//! Student's law, by the incomplete beta function.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

use super::normal::two_sided;

/// Terms of the continued fraction. About as many as the root of the greater parameter are needed.
const TERMS_MAX: u32 = 1_000_000;
/// Where a term no longer changes the product.
const CONVERGED: f64 = 1e-16;
/// Stands for a denominator of 0 (Thompson and Barnett 1986).
const TINY: f64 = 1e-300;
/// From here on Stirling's series is exact.
const STIRLING_FROM: f64 = 16.0;
/// Coefficients of Stirling's series for ln n!: B_2k / (2k (2k - 1)).
const STIRLING: [f64; 6] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1_260.0, -1.0 / 1_680.0, 1.0 / 1_188.0, -691.0 / 360_360.0];

/// Above so many degrees of freedom the fraction subtracts nearly equal numbers, and Hill's expansion is exact.
const EXPANDED_FROM: f64 = 1e5;

/// The chance that Student's t with so many degrees of freedom is at least as far from 0 as `t`. Fisher's F with (1,
/// `degrees`) degrees is its square.
pub fn student_two_sided(t: f64, degrees: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        0.0
    } else if degrees > EXPANDED_FROM {
        two_sided(normal_of(square, degrees))
    } else {
        regularized(degrees / 2.0, 0.5, degrees / (degrees + square), square / (degrees + square))
    }
}

/// The normal value with the chance of t (Hill 1970): an expansion in the reciprocal degrees of freedom whose next term is
/// below a double's last digit here.
fn normal_of(square: f64, degrees: f64) -> f64 {
    let a = degrees - 0.5;
    let b = 48.0 * a * a;
    let y = a * (square / degrees).ln_1p();
    let third = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b);
    ((third + y + 3.0) / b + 1.0) * y.sqrt()
}

/// The regularised incomplete beta function `I_x(a, b)` for `a, b > 0`, with `y = 1 - x` given apart, so that neither
/// end loses its digits.
fn regularized(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it the complement is below its own.
    let below = x < (a + 1.0) / (a + b + 2.0);
    let part = if below { lower(a, b, x, y) } else { lower(b, a, y, x) };
    if below { part } else { 1.0 - part }
}

/// `x^a y^b / (a B(a, b))` times the continued fraction (DLMF 8.17.22), evaluated after Lentz.
fn lower(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..=TERMS_MAX {
        let m = f64::from(m);
        let at = a + 2.0 * m;
        let even = m * (b - m) * x / ((at - 1.0) * at);
        let odd = -(a + m) * (a + b + m) * x / (at * (at + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change *= c * d;
        }
        fraction *= change;
        if (change - 1.0).abs() <= CONVERGED {
            break;
        }
    }
    power(a, b, x, y) * fraction / a
}

/// `x^a y^b / B(a, b)`, by the distance of `x` from the mean (after Loader 2000): logarithms of gamma functions would
/// lose a digit for each of the parameters'.
fn power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let sum = a + b;
    // x (a + b) / a - 1 and y (a + b) / b - 1.
    let apart = b * x - a * y;
    let deviance = a * (apart / a).ln_1p() + b * (-apart / b).ln_1p();
    let corrections = stirling_error(sum) - stirling_error(a) - stirling_error(b);
    (a * (b / sum) / (2.0 * PI)).sqrt() * (deviance + corrections).exp()
}

/// What Stirling's formula for `ln Γ(z + 1)`, `z > 0`, lacks: `ln Γ(z + 1) - (z + 1/2) ln z + z - ln(2π) / 2`.
pub fn stirling_error(z: f64) -> f64 {
    if z < STIRLING_FROM {
        return ln_gamma(z + 1.0) - (z + 0.5) * z.ln() + z - 0.5 * (2.0 * PI).ln();
    }
    let square = 1.0 / (z * z);
    STIRLING.iter().rev().fold(0.0, |sum, coefficient| sum * square + coefficient) / z
}
