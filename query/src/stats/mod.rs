//! Statistics: pure numerics over slices, free of Arrow. Each function carries its definition.
//!
//! Two samples always come as (reference, current). What cannot be computed (an empty side, one class only) is
//! `None`, never NaN; what cannot be asked is a [`StatsError`]. Nulls and NaN are the caller's to leave out.

pub mod anomaly;
pub mod binning;
pub mod changepoint;
mod error;
pub mod exact;
pub mod forecast;
pub mod js;
pub mod ks;
pub mod percentile;
pub mod period;
pub mod psi;
pub mod quality;
pub mod stream;
#[cfg(test)]
mod tests;

pub use binning::{Bins, shared_bins};
pub use error::StatsError;
pub use js::js_distance;
pub use ks::{ks_pvalue, ks_statistic_counts, ks_statistic_sorted};
pub use percentile::{percentile, percentile_sorted};
pub use psi::{psi, psi_distributions};
pub use quality::{Confusion, roc_auc};
