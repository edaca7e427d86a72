//! The statistics against golden values of scipy, numpy and scikit-learn (`tests/golden/make_golden.py`).
//!
//! A value agrees as [`oracle`](crate::oracle) has it, except where a test says why not.

use driftline_query::stats::{self, Confusion};
use serde::Deserialize;

use crate::oracle::{Sample, agrees, agrees_relatively, agrees_to_the_last_bits, check, compare};

#[derive(Deserialize)]
struct KsStatistic {
    name: String,
    reference: Sample,
    current: Sample,
    statistic: String,
    p_value: String,
}

#[test]
fn ks_test_is_scipys() {
    check(include_str!("../golden/ks_statistic.json"), |case: &KsStatistic| {
        let (reference, current) = (case.reference.sorted(), case.current.sorted());
        let statistic = stats::ks_statistic_sorted(&reference, &current);
        let p_value = stats::ks_pvalue(statistic?, reference.len() as u64, current.len() as u64);
        compare(&case.name, statistic, &case.statistic, agrees_to_the_last_bits)
            .or_else(|| compare(&case.name, p_value, &case.p_value, agrees_relatively))
    });
}

#[test]
fn ks_statistic_of_exact_counts_is_that_of_the_rows() {
    check(include_str!("../golden/ks_statistic.json"), |case: &KsStatistic| {
        let (reference, current) = (case.reference.numeric(), case.current.numeric());
        if !reference.is_exact() || !current.is_exact() {
            return None;
        }
        let statistic = stats::ks_statistic_counts(&reference.points(), &current.points());
        compare(&case.name, statistic, &case.statistic, agrees_to_the_last_bits)
    });
}

#[derive(Deserialize)]
struct KsPvalue {
    name: String,
    statistic: String,
    n: u64,
    m: u64,
    p_value: String,
}

#[test]
fn ks_pvalue_is_scipys() {
    check(include_str!("../golden/ks_pvalue.json"), |case: &KsPvalue| {
        let found = stats::ks_pvalue(case.statistic.parse().unwrap(), case.n, case.m);
        compare(&case.name, found, &case.p_value, agrees_relatively)
    });
}

#[derive(Deserialize)]
struct Counts {
    name: String,
    reference: Vec<u64>,
    current: Vec<u64>,
    psi: Option<String>,
    js_distance: Option<String>,
}

#[test]
fn psi_is_numpys() {
    check(include_str!("../golden/psi.json"), |case: &Counts| {
        let found = stats::psi(&case.reference, &case.current);
        compare(&case.name, found, case.psi.as_ref().unwrap(), agrees)
    });
}

/// The oracle is the definition in sixty digits; scipy itself is off by up to 5e-8 where the samples are nearly alike.
#[test]
fn js_distance_is_the_exact_one() {
    check(include_str!("../golden/js.json"), |case: &Counts| {
        let found = stats::js_distance(&case.reference, &case.current);
        compare(&case.name, found, case.js_distance.as_ref().unwrap(), agrees_relatively)
    });
}

#[derive(Deserialize)]
struct Binning {
    name: String,
    bins: usize,
    reference: Sample,
    current: Sample,
    reference_counts: Vec<u64>,
    current_counts: Vec<u64>,
    psi: String,
}

#[test]
fn shared_bins_have_numpys_edges() {
    check(include_str!("../golden/binning.json"), |case: &Binning| {
        let (reference, current) = (case.reference.distribution(), case.current.distribution());
        let found = stats::shared_bins(&reference, &current, case.bins).unwrap();
        let same = found.reference == case.reference_counts && found.current == case.current_counts;
        let counts = (&case.reference_counts, &case.current_counts);
        (!same).then(|| format!("{}: {found:?}, the oracle has {counts:?}", case.name))
    });
}

#[test]
fn psi_of_distributions_is_numpys() {
    check(include_str!("../golden/binning.json"), |case: &Binning| {
        let (reference, current) = (case.reference.distribution(), case.current.distribution());
        let found = stats::psi_distributions(&reference, &current, case.bins).unwrap();
        compare(&case.name, found, &case.psi, agrees)
    });
}

#[derive(Deserialize)]
struct Percentile {
    name: String,
    sample: Sample,
    q: Vec<String>,
    value: Vec<String>,
}

impl Percentile {
    /// The first quantile at which `quantile` disagrees.
    fn disagreement(
        &self,
        quantile: impl Fn(f64) -> Option<f64>,
        agree: fn(f64, f64) -> bool,
    ) -> Option<String> {
        self.q.iter().zip(&self.value).find_map(|(q, value)| {
            compare(&format!("{}, q {q}", self.name), quantile(q.parse().unwrap()), value, agree)
        })
    }
}

#[test]
fn percentiles_are_numpys_to_the_last_bit() {
    check(include_str!("../golden/percentile.json"), |case: &Percentile| {
        let values = case.sample.sorted();
        case.disagreement(|q| stats::percentile_sorted(&values, q), |found, expected| found == expected)
    });
}

/// A rank's number is known to its bucket, 2^-7 of the number; two of opposite sign are interpolated between, so that
/// the error is to be measured against the greater of the neighbours, hence the absolute allowance about zero.
#[test]
fn quantiles_of_a_distribution_are_numpys_within_a_bucket() {
    check(include_str!("../golden/percentile.json"), |case: &Percentile| {
        let numeric = case.sample.numeric();
        if numeric.is_exact() {
            return case.disagreement(|q| numeric.quantile(q), |found, expected| found == expected);
        }
        case.disagreement(
            |q| numeric.quantile(q),
            |found, expected| (found - expected).abs() <= expected.abs() / 128.0 + 1e-5,
        )
    });
}

#[derive(Deserialize)]
struct Quality {
    name: String,
    confusion: [u64; 4],
    accuracy: String,
    precision: String,
    recall: String,
    f1: String,
}

#[test]
fn quality_is_scikit_learns() {
    check(include_str!("../golden/quality.json"), |case: &Quality| {
        let [true_positive, false_positive, false_negative, true_negative] = case.confusion;
        let confusion = Confusion { true_positive, false_positive, false_negative, true_negative };
        let name = |metric: &str| format!("{}, {metric}", case.name);
        compare(&name("accuracy"), confusion.accuracy(), &case.accuracy, agrees)
            .or_else(|| compare(&name("precision"), confusion.precision(), &case.precision, agrees))
            .or_else(|| compare(&name("recall"), confusion.recall(), &case.recall, agrees))
            .or_else(|| compare(&name("f1"), confusion.f1(), &case.f1, agrees))
    });
}

#[derive(Deserialize)]
struct RocAuc {
    name: String,
    scores: Vec<String>,
    positives: Vec<bool>,
    roc_auc: String,
}

#[test]
fn roc_auc_is_scikit_learns() {
    check(include_str!("../golden/roc_auc.json"), |case: &RocAuc| {
        let scores: Vec<f64> = case.scores.iter().map(|score| score.parse().unwrap()).collect();
        compare(&case.name, stats::roc_auc(&scores, &case.positives), &case.roc_auc, agrees)
    });
}

/// Figures that were printed by the oracles before this code was there.
#[test]
fn figures_known_beforehand() {
    let (x, y) = ([1.0, 2.0, 2.0, 3.0, 5.0, 8.0], [2.0, 3.0, 3.0, 4.0, 9.0, 10.0, 11.0]);
    let statistic = stats::ks_statistic_sorted(&x, &y);
    assert_eq!(statistic, Some(0.42857142857142855));
    let near = |found: Option<f64>, expected: f64| assert!(agrees(found.unwrap(), expected), "{found:?}");
    near(stats::ks_pvalue(0.42857142857142855, 6, 7), 0.4335664335664336);
    near(stats::js_distance(&[2, 3, 5, 0], &[1, 4, 4, 1]), 0.2672855221530687);
    // Two peers on the same letters: Evidently's PSI and NannyML's Jensen-Shannon distance agree with ours there.
    near(stats::psi(&[50, 30, 20, 0], &[30, 30, 20, 5]), 0.44004888481704135);
    near(stats::js_distance(&[50, 30, 20, 0], &[30, 30, 20, 5]), 0.2029425129389343);
}
