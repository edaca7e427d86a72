//! What can be wrong with a question to the statistics.

use super::binning::BINS_MAX;

/// A question that has no answer on any data of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// A numeric and a categorical distribution share no bins.
    #[error(
        "the reference is {reference} and the current distribution is {current}; compare columns of one kind, or declare the column CATEGORICAL on both sides"
    )]
    KindsDiffer {
        /// Kind of the reference.
        reference: &'static str,
        /// Kind of the current distribution.
        current: &'static str,
    },
    /// No bins, or more than are of use.
    #[error("{asked} bins were asked for; ask for 1 to {BINS_MAX}")]
    Bins {
        /// The number asked for.
        asked: usize,
    },
    /// A detector was asked for with a parameter that it cannot work with.
    #[error("{name} must be {allowed}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it can be.
        allowed: &'static str,
    },
}
