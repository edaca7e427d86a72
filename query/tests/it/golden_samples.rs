//! The two-sample statistics against golden values of scipy, scikit-learn and exact arithmetic
//! (`tests/golden/make_two_samples.py`), and of the peers (`make_evidently.py`, `make_nannyml.py`).
//!
//! Statistics and p values agree to 1e-9 of themselves, however small; where a test asks for less it says why.

use driftline_query::stats::{self, Center, Outcome, TableOptions, Vectors, compat, vectors};
use serde::Deserialize;

use crate::oracle::{Sample, agrees, agrees_relatively, check, compare, uniform};

/// A test's outcome as the golden files have it.
#[derive(Deserialize)]
struct Expected {
    statistic: String,
    p_value: String,
    degrees_of_freedom: Option<String>,
}

/// What neither we nor the oracle can compute agrees, too.
fn compare_option(name: &str, found: Option<f64>, expected: Option<&String>) -> Option<String> {
    match expected {
        Some(expected) => compare(name, found, expected, agrees_relatively),
        None => found.map(|found| format!("{name}: {found:?}, the oracle has none")),
    }
}

fn compare_outcome(name: &str, found: Option<Outcome>, expected: Option<&Expected>) -> Option<String> {
    let part = |part: &str| format!("{name}, {part}");
    let statistic = found.map(|found| found.statistic);
    compare_option(&part("statistic"), statistic, expected.map(|expected| &expected.statistic))
        .or_else(|| {
            compare_option(
                &part("p"),
                found.map(|found| found.p_value),
                expected.map(|expected| &expected.p_value),
            )
        })
        .or_else(|| {
            let degrees = found.and_then(|found| found.degrees_of_freedom);
            expected
                .and_then(|expected| expected.degrees_of_freedom.as_ref())
                .and_then(|expected| compare_option(&part("degrees"), degrees, Some(expected)))
        })
}

fn first_of(disagreements: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let all: Vec<String> = disagreements.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[derive(Deserialize)]
struct Distances {
    name: String,
    reference: Vec<u64>,
    current: Vec<u64>,
    js_divergence: String,
    kl_divergence: String,
    hellinger: String,
    total_variation: String,
}

#[test]
fn distances_of_counts_are_the_exact_ones() {
    check(include_str!("../golden/count_distances.json"), |case: &Distances| {
        let (r, c) = (&case.reference, &case.current);
        let of = |what: &str, found, expected| {
            compare_option(&format!("{}, {what}", case.name), found, Some(expected))
        };
        first_of([
            of("js", stats::js_divergence(r, c), &case.js_divergence),
            of("kl", stats::kl_divergence(r, c), &case.kl_divergence),
            of("hellinger", stats::hellinger_distance(r, c), &case.hellinger),
            of("total variation", stats::total_variation(r, c), &case.total_variation),
        ])
    });
}

#[derive(Deserialize)]
struct Contingency {
    name: String,
    reference: Vec<u64>,
    current: Vec<u64>,
    chi_square: Expected,
    chi_square_yates: Expected,
    chi_square_pooled: Expected,
    g_test: Expected,
    g_test_yates: Expected,
    g_test_pooled: Expected,
}

#[test]
fn tests_of_tables_are_scipys() {
    check(include_str!("../golden/contingency.json"), |case: &Contingency| {
        let (r, c) = (&case.reference, &case.current);
        let plain = TableOptions::default();
        let (yates, pooled) = (TableOptions { yates: true, ..plain }, TableOptions { pooled: true, ..plain });
        let of = |what: &str, found, expected| {
            compare_outcome(&format!("{}, {what}", case.name), found, Some(expected))
        };
        first_of([
            of("chi", stats::chi_square(r, c, plain), &case.chi_square),
            of("chi, Yates", stats::chi_square(r, c, yates), &case.chi_square_yates),
            of("chi, pooled", stats::chi_square(r, c, pooled), &case.chi_square_pooled),
            of("g", stats::g_test(r, c, plain), &case.g_test),
            of("g, Yates", stats::g_test(r, c, yates), &case.g_test_yates),
            of("g, pooled", stats::g_test(r, c, pooled), &case.g_test_pooled),
        ])
    });
}

#[derive(Deserialize)]
struct PsiThreshold {
    name: String,
    alpha: String,
    bins: u64,
    n: u64,
    m: u64,
    value: String,
}

#[test]
fn psi_threshold_is_scipys() {
    check(include_str!("../golden/psi_threshold.json"), |case: &PsiThreshold| {
        let found = stats::psi_threshold(case.alpha.parse().unwrap(), case.bins, case.n, case.m);
        compare_option(&case.name, found, Some(&case.value))
    });
}

#[derive(Deserialize)]
struct Proportions {
    name: String,
    reference: (u64, u64),
    current: (u64, u64),
    z: Expected,
    fisher: String,
}

#[test]
fn tests_of_proportions_are_the_exact_ones() {
    check(include_str!("../golden/proportions.json"), |case: &Proportions| {
        let all = |(hits, misses): (u64, u64)| (hits, hits + misses);
        let z = stats::two_proportion_z(all(case.reference), all(case.current));
        let fisher = stats::fisher_exact(case.reference, case.current);
        first_of([
            compare_outcome(&format!("{}, z", case.name), z, Some(&case.z)),
            compare_option(&format!("{}, Fisher", case.name), fisher, Some(&case.fisher)),
        ])
    });
}

#[derive(Deserialize)]
struct Values {
    name: String,
    reference: Sample,
    current: Sample,
    wasserstein: String,
    wasserstein_scaled: Option<String>,
    energy: String,
    anderson_darling: Option<Expected>,
    cramer_von_mises: Option<Expected>,
    mann_whitney: Option<Expected>,
    welch_t: Option<Expected>,
    levene_median: Option<Expected>,
    levene_mean: Option<Expected>,
}

impl Values {
    fn disagreement(&self, r: &[(f64, u64)], c: &[(f64, u64)]) -> Option<String> {
        let name = |what: &str| format!("{}, {what}", self.name);
        let test = |what: &str, found, expected: &Option<Expected>| {
            compare_outcome(&name(what), found, expected.as_ref())
        };
        first_of([
            compare_option(&name("Wasserstein"), stats::wasserstein_distance(r, c), Some(&self.wasserstein)),
            compare_option(
                &name("scaled"),
                stats::wasserstein_scaled(r, c),
                self.wasserstein_scaled.as_ref(),
            ),
            compare_option(&name("energy"), stats::energy_distance(r, c), Some(&self.energy)),
            test("Anderson-Darling", stats::anderson_darling(r, c), &self.anderson_darling),
            test("Cramér-von Mises", stats::cramer_von_mises(r, c), &self.cramer_von_mises),
            test("Mann-Whitney", stats::mann_whitney(r, c), &self.mann_whitney),
            test("Welch", stats::welch_t(r, c), &self.welch_t),
            test("Levene, median", stats::levene(r, c, Center::Median), &self.levene_median),
            test("Levene, mean", stats::levene(r, c, Center::Mean), &self.levene_mean),
        ])
    }
}

#[test]
fn tests_of_values_are_scipys() {
    check(include_str!("../golden/values.json"), |case: &Values| {
        case.disagreement(&case.reference.points(), &case.current.points())
    });
}

/// A value that occurs three times is one point that counts three, as a DISTRIBUTION gives it.
#[test]
fn tests_of_counted_values_are_those_of_the_rows() {
    check(include_str!("../golden/values.json"), |case: &Values| {
        let (reference, current) = (case.reference.numeric(), case.current.numeric());
        let exact = reference.is_exact() && current.is_exact();
        exact.then(|| case.disagreement(&reference.points(), &current.points()))?
    });
}

/// A DISTRIBUTION's points of hundreds of millions of values, which no oracle takes as rows.
#[derive(Deserialize)]
struct Counted {
    name: String,
    reference: Vec<(String, u64)>,
    current: Vec<(String, u64)>,
    wasserstein: Option<String>,
    wasserstein_scaled: Option<String>,
    energy: Option<String>,
    anderson_darling: Expected,
    cramer_von_mises: Expected,
    mann_whitney: Expected,
    welch_t: Option<Expected>,
    levene_median: Option<Expected>,
}

#[test]
fn tests_of_many_counted_values_are_the_exact_ones() {
    check(include_str!("../golden/counted.json"), |case: &Counted| {
        let points = |side: &[(String, u64)]| {
            side.iter().map(|(value, count)| (value.parse().unwrap(), *count)).collect::<Vec<(f64, u64)>>()
        };
        let (r, c) = (&points(&case.reference), &points(&case.current));
        let name = |what: &str| format!("{}, {what}", case.name);
        let test = |what: &str, found, expected| compare_outcome(&name(what), found, expected);
        let median = stats::levene(r, c, Center::Median);
        first_of([
            compare_option(
                &name("Wasserstein"),
                stats::wasserstein_distance(r, c),
                case.wasserstein.as_ref(),
            ),
            compare_option(
                &name("scaled"),
                stats::wasserstein_scaled(r, c),
                case.wasserstein_scaled.as_ref(),
            ),
            compare_option(&name("energy"), stats::energy_distance(r, c), case.energy.as_ref()),
            test("Anderson-Darling", stats::anderson_darling(r, c), Some(&case.anderson_darling)),
            test("Cramér-von Mises", stats::cramer_von_mises(r, c), Some(&case.cramer_von_mises)),
            test("Mann-Whitney", stats::mann_whitney(r, c), Some(&case.mann_whitney)),
            test("Welch", stats::welch_t(r, c), case.welch_t.as_ref()),
            test("Levene, median", median, case.levene_median.as_ref()),
        ])
    });
}

#[derive(Deserialize)]
struct Multiplicity {
    name: String,
    p_values: Vec<String>,
    benjamini_hochberg: Vec<String>,
    holm: Vec<String>,
    bonferroni: Vec<String>,
}

#[test]
fn adjusted_p_values_are_scipys() {
    check(include_str!("../golden/multiplicity.json"), |case: &Multiplicity| {
        let p_values: Vec<f64> = case.p_values.iter().map(|p| p.parse().unwrap()).collect();
        let of = |what: &str, found: Option<Vec<f64>>, expected: &[String]| {
            let found = found.unwrap();
            assert_eq!(found.len(), expected.len());
            let each = found.iter().zip(expected);
            first_of(each.map(|(p, expected)| {
                compare_option(&format!("{}, {what}", case.name), Some(*p), Some(expected))
            }))
        };
        first_of([
            of("BH", stats::benjamini_hochberg(&p_values), &case.benjamini_hochberg),
            of("Holm", stats::holm(&p_values), &case.holm),
            of("Bonferroni", stats::bonferroni(&p_values), &case.bonferroni),
        ])
    });
}

/// Vectors as `vectors_of()` in make_two_samples.py makes them.
#[derive(Deserialize)]
struct Made {
    seed: u64,
    rows: usize,
    scale: String,
    shift: String,
}

impl Made {
    fn values(&self, dimension: usize) -> Vec<f32> {
        let (scale, shift): (f64, f64) = (self.scale.parse().unwrap(), self.shift.parse().unwrap());
        let value = |place: usize| {
            let u = |i: usize| uniform(self.seed, (3 * place + i) as u64);
            let bell = ((u(1) + u(2)) + (u(3) - 1.5)) * scale;
            (if place.is_multiple_of(dimension) { bell + shift } else { bell }) as f32
        };
        (0..self.rows * dimension).map(value).collect()
    }
}

#[derive(Deserialize)]
struct VectorCase {
    name: String,
    dimension: usize,
    reference: Made,
    current: Made,
    seed: u64,
    permutations: usize,
    mmd: Option<String>,
    p_value: Option<String>,
    euclidean: String,
    cosine: String,
    classifier_auc: Option<String>,
    drifted: String,
}

/// The oracle takes the cosine's complement from 1 and the discrepancy as a difference of means of about 1, so that
/// both are known to 1e-9 absolutely.
#[test]
fn statistics_of_vectors_are_numpys_and_scikit_learns() {
    check(include_str!("../golden/vectors.json"), |case: &VectorCase| {
        let (r, c) = (case.reference.values(case.dimension), case.current.values(case.dimension));
        let r = Vectors::new(&r, case.dimension).unwrap();
        let c = Vectors::new(&c, case.dimension).unwrap();
        let name = |what: &str| format!("{}, {what}", case.name);
        let mmd = vectors::mmd(&r, &c, case.permutations, case.seed);
        let squared = match (&case.mmd, mmd) {
            (Some(expected), found) => {
                compare(&name("MMD"), found.map(|found| found.squared), expected, agrees)
            }
            (None, found) => found.map(|found| format!("{}: {found:?}", name("MMD"))),
        };
        first_of([
            squared,
            compare_option(&name("p"), mmd.and_then(|mmd| mmd.p_value), case.p_value.as_ref()),
            compare(&name("euclidean"), vectors::centroid_euclidean(&r, &c), &case.euclidean, agrees),
            compare(&name("cosine"), vectors::centroid_cosine(&r, &c), &case.cosine, agrees),
            compare_option(
                &name("classifier"),
                vectors::domain_classifier_auc(&r, &c, case.seed),
                case.classifier_auc.as_ref(),
            ),
            compare_option(&name("drifted"), vectors::drifted_components(&r, &c, 0.1), Some(&case.drifted)),
        ])
    });
}

#[derive(Deserialize)]
struct Peer {
    name: String,
    reference: Sample,
    current: Sample,
    psi: Option<String>,
    kl_divergence: Option<String>,
    js_distance: String,
    hellinger: String,
    wasserstein: Option<String>,
}

#[derive(Deserialize)]
struct PeerCounts {
    name: String,
    reference: Vec<u64>,
    current: Vec<u64>,
    psi: Option<String>,
    kl_divergence: Option<String>,
    js_distance: String,
    hellinger: String,
}

/// The peers take these two as the root of a difference of sums near 1, and so know them to the root of 1e-16.
fn agrees_with_a_root(found: f64, expected: f64) -> bool {
    agrees(found, expected) || (found * found - expected * expected).abs() < 1e-14
}

fn rows(sample: &Sample) -> Vec<f64> {
    sample.values().into_iter().filter(|value| !value.is_nan()).collect()
}

#[test]
fn numeric_columns_are_what_evidently_prints() {
    use compat::evidently;
    check(include_str!("../golden/evidently.json"), |case: &Peer| {
        let (r, c) = (rows(&case.reference), rows(&case.current));
        let (points_r, points_c) = (case.reference.points(), case.current.points());
        let name = |what: &str| format!("{}, {what}", case.name);
        let of = |what: &str, found, expected: &Option<String>| {
            compare(&name(what), found, expected.as_ref().unwrap(), agrees)
        };
        first_of([
            of("psi", evidently::psi(&r, &c), &case.psi),
            of("kl", evidently::kl_divergence(&r, &c), &case.kl_divergence),
            of("wasserstein", evidently::wasserstein_normed(&points_r, &points_c), &case.wasserstein),
            compare(&name("js"), evidently::js_distance(&r, &c), &case.js_distance, agrees_with_a_root),
            compare(
                &name("hellinger"),
                evidently::hellinger_distance(&r, &c),
                &case.hellinger,
                agrees_with_a_root,
            ),
        ])
    });
}

#[test]
fn categorical_columns_are_what_evidently_prints() {
    use compat::evidently;
    check(include_str!("../golden/evidently_counts.json"), |case: &PeerCounts| {
        let (r, c) = (&case.reference, &case.current);
        let name = |what: &str| format!("{}, {what}", case.name);
        let of = |what: &str, found, expected: &Option<String>| {
            compare(&name(what), found, expected.as_ref().unwrap(), agrees)
        };
        first_of([
            of("psi", evidently::psi_counts(r, c), &case.psi),
            of("kl", evidently::kl_divergence_counts(r, c), &case.kl_divergence),
            compare(&name("js"), evidently::js_distance_counts(r, c), &case.js_distance, agrees_with_a_root),
            compare(
                &name("hellinger"),
                evidently::hellinger_distance_counts(r, c),
                &case.hellinger,
                agrees_with_a_root,
            ),
        ])
    });
}

#[test]
fn numeric_columns_are_what_nannyml_prints() {
    use compat::nannyml;
    check(include_str!("../golden/nannyml.json"), |case: &Peer| {
        let (r, c) = (rows(&case.reference), rows(&case.current));
        let name = |what: &str| format!("{}, {what}", case.name);
        first_of([
            compare(&name("js"), nannyml::js_distance(&r, &c), &case.js_distance, agrees_with_a_root),
            compare(
                &name("hellinger"),
                nannyml::hellinger_distance(&r, &c),
                &case.hellinger,
                agrees_with_a_root,
            ),
        ])
    });
}

#[test]
fn categorical_columns_are_what_nannyml_prints() {
    use compat::nannyml;
    check(include_str!("../golden/nannyml_counts.json"), |case: &PeerCounts| {
        let (r, c) = (&case.reference, &case.current);
        let name = |what: &str| format!("{}, {what}", case.name);
        first_of([
            compare(&name("js"), nannyml::js_distance_counts(r, c), &case.js_distance, agrees_with_a_root),
            compare(
                &name("hellinger"),
                nannyml::hellinger_distance_counts(r, c),
                &case.hellinger,
                agrees_with_a_root,
            ),
        ])
    });
}

/// Figures that were printed by the oracles before this code was there.
#[test]
fn figures_of_samples_known_beforehand() {
    let points = |values: &[f64]| values.iter().map(|value| (*value, 1)).collect::<Vec<_>>();
    let (x, y) = (points(&[1.0, 2.0, 2.0, 3.0, 5.0, 8.0]), points(&[2.0, 3.0, 3.0, 4.0, 9.0, 10.0, 11.0]));
    let near =
        |found: Option<f64>, expected: f64| assert!(agrees(found.unwrap(), expected), "{found:?} {expected}");
    let outcome = |found: Option<Outcome>, statistic, p_value| {
        near(found.map(|found| found.statistic), statistic);
        near(found.map(|found| found.p_value), p_value);
    };
    near(stats::wasserstein_distance(&x, &y), 2.5);
    near(stats::energy_distance(&x, &y), 1.1938048701639692);
    outcome(stats::anderson_darling(&x, &y), 0.7919574555962178, 0.15492269301463085);
    // The figure there is U of x.
    outcome(stats::mann_whitney(&y, &x), 11.0, 0.16996790760227598);
    outcome(stats::welch_t(&y, &x), -1.3949501214609694, 0.19179471918243477);
    near(stats::hellinger_distance(&[2, 3, 5, 0], &[1, 4, 4, 1]), 0.2548624859585206);
    outcome(
        stats::chi_square(&[10, 20, 30], &[15, 15, 30], TableOptions::default()),
        1.7142857142857144,
        0.42437284567695,
    );
    let yates = TableOptions { yates: true, pooled: false };
    outcome(stats::chi_square(&[10, 20], &[15, 15], yates), 1.0971428571428572, 0.2948939838180841);
}

/// Evidently and NannyML on the same rows: `1..=100` over 10 against `(1..=80 / 10)` to the power 1.1.
#[test]
fn figures_of_peers_known_beforehand() {
    let reference: Vec<f64> = (1..=100).map(|i| f64::from(i) / 10.0).collect();
    let current: Vec<f64> = (1..=80).map(|i| (f64::from(i) / 10.0).powf(1.1)).collect();
    let near =
        |found: Option<f64>, expected: f64| assert!(agrees(found.unwrap(), expected), "{found:?} {expected}");
    near(compat::evidently::psi(&reference, &current), 0.014728231182688315);
    near(compat::evidently::js_distance(&reference, &current), 0.042877878174470876);
    near(compat::evidently::kl_divergence(&reference, &current), 0.007307442208872233);
    near(compat::evidently::hellinger_distance(&reference, &current), 0.042892532806333795);
    near(compat::nannyml::js_distance(&reference, &current), 0.08894107648470244);
    near(compat::nannyml::hellinger_distance(&reference, &current), 0.08603149115199175);
    let letters: (&[u64], &[u64]) = (&[50, 30, 20, 0], &[30, 30, 20, 5]);
    near(compat::evidently::psi_counts(letters.0, letters.1), 0.44004888481704135);
    near(compat::evidently::kl_divergence_counts(letters.0, letters.1), 0.09214694998759626);
    near(compat::evidently::js_distance_counts(letters.0, letters.1), 0.1689607249472405);
    near(compat::nannyml::js_distance_counts(letters.0, letters.1), 0.2029425129389343);
}
