//! The limiting law of the statistic: that of the integral of a squared Brownian bridge.

use std::f64::consts::PI;

/// Below this the chance of less is summed and taken from 1; above it the chance of more is summed.
const TAIL_FROM: f64 = 0.5;
/// scipy answers 1 below this, and so do we: its series does not converge there.
const ALL_BELOW: f64 = 0.003;
/// Terms of either sum at most. The fourth is below the last digit everywhere.
const TERMS_MAX: u32 = 16;
/// Points at which the integrals of the tail are evaluated: their error falls exponentially with them.
const NODES: u32 = 400;
/// Step and end of the integral of the Bessel function.
const BESSEL_STEP: f64 = 1.0 / 32.0;
const BESSEL_END: f64 = 12.0;

/// The chance of a value above `x`.
pub(super) fn survival(x: f64) -> f64 {
    if x < ALL_BELOW {
        1.0
    } else if x < TAIL_FROM {
        1.0 - cumulative(x)
    } else {
        upper_tail(x)
    }
}

/// Anderson and Darling's series (1952) in `exp(-q) K_1/4(q)`, `q = (4k + 1)² / 16x`.
fn cumulative(x: f64) -> f64 {
    // Γ(k + 1/2) / (Γ(1/2) k!), from one k to the next.
    let mut coefficient = 1.0;
    let mut sum = 0.0;
    for k in 0..TERMS_MAX {
        let odd = f64::from(4 * k + 1);
        let q = odd * odd / (16.0 * x);
        sum += coefficient * odd.sqrt() * scaled_bessel_quarter(q) * (-2.0 * q).exp();
        coefficient *= (f64::from(k) + 0.5) / f64::from(k + 1);
    }
    sum / (PI * x.sqrt())
}

/// `exp(q) K_1/4(q)`, as the integral of `exp(-q (cosh t - 1)) cosh(t / 4)` over t from 0. The trapezoidal rule is exact
/// to the last digits for it.
fn scaled_bessel_quarter(q: f64) -> f64 {
    let value = |t: f64| (-2.0 * q * (t / 2.0).sinh().powi(2)).exp() * (t / 4.0).cosh();
    let steps = (BESSEL_END / BESSEL_STEP) as u32;
    let rest: f64 = (1..=steps).rev().map(|i| value(f64::from(i) * BESSEL_STEP)).sum();
    (0.5 + rest) * BESSEL_STEP
}

/// Smirnov's form (1936): the alternating sum over k of the integrals of `exp(-x u² / 2) / sqrt(u |sin u|)` over u from
/// `(2k - 1) π` to `2k π`, times 2 / π. Of terms that fall at once, so that the least chances keep their digits.
fn upper_tail(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in (1..=TERMS_MAX).rev() {
        sum = arch(x, f64::from(2 * k - 1) * PI) - sum;
    }
    (2.0 / PI * sum).clamp(0.0, 1.0)
}

/// One of the integrals. With `u = start + π (1 - cos θ) / 2` the roots at both ends are gone, and what is left is
/// periodic: the rule of midpoints is exact for it.
fn arch(x: f64, start: f64) -> f64 {
    let step = PI / f64::from(NODES);
    let value = |i: u32| {
        let theta = (f64::from(i) + 0.5) * step;
        let within = PI * (theta / 2.0).sin().powi(2);
        let width = PI / 2.0 * theta.sin();
        let u = start + within;
        let sine = if within > PI / 2.0 { (PI * (theta / 2.0).cos().powi(2)).sin() } else { within.sin() };
        (-x * u * u / 2.0).exp() * width / (u * sine).sqrt()
    };
    (0..NODES).map(value).sum::<f64>() * step
}
