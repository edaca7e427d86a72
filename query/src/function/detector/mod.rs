//! The change detectors of [`crate::stats::stream`] as functions know them: by name, with settings that a call may change.

mod family;
mod settings;

pub(super) use family::{ADWIN, CUSUM, DDM, EDDM, FAMILIES, Family, HDDM_A, HDDM_W, KSWIN, PAGE_HINKLEY};
pub(super) use settings::{Settings, refused};

use datafusion::common::{Result, exec_err};

use crate::stats::stream::{Adwin, Cusum, Ddm, Eddm, HddmA, HddmW, Kswin, PageHinkley, Signal};

/// Figures that a detector gives beside its signal, at most.
pub(super) const FIGURES_MAX: usize = 2;

/// A detector on its way through a stream.
#[derive(Clone, Debug)]
pub(super) enum Detector {
    /// `adwin`.
    Adwin(Adwin),
    /// `page_hinkley`.
    PageHinkley(PageHinkley),
    /// `cusum`.
    Cusum(Cusum),
    /// `kswin`.
    Kswin(Kswin),
    /// `ddm`.
    Ddm(Ddm),
    /// `eddm`.
    Eddm(Eddm),
    /// `hddm_a`.
    HddmA(HddmA),
    /// `hddm_w`.
    HddmW(HddmW),
}

/// What a detector says of a value.
pub(super) struct Said {
    /// The signal.
    pub signal: Signal,
    /// Its figures, in the order of [`Family::figures`].
    pub figures: [Option<f64>; FIGURES_MAX],
}

impl Said {
    fn new(signal: Signal, figure: Option<f64>) -> Self {
        Self { signal, figures: [figure, None] }
    }
}

impl Detector {
    /// Takes the next value, which is finite.
    pub(super) fn update(&mut self, value: f64) -> Said {
        match self {
            Self::Adwin(adwin) => cut(adwin, value),
            Self::PageHinkley(test) => Said::new(test.update(value), Some(test.distance())),
            Self::Cusum(chart) => Said::new(chart.update(value), chart.sum()),
            Self::Kswin(window) => Said::new(window.update(value), None),
            Self::Ddm(ddm) => Said::new(ddm.update(value), Some(ddm.error_rate())),
            Self::Eddm(eddm) => Said::new(eddm.update(value), None),
            Self::HddmA(hddm) => Said::new(hddm.update(value), Some(hddm.mean())),
            Self::HddmW(hddm) => Said::new(hddm.update(value), Some(hddm.mean())),
        }
    }
}

/// The means of the rows that the window of ADWIN has lost with this value, and of those that are left.
fn cut(adwin: &mut Adwin, value: f64) -> Said {
    let (rows, mean) = (adwin.width() as f64, adwin.mean().unwrap_or(0.0));
    let signal = adwin.update(value);
    let (left, mean_left) = (adwin.width() as f64, adwin.mean());
    if signal != Signal::Drift {
        return Said::new(signal, None);
    }
    let total_lost = mean * rows + value - mean_left.unwrap_or(0.0) * left;
    Said { signal, figures: [Some(total_lost / (rows + 1.0 - left)), mean_left] }
}

/// Refuses what is no error rate where only errors make sense.
pub(super) fn check_error(function: &str, family: &Family, value: f64) -> Result<()> {
    if family.takes_errors && !(0.0..=1.0).contains(&value) {
        return exec_err!(
            "{function}: a value must be 1 for an error and 0 for none, or true and false, not {value}; write a condition, as in 'label <> decision'"
        );
    }
    Ok(())
}
