//! The test of missing values.

use super::{Aspect, Effect, Measure, Tested, share};
use crate::stats::two_proportion_z;

/// Rows of both samples, and those without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Rows of the reference, and of them without a value.
    pub reference: (u64, u64),
    /// Rows of the current sample, and of them without a value.
    pub current: (u64, u64),
}

impl Rows {
    /// Whether another share has no value, as in `inflation` times fewer independent rows. None when a side has no rows.
    pub(super) fn tested(self, inflation: f64) -> Option<Tested> {
        let ((n, r), (m, c)) = (self.reference, self.current);
        let outcome = two_proportion_z((r, n), (c, m))?;
        let z = outcome.statistic / inflation.sqrt();
        let size = (c as f64 / m as f64 - r as f64 / n as f64).abs();
        Some(Tested {
            aspect: Aspect::Missing,
            p_value: crate::stats::law::normal::two_sided(z) / share::MISSING,
            effect: Effect { size, measure: Measure::MissingRate },
        })
    }
}
