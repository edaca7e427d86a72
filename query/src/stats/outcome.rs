//! What a test of a hypothesis says.

/// A statistic and the chance of one as great or greater where nothing changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The statistic, as the test's documentation defines it.
    pub statistic: f64,
    /// The p value, 0..1.
    pub p_value: f64,
    /// Degrees of freedom of the law behind the p value, where it has such.
    pub degrees_of_freedom: Option<f64>,
}

impl Outcome {
    /// None where either is not a number of use, so that no NaN leaves this module.
    pub(super) fn of(statistic: f64, p_value: f64) -> Option<Self> {
        let usable = statistic.is_finite() && p_value.is_finite();
        usable.then(|| Self { statistic, p_value: p_value.clamp(0.0, 1.0), degrees_of_freedom: None })
    }

    /// With the degrees of freedom that the p value was taken at.
    pub(super) fn with_degrees(self, degrees: f64) -> Self {
        Self { degrees_of_freedom: Some(degrees), ..self }
    }
}
