//! The statistics against golden values of scipy, numpy and scikit-learn (`tests/golden/make_golden.py`).
//!
//! A value agrees when it is within 1e-9 of the oracle's, absolutely or relative to it, except where a test says why
//! not. Probabilities below 1e-300 count as 0: the oracle's own underflow there.

use driftline_query::stats::{self, Confusion};
use driftline_query::storage::distribution::{Distribution, Numeric};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;

fn agrees(found: f64, expected: f64) -> bool {
    let apart = (found - expected).abs();
    found == expected || apart <= TOLERANCE || apart <= TOLERANCE * expected.abs()
}

/// As [`agrees`], but relative: for probabilities, where 1e-20 and 1e-12 are not the same.
fn agrees_relatively(found: f64, expected: f64) -> bool {
    let apart = (found - expected).abs();
    apart <= TOLERANCE * expected.abs() || found.max(expected) < 1e-300
}

/// For statistics that the oracle takes as a difference of two rounded shares, where we round once.
fn agrees_to_the_last_bits(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= f64::EPSILON
}

/// Reads a golden file and checks each case; all disagreements are shown together.
fn check<C: for<'de> Deserialize<'de>>(json: &str, disagreement: impl Fn(&C) -> Option<String>) {
    let cases: Vec<C> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(disagreement).collect();
    assert!(wrong.is_empty(), "{} of {} cases disagree:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// None when found and expected agree, else a line that says how they do not.
fn compare(name: &str, found: Option<f64>, expected: &str, agree: fn(f64, f64) -> bool) -> Option<String> {
    let expected: f64 = expected.parse().unwrap();
    let agrees = found.is_some_and(|found| agree(found, expected));
    (!agrees).then(|| format!("{name}: {found:?}, the oracle has {expected:?}"))
}

/// A sample as the golden files name it; see `sample()` in make_golden.py.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sample {
    Listed { values: Vec<String> },
    Made { seed: u64, n: usize, scale: String, shift: String, grid: String },
}

impl Sample {
    fn values(&self) -> Vec<f64> {
        match self {
            Self::Listed { values } => values.iter().map(|value| value.parse().unwrap()).collect(),
            Self::Made { seed, n, scale, shift, grid } => {
                let [scale, shift, grid] = [scale, shift, grid].map(|text| text.parse::<f64>().unwrap());
                let uniforms: Vec<f64> = (1..=3 * *n as u64).map(|i| uniform(*seed, i)).collect();
                let bell = uniforms.chunks_exact(3).map(|u| (u[0] + u[1]) + (u[2] - 1.5));
                let placed = bell.map(|value| value * scale + shift);
                placed.map(|value| if grid == 0.0 { value } else { (value / grid).floor() * grid }).collect()
            }
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values();
        values.sort_by(f64::total_cmp);
        values
    }

    fn distribution(&self) -> Distribution {
        Distribution::Numeric(self.numeric())
    }

    fn numeric(&self) -> Numeric {
        let mut numeric = Numeric::new();
        self.values().into_iter().for_each(|value| numeric.push(value));
        numeric
    }
}

/// splitmix64's i-th number, its upper 53 bits as a double in [0, 1).
pub fn uniform(seed: u64, i: u64) -> f64 {
    let z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 * (2.0_f64).powi(-53)
}

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
