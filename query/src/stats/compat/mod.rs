//! What other tools print for the same rows, for those who come from there. The definitions are theirs, with their
//! flaws; ours are in [`stats`](super). Where their arithmetic loses digits (samples that are nearly alike), ours does not
//! follow: Jensen-Shannon and Hellinger distances below some 1e-4 agree to 1e-7 only.

pub mod evidently;
pub mod nannyml;
mod numpy_bins;

use super::Bins;

/// Values that are compared bin by bin are finite, and on both sides.
fn comparable(reference: &[f64], current: &[f64]) -> bool {
    let finite = |side: &[f64]| side.iter().all(|value| value.is_finite());
    !reference.is_empty() && !current.is_empty() && finite(reference) && finite(current)
}

fn histograms(reference: &[f64], current: &[f64], edges: &[f64]) -> Bins {
    let [reference, current] = [reference, current].map(|side| numpy_bins::histogram(side, edges));
    Bins { reference, current }
}
