//! Change detectors over a stream of values: one value in, one [`Signal`] out, with a state that is bounded however long
//! the stream is, and that can be written down and continued (`Serialize`, to the last bit).
//!
//! Parameters, their defaults and the row of every signal are those of river 0.26.1, its quirks included (each detector
//! names its own); [`Cusum`], which river lacks, is the textbook's. Common to all: the value after a detection finds
//! a detector that has forgotten everything, its last signal too. NaN and nulls are the caller's to leave out.

mod adwin;
mod cusum;
mod ddm;
mod eddm;
mod hddm_a;
mod hddm_w;
mod kswin;
mod mean;
mod page_hinkley;
#[cfg(test)]
mod tests;

pub use adwin::{Adwin, AdwinParameters};
pub use cusum::{Cusum, CusumParameters};
pub use ddm::{Ddm, DdmParameters};
pub use eddm::{Eddm, EddmParameters};
pub use hddm_a::{HddmA, HddmAParameters};
pub use hddm_w::{HddmW, HddmWParameters};
pub use kswin::{Draw, Kswin, KswinParameters, SplitMix};
pub use page_hinkley::{PageHinkley, PageHinkleyMode, PageHinkleyParameters};

use super::StatsError;

/// What a detector says of a value, the lesser before the greater.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Signal {
    /// Nothing.
    #[default]
    None,
    /// A change may be on its way. Only the detectors of errors say it.
    Warning,
    /// The stream has changed.
    Drift,
}

impl Signal {
    /// [`Self::Drift`] or [`Self::None`].
    fn drift_if(drift: bool) -> Self {
        if drift { Self::Drift } else { Self::None }
    }
}

/// Refuses a parameter that is not as it must be.
fn demand(met: bool, name: &'static str, allowed: &'static str) -> Result<(), StatsError> {
    if met { Ok(()) } else { Err(StatsError::Parameter { name, allowed }) }
}

/// Whether it can be a probability of error: above 0 and below 1.
fn is_open_share(value: f64) -> bool {
    value > 0.0 && value < 1.0
}
