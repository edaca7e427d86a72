//! Whether a column drifted: its tests put together to one p value, and an effect beside it that says how much.
//!
//! A column is two hypotheses. Its *values* are of another law: for numbers five tests (where they lie, how wide they are, each
//! tail, and Kolmogorov-Smirnov for all else), for categories the chi-squared test of homogeneity and that of new ones. And more or fewer values are
//! *missing*, which no test of values sees. The p value is the least over all tests of `p / share`, where the shares sum to 1
//! (Bonferroni's correction with weights: Holm 1979), so that it holds however the tests depend on each other. One test of
//! everything would miss what a special one sees: 5 % of rows far out in a tail are found by Kolmogorov-Smirnov in 29 of 100
//! windows of 1,000, by the test of the tail in 99.
//!
//! With enough rows any difference is significant, so a verdict needs an effect as well ([`Effect::is_large`]).

mod categories;
mod missing;
mod numbers;

pub use categories::judge_categories;
pub use missing::Rows;
pub use numbers::judge_numbers;

/// What a column's rows are worth: by how much the variances of means of consecutive rows are greater than those of
/// independent ones.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Inflation {
    /// For each score of numbers, in the order of [`Score::ALL`](super::Score::ALL).
    pub scores: [f64; 4],
    /// For the test of categories.
    pub levels: f64,
    /// For the share of missing values.
    pub missing: f64,
}

impl Inflation {
    /// Of independent rows.
    pub const NONE: Self = Self { scores: [1.0; 4], levels: 1.0, missing: 1.0 };
}

/// Which test says most that a column drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Numbers lie higher or lower.
    Location,
    /// Numbers lie wider or closer.
    Spread,
    /// More or fewer numbers are very low.
    LowerTail,
    /// More or fewer numbers are very high.
    UpperTail,
    /// Numbers are distributed otherwise.
    Shape,
    /// Categories have other shares.
    Categories,
    /// Rows are of categories that the reference has not.
    NewCategories,
    /// More or fewer values are missing.
    Missing,
}

impl Aspect {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Spread => "spread",
            Self::LowerTail => "lower_tail",
            Self::UpperTail => "upper_tail",
            Self::Shape => "shape",
            Self::Categories => "categories",
            Self::NewCategories => "new_categories",
            Self::Missing => "missing",
        }
    }
}

/// How much a column changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// How much, 0 or more.
    pub size: f64,
    /// In what.
    pub measure: Measure,
}

/// What an effect is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The Wasserstein distance in standard deviations of the reference.
    WassersteinScaled,
    /// The total variation distance.
    TotalVariation,
    /// The difference of the shares of missing values.
    MissingRate,
}

impl Measure {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::WassersteinScaled => "wasserstein_scaled",
            Self::TotalVariation => "total_variation",
            Self::MissingRate => "missing_rate",
        }
    }

    /// Smaller effects are dust, however significant.
    pub fn floor(self) -> f64 {
        match self {
            Self::WassersteinScaled => 0.05,
            Self::TotalVariation | Self::MissingRate => 0.02,
        }
    }
}

impl Effect {
    /// Whether it is worth a verdict: a Wasserstein distance of .05 standard deviations, a total variation of .02, .02 more or
    /// fewer missing values.
    pub fn is_large(&self) -> bool {
        self.size >= self.measure.floor()
    }
}

/// What is said of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Which test gave the p value.
    pub aspect: Aspect,
    /// The statistic that sums up the values: Kolmogorov-Smirnov's for numbers, chi-squared for categories. None where a side
    /// has no values.
    pub statistic: Option<f64>,
    /// The chance of such a difference without drift.
    pub p_value: f64,
    /// How much the column changed in what the p value is about.
    pub effect: Effect,
}

/// Shares of the chance of a false alarm; they sum to 1.
mod share {
    pub(super) const MISSING: f64 = 0.2;
    pub(super) const VALUES: f64 = 0.8;
}

/// One of the two hypotheses.
#[derive(Clone, Copy, Debug)]
struct Tested {
    aspect: Aspect,
    /// Divided by its share.
    p_value: f64,
    effect: Effect,
}

/// The stronger of the two: one whose effect is large comes before one whose is not. Taking the greater of the two p values
/// then never makes an alarm more likely.
fn stronger(values: Option<Tested>, missing: Option<Tested>) -> Option<Tested> {
    let rank = |tested: &Tested| (!tested.effect.is_large(), tested.p_value);
    match (values, missing) {
        (Some(values), Some(missing)) if rank(&missing) < rank(&values) => Some(missing),
        (values, missing) => values.or(missing),
    }
}

fn judged(values: Option<Tested>, missing: Option<Tested>, statistic: Option<f64>) -> Option<Judged> {
    let Tested { aspect, p_value, effect } = stronger(values, missing)?;
    Some(Judged { aspect, statistic, p_value: p_value.min(1.0), effect })
}

#[cfg(test)]
mod tests;
