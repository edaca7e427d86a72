//! The change detectors as table functions: a row for each change, and for each warning of those that warn.

mod detection;

use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;

use self::detection::Detection;
use super::arguments::Arguments;
use super::definition::Definition;
use super::values::{Request, ValuesTable};
use crate::function::detector::{self, Family, Settings};

/// Bifet and Gavaldà's window.
pub(super) static ADWIN: Definition = Definition {
    name: "adwin",
    arguments: &[
        "source",
        "column",
        "from",
        "to",
        "segment",
        "delta",
        "clock",
        "max_buckets",
        "min_window_length",
        "grace_period",
    ],
    table: |arguments, session| table(&detector::ADWIN, arguments, session),
};

/// Page and Hinkley's test.
pub(super) static PAGE_HINKLEY: Definition = Definition {
    name: "page_hinkley",
    arguments: &[
        "source",
        "column",
        "from",
        "to",
        "segment",
        "min_instances",
        "delta",
        "threshold",
        "alpha",
        "mode",
    ],
    table: |arguments, session| table(&detector::PAGE_HINKLEY, arguments, session),
};

/// The tabular chart.
pub(super) static CUSUM: Definition = Definition {
    name: "cusum",
    arguments: &["source", "column", "from", "to", "segment", "baseline_rows", "slack", "threshold"],
    table: |arguments, session| table(&detector::CUSUM, arguments, session),
};

/// Kolmogorov and Smirnov's test in a window.
pub(super) static KSWIN: Definition = Definition {
    name: "kswin",
    arguments: &["source", "column", "from", "to", "segment", "alpha", "window_size", "stat_size", "seed"],
    table: |arguments, session| table(&detector::KSWIN, arguments, session),
};

/// The error rate against its lowest level.
pub(super) static DDM: Definition = Definition {
    name: "ddm",
    arguments: &[
        "source",
        "column",
        "from",
        "to",
        "segment",
        "warm_start",
        "warning_threshold",
        "drift_threshold",
    ],
    table: |arguments, session| table(&detector::DDM, arguments, session),
};

/// The distance between errors against its greatest.
pub(super) static EDDM: Definition = Definition {
    name: "eddm",
    arguments: &["source", "column", "from", "to", "segment", "warm_start", "alpha", "beta"],
    table: |arguments, session| table(&detector::EDDM, arguments, session),
};

/// Hoeffding's bound on a mean.
pub(super) static HDDM_A: Definition = Definition {
    name: "hddm_a",
    arguments: &[
        "source",
        "column",
        "from",
        "to",
        "segment",
        "drift_confidence",
        "warning_confidence",
        "two_sided",
    ],
    table: |arguments, session| table(&detector::HDDM_A, arguments, session),
};

/// McDiarmid's bound on a weighted mean.
pub(super) static HDDM_W: Definition = Definition {
    name: "hddm_w",
    arguments: &[
        "source",
        "column",
        "from",
        "to",
        "segment",
        "drift_confidence",
        "warning_confidence",
        "lambda",
        "two_sided",
    ],
    table: |arguments, session| table(&detector::HDDM_W, arguments, session),
};

fn table(
    family: &'static Family,
    arguments: &Arguments<'_>,
    session: &dyn Session,
) -> Result<Arc<dyn TableProvider>> {
    let request = Request::new(family.table, arguments, None)?;
    let detector = (family.detector)(&Named { function: family.table, arguments })?;
    ValuesTable::planned(request, Arc::new(Detection::new(family, detector)), session)
}

/// The arguments of a call as settings of its detector.
struct Named<'a> {
    function: &'static str,
    arguments: &'a Arguments<'a>,
}

impl Settings for Named<'_> {
    fn function(&self) -> &str {
        self.function
    }

    fn number(&self, name: &str) -> Result<Option<f64>> {
        self.arguments.number(name)
    }

    fn count(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>> {
        self.arguments.count(name, least, most)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.arguments.flag(name)
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        self.arguments.text(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_function_takes_all_settings_of_its_detector() {
        let definitions = [&ADWIN, &PAGE_HINKLEY, &CUSUM, &KSWIN, &DDM, &EDDM, &HDDM_A, &HDDM_W];
        for (definition, family) in definitions.into_iter().zip(detector::FAMILIES) {
            let settings: Vec<&str> = family.parameters[1..].iter().map(|parameter| parameter.name).collect();
            assert_eq!((definition.name, &definition.arguments[5..]), (family.table, settings.as_slice()));
        }
    }
}
