//! Golden values: how they are read, and when one is met.
//!
//! A value agrees when it is within 1e-9 of the oracle's, absolutely or relative to it. Probabilities below 1e-300 count
//! as 0: the oracle's own underflow there.

use driftline_query::storage::distribution::{Distribution, Numeric};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;

pub fn agrees(found: f64, expected: f64) -> bool {
    let apart = (found - expected).abs();
    found == expected || apart <= TOLERANCE || apart <= TOLERANCE * expected.abs()
}

/// As [`agrees`], but relative: for probabilities, where 1e-20 and 1e-12 are not the same.
pub fn agrees_relatively(found: f64, expected: f64) -> bool {
    let apart = (found - expected).abs();
    apart <= TOLERANCE * expected.abs() || found.max(expected) < 1e-300
}

/// For statistics that the oracle takes as a difference of two rounded shares, where we round once.
pub fn agrees_to_the_last_bits(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= f64::EPSILON
}

/// Reads a golden file and checks each case; all disagreements are shown together.
pub fn check<C: for<'de> Deserialize<'de>>(json: &str, disagreement: impl Fn(&C) -> Option<String>) {
    let cases: Vec<C> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} of {} cases disagree:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// None when found and expected agree, else a line that says how they do not.
pub fn compare(
    name: &str,
    found: Option<f64>,
    expected: &str,
    agree: fn(f64, f64) -> bool,
) -> Option<String> {
    let expected: f64 = expected.parse().unwrap();
    let agrees = found.is_some_and(|found| agree(found, expected));
    (!agrees).then(|| format!("{name}: {found:?}, the oracle has {expected:?}"))
}

/// A sample as the golden files name it; see `sample()` in make_golden.py.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Sample {
    Listed { values: Vec<String> },
    Made { seed: u64, n: usize, scale: String, shift: String, grid: String },
}

impl Sample {
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Listed { values } => values.iter().map(|value| value.parse().unwrap()).collect(),
            Self::Made { seed, n, scale, shift, grid } => {
                let [scale, shift, grid] = [scale, shift, grid].map(|text| text.parse::<f64>().unwrap());
                let uniforms: Vec<f64> = (1..=3 * *n as u64).map(|i| uniform(*seed, i)).collect();
                let bell = uniforms.chunks_exact(3).map(|u| (u[0] + u[1]) + (u[2] - 1.5));
                let placed = bell.map(|value| value * scale + shift);
                placed.map(|value| if grid == 0.0 { value } else { (value / grid).floor() * grid }).collect()
            }
        }
    }

    pub fn sorted(&self) -> Vec<f64> {
        let mut values = self.values();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Ascending values that each count once, without NaN, which the statistics leave to their caller.
    pub fn points(&self) -> Vec<(f64, u64)> {
        self.sorted().into_iter().filter(|value| !value.is_nan()).map(|value| (value, 1)).collect()
    }

    pub fn distribution(&self) -> Distribution {
        Distribution::Numeric(self.numeric())
    }

    pub fn numeric(&self) -> Numeric {
        let mut numeric = Numeric::new();
        self.values().into_iter().for_each(|value| numeric.push(value));
        numeric
    }
}

/// splitmix64's i-th number, its upper 53 bits as a double in [0, 1).
pub fn uniform(seed: u64, i: u64) -> f64 {
    let z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * (2.0_f64).powi(-53)
}
