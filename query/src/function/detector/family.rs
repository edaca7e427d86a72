//! Every detector: its names, what can be set of it, and how it is made.

use datafusion::common::{Result, plan_err};

use super::settings::{Settings, flag, number, refused, rows, size};
use super::{Detector, FIGURES_MAX};
use crate::function::parameter::{Kind, Parameter, optional, required};
use crate::stats::StatsError;
use crate::stats::stream::{
    Adwin, AdwinParameters, Cusum, CusumParameters, Ddm, DdmParameters, Eddm, EddmParameters, HddmA,
    HddmAParameters, HddmW, HddmWParameters, Kswin, KswinParameters, PageHinkley, PageHinkleyMode,
    PageHinkleyParameters,
};

/// The seed of what KSWIN draws unless a call names one.
const SEED_DEFAULT: u64 = 42;
/// Seeds that a call can name: all whole numbers that are no less than 0.
const SEED_MAX: usize = i64::MAX as usize;

/// A kind of detector.
#[derive(Debug)]
pub(in crate::function) struct Family {
    /// The table function.
    pub table: &'static str,
    /// The aggregate.
    pub aggregate: &'static str,
    /// What the aggregate takes: the values, and what can be set. The table function takes the same settings.
    pub parameters: &'static [Parameter],
    /// Whether values are errors: 0 to 1.
    pub takes_errors: bool,
    /// The names of its figures.
    pub figures: &'static [&'static str],
    /// A detector that has seen nothing, as a call wants it.
    pub detector: fn(&dyn Settings) -> Result<Detector>,
}

impl Family {
    /// Names of at most [`FIGURES_MAX`] figures.
    pub(in crate::function) fn figures(&self) -> impl Iterator<Item = &'static str> {
        self.figures.iter().take(FIGURES_MAX).copied()
    }
}

/// All of them.
pub(in crate::function) static FAMILIES: [&Family; 8] =
    [&ADWIN, &PAGE_HINKLEY, &CUSUM, &KSWIN, &DDM, &EDDM, &HDDM_A, &HDDM_W];

/// Bifet and Gavaldà's window.
pub(in crate::function) static ADWIN: Family = Family {
    table: "adwin",
    aggregate: "adwin_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("delta", Kind::Number),
        optional("clock", Kind::Count),
        optional("max_buckets", Kind::Count),
        optional("min_window_length", Kind::Count),
        optional("grace_period", Kind::Count),
    ],
    takes_errors: false,
    figures: &["mean_before", "mean_after"],
    detector: |settings| {
        let mut parameters = AdwinParameters::default();
        number(settings, "delta", &mut parameters.delta)?;
        rows(settings, "clock", &mut parameters.clock)?;
        size(settings, "max_buckets", &mut parameters.max_buckets)?;
        rows(settings, "min_window_length", &mut parameters.min_window_length)?;
        rows(settings, "grace_period", &mut parameters.grace_period)?;
        made(settings, Adwin::new(parameters).map(Detector::Adwin))
    },
};

/// Page and Hinkley's test.
pub(in crate::function) static PAGE_HINKLEY: Family = Family {
    table: "page_hinkley",
    aggregate: "page_hinkley_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("min_instances", Kind::Count),
        optional("delta", Kind::Number),
        optional("threshold", Kind::Number),
        optional("alpha", Kind::Number),
        optional("mode", Kind::Text),
    ],
    takes_errors: false,
    figures: &["distance"],
    detector: |settings| {
        let mut parameters = PageHinkleyParameters::default();
        rows(settings, "min_instances", &mut parameters.min_instances)?;
        number(settings, "delta", &mut parameters.delta)?;
        number(settings, "threshold", &mut parameters.threshold)?;
        number(settings, "alpha", &mut parameters.alpha)?;
        parameters.mode = mode(settings)?.unwrap_or(parameters.mode);
        made(settings, PageHinkley::new(parameters).map(Detector::PageHinkley))
    },
};

/// The tabular chart.
pub(in crate::function) static CUSUM: Family = Family {
    table: "cusum",
    aggregate: "cusum_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("baseline_rows", Kind::Count),
        optional("slack", Kind::Number),
        optional("threshold", Kind::Number),
    ],
    takes_errors: false,
    figures: &["sum"],
    detector: |settings| {
        let mut parameters = CusumParameters::default();
        size(settings, "baseline_rows", &mut parameters.baseline_rows)?;
        number(settings, "slack", &mut parameters.slack)?;
        number(settings, "threshold", &mut parameters.threshold)?;
        made(settings, Cusum::new(parameters).map(Detector::Cusum))
    },
};

/// Kolmogorov and Smirnov's test in a window.
pub(in crate::function) static KSWIN: Family = Family {
    table: "kswin",
    aggregate: "kswin_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("alpha", Kind::Number),
        optional("window_size", Kind::Count),
        optional("stat_size", Kind::Count),
        optional("seed", Kind::Count),
    ],
    takes_errors: false,
    figures: &[],
    detector: |settings| {
        let mut parameters = KswinParameters::default();
        number(settings, "alpha", &mut parameters.alpha)?;
        size(settings, "window_size", &mut parameters.window_size)?;
        size(settings, "stat_size", &mut parameters.stat_size)?;
        let seed = settings.count("seed", 0, SEED_MAX)?.map_or(SEED_DEFAULT, |seed| seed as u64);
        made(settings, Kswin::new(parameters, seed).map(Detector::Kswin))
    },
};

/// The error rate against its lowest level.
pub(in crate::function) static DDM: Family = Family {
    table: "ddm",
    aggregate: "ddm_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("warm_start", Kind::Count),
        optional("warning_threshold", Kind::Number),
        optional("drift_threshold", Kind::Number),
    ],
    takes_errors: true,
    figures: &["error_rate"],
    detector: |settings| {
        let mut parameters = DdmParameters::default();
        rows(settings, "warm_start", &mut parameters.warm_start)?;
        number(settings, "warning_threshold", &mut parameters.warning_threshold)?;
        number(settings, "drift_threshold", &mut parameters.drift_threshold)?;
        made(settings, Ddm::new(parameters).map(Detector::Ddm))
    },
};

/// The distance between errors against its greatest.
pub(in crate::function) static EDDM: Family = Family {
    table: "eddm",
    aggregate: "eddm_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("warm_start", Kind::Count),
        optional("alpha", Kind::Number),
        optional("beta", Kind::Number),
    ],
    takes_errors: true,
    figures: &[],
    detector: |settings| {
        let mut parameters = EddmParameters::default();
        rows(settings, "warm_start", &mut parameters.warm_start)?;
        number(settings, "alpha", &mut parameters.alpha)?;
        number(settings, "beta", &mut parameters.beta)?;
        made(settings, Eddm::new(parameters).map(Detector::Eddm))
    },
};

/// Hoeffding's bound on a mean.
pub(in crate::function) static HDDM_A: Family = Family {
    table: "hddm_a",
    aggregate: "hddm_a_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("drift_confidence", Kind::Number),
        optional("warning_confidence", Kind::Number),
        optional("two_sided", Kind::Flag),
    ],
    takes_errors: true,
    figures: &["mean"],
    detector: |settings| {
        let mut parameters = HddmAParameters::default();
        number(settings, "drift_confidence", &mut parameters.drift_confidence)?;
        number(settings, "warning_confidence", &mut parameters.warning_confidence)?;
        flag(settings, "two_sided", &mut parameters.two_sided)?;
        made(settings, HddmA::new(parameters).map(Detector::HddmA))
    },
};

/// McDiarmid's bound on a weighted mean.
pub(in crate::function) static HDDM_W: Family = Family {
    table: "hddm_w",
    aggregate: "hddm_w_count",
    parameters: &[
        required("x", Kind::Measure),
        optional("drift_confidence", Kind::Number),
        optional("warning_confidence", Kind::Number),
        optional("lambda", Kind::Number),
        optional("two_sided", Kind::Flag),
    ],
    takes_errors: true,
    figures: &["mean"],
    detector: |settings| {
        let mut parameters = HddmWParameters::default();
        number(settings, "drift_confidence", &mut parameters.drift_confidence)?;
        number(settings, "warning_confidence", &mut parameters.warning_confidence)?;
        number(settings, "lambda", &mut parameters.lambda)?;
        flag(settings, "two_sided", &mut parameters.two_sided)?;
        made(settings, HddmW::new(parameters).map(Detector::HddmW))
    },
};

fn made(settings: &dyn Settings, detector: Result<Detector, StatsError>) -> Result<Detector> {
    detector.map_err(|error| refused(settings.function(), &error))
}

fn mode(settings: &dyn Settings) -> Result<Option<PageHinkleyMode>> {
    let Some(text) = settings.text("mode")? else { return Ok(None) };
    match text.as_str() {
        "up" => Ok(Some(PageHinkleyMode::Up)),
        "down" => Ok(Some(PageHinkleyMode::Down)),
        "both" => Ok(Some(PageHinkleyMode::Both)),
        other => plan_err!(
            "{}: argument `mode` must be 'up', 'down' or 'both', not '{other}'",
            settings.function()
        ),
    }
}
