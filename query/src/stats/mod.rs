//! Statistics: pure numerics over slices, free of Arrow. Each function carries its definition.
//!
//! Two samples always come as (reference, current), and differences are current − reference. What cannot be computed (an
//! empty side, one class only) is `None`, never NaN; what cannot be asked is a [`StatsError`]. Nulls and NaN are the
//! caller's to leave out. Samples come as counts of bins they share, as ascending values with their counts (rows each
//! count 1; a DISTRIBUTION's buckets as [`Numeric::points`](driftline_storage::distribution::Numeric::points) gives
//! them), or as rows of vectors.

mod anderson_darling;
pub mod anomaly;
pub mod binning;
pub mod changepoint;
pub mod compat;
mod contingency;
mod cramer_von_mises;
pub mod dependence;
mod energy;
mod error;
pub mod exact;
mod fisher;
pub mod forecast;
mod hellinger;
pub mod js;
pub mod judge;
mod kl;
pub mod ks;
mod law;
mod levene;
mod mann_whitney;
mod moments;
mod multiplicity;
mod outcome;
pub mod percentile;
pub mod period;
mod pooled;
mod proportions;
pub mod psi;
pub mod quality;
mod random;
mod rank_scores;
#[cfg(test)]
mod samples_tests;
mod shares;
pub mod stream;
#[cfg(test)]
mod tests;
mod total_variation;
pub mod vectors;
mod wasserstein;
mod welch;

pub use anderson_darling::anderson_darling;
pub use binning::{Bins, shared_bins};
pub use contingency::{Options as TableOptions, chi_square, g_test};
pub use cramer_von_mises::cramer_von_mises;
pub use energy::energy_distance;
pub use error::StatsError;
pub use fisher::{FISHER_MAX, fisher_exact};
pub use hellinger::hellinger_distance;
pub use js::{js_distance, js_divergence};
pub use kl::kl_divergence;
pub use ks::{ks_pvalue, ks_statistic_counts, ks_statistic_sorted};
pub use levene::{Center, levene};
pub use mann_whitney::mann_whitney;
pub use multiplicity::{benjamini_hochberg, bonferroni, holm};
pub use outcome::Outcome;
pub use percentile::{percentile, percentile_sorted};
pub use pooled::RANKED_MAX;
pub use proportions::two_proportion_z;
pub use psi::{psi, psi_distributions, psi_threshold};
pub use quality::{Confusion, roc_auc};
pub use rank_scores::{Score, rank_score_test};
pub use total_variation::total_variation;
pub use vectors::Vectors;
pub use wasserstein::{wasserstein_distance, wasserstein_scaled};
pub use welch::welch_t;
