//! The chi-squared law.

use statrs::function::gamma::checked_gamma_ur;

/// Halvings of the interval that the inverse is in. Each adds a bit; a double has 53, and the first ones find the scale.
const HALVINGS_MAX: u32 = 200;
/// Doublings until the interval holds the inverse.
const DOUBLINGS_MAX: u32 = 64;

/// The chance of a value above `x` with so many degrees of freedom (above 0). 1 for `x` of 0 and less.
pub fn survival(x: f64, degrees: f64) -> Option<f64> {
    if x <= 0.0 {
        return (degrees > 0.0).then_some(1.0);
    }
    checked_gamma_ur(degrees / 2.0, x / 2.0).ok().filter(|p| !p.is_nan())
}

/// The value that is exceeded with the chance `p`, between 0 and 1.
pub fn inverse_survival(p: f64, degrees: f64) -> Option<f64> {
    let above = |x: f64| survival(x, degrees).is_some_and(|found| found > p);
    let mut high = degrees;
    for _ in 0..DOUBLINGS_MAX {
        if !above(high) {
            break;
        }
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..HALVINGS_MAX {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        *(if above(middle) { &mut low } else { &mut high }) = middle;
    }
    (degrees > 0.0).then_some(high)
}
