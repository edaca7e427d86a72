//! Comparisons of two samples through SQL, against the golden values that the numerics themselves are held against: rows
//! are inserted, and what functions say of each group is what the oracles say.

use driftline_query::Database;
use driftline_query::stats::{Vectors, vectors};
use serde_json::Value;

use crate::oracle::{Sample, agrees, agrees_relatively, uniform};
use crate::support::{error, one, rows};

/// A row of the table `s`: whether it is of the current sample, a number as text, a category.
type Row = (bool, String, String);

/// A call, and where a golden case has what it gives.
type Call = (&'static str, &'static str);

/// Rows of a case at most: inserting many shows nothing that few do not.
const ROWS_MAX: usize = 230;
const CASES_MIN: usize = 9;

fn cases(json: &str, rows: fn(&Value) -> Vec<Row>) -> Vec<(Value, Vec<Row>)> {
    let cases: Vec<Value> = serde_json::from_str(json).unwrap();
    let with_rows = cases.into_iter().map(|case| (rows(&case), case)).map(|(rows, case)| (case, rows));
    let few: Vec<_> = with_rows.filter(|(_, rows)| rows.len() <= ROWS_MAX).collect();
    assert!(few.len() >= CASES_MIN, "only {} cases", few.len());
    few
}

fn of_samples(case: &Value) -> Vec<Row> {
    let side = |name: &str, is_current: bool| {
        let sample: Sample = serde_json::from_value(case[name].clone()).unwrap();
        sample.values().into_iter().map(move |x| (is_current, format!("{x:?}"), String::new()))
    };
    side("reference", false).chain(side("current", true)).collect()
}

fn of_counts(case: &Value) -> Vec<Row> {
    let side = |name: &str, is_current: bool| {
        let counts: Vec<u64> = serde_json::from_value(case[name].clone()).unwrap();
        let few = counts.iter().map(|count| (*count).min(1_000)).enumerate();
        let each = |(category, count)| {
            std::iter::repeat_n((is_current, "0".to_string(), format!("c{category:04}")), count as usize)
        };
        few.flat_map(each).collect::<Vec<Row>>()
    };
    [side("reference", false), side("current", true)].concat()
}

/// A table of some cases, each a group `k`.
async fn filled(cases: &[(Value, Vec<Row>)]) -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE s (time TIMESTAMP TIME, k TEXT TAG, cur BOOLEAN, x DOUBLE, c TEXT)").await.unwrap();
    for (k, (_, rows)) in cases.iter().enumerate() {
        let value = |(i, (cur, x, c)): (usize, &Row)| {
            format!("(to_timestamp({i}), 'k{k:04}', {cur}, CAST('{x}' AS DOUBLE), '{c}')")
        };
        let values: Vec<String> = rows.iter().enumerate().map(value).collect();
        let insert = format!("INSERT INTO s (time, k, cur, x, c) VALUES {}", values.join(", "));
        db.sql(&insert).await.unwrap();
    }
    db
}

/// What calls give of each case, in one query over all of them.
async fn asked(db: &Database, calls: &[Call]) -> Vec<Vec<Option<f64>>> {
    let sides = |column: &str| {
        format!("distribution({column}) FILTER (WHERE NOT cur), distribution({column}) FILTER (WHERE cur)")
    };
    let calls: Vec<String> =
        calls.iter().map(|(call, _)| call.replace("{x}", &sides("x")).replace("{c}", &sides("c"))).collect();
    let found = rows(db, &format!("SELECT {} FROM s GROUP BY k ORDER BY k", calls.join(", "))).await;
    found.iter().map(|row| row.iter().map(|value| value.parse().ok()).collect()).collect()
}

async fn check(json: &str, of: fn(&Value) -> Vec<Row>, calls: &[Call], agree: fn(f64, f64) -> bool) {
    let cases = cases(json, of);
    let found = asked(&filled(&cases).await, calls).await;
    assert_eq!(found.len(), cases.len());
    let mut wrong = Vec::new();
    for ((case, _), found) in cases.iter().zip(found) {
        for ((call, place), found) in calls.iter().zip(found) {
            let expected = case.pointer(place).and_then(Value::as_str).map(|text| text.parse().unwrap());
            let same = match (found, expected) {
                (Some(found), Some(expected)) => agree(found, expected),
                (found, expected) => found == expected,
            };
            if !same {
                wrong.push(format!("{} {call}: {found:?}, the oracle has {expected:?}", case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn tests_of_numbers_are_the_golden_ones() {
    let calls = [
        ("anderson_darling_statistic(x, cur)", "/anderson_darling/statistic"),
        ("anderson_darling_pvalue(x, cur)", "/anderson_darling/p_value"),
        ("cramer_von_mises_statistic(x, cur)", "/cramer_von_mises/statistic"),
        ("cramer_von_mises_pvalue(x, cur)", "/cramer_von_mises/p_value"),
        ("mann_whitney_statistic(x, cur)", "/mann_whitney/statistic"),
        ("mann_whitney_pvalue(x, cur)", "/mann_whitney/p_value"),
        ("welch_t_statistic(x, cur)", "/welch_t/statistic"),
        ("welch_t_pvalue(x, cur)", "/welch_t/p_value"),
        ("levene_statistic(x, cur)", "/levene_median/statistic"),
        ("levene_pvalue(x, cur, center => 'median')", "/levene_median/p_value"),
        ("levene_statistic(x, cur, 'mean')", "/levene_mean/statistic"),
        ("levene_pvalue(x, cur, center => 'mean')", "/levene_mean/p_value"),
        ("energy_distance(x, cur)", "/energy"),
        ("wasserstein_distance({x})", "/wasserstein"),
        ("wasserstein_distance({x}, exact => true)", "/wasserstein"),
        ("wasserstein_scaled({x})", "/wasserstein_scaled"),
    ];
    check(include_str!("../golden/values.json"), of_samples, &calls, agrees_relatively).await;
}

#[tokio::test]
async fn kolmogorov_smirnov_of_distributions_is_the_golden_one() {
    let calls = [
        ("ks_statistic({x})", "/statistic"),
        ("ks_pvalue({x}, exact => true)", "/p_value"),
        ("ks_test_statistic(x, cur)", "/statistic"),
        ("ks_test_pvalue(x, cur)", "/p_value"),
    ];
    check(include_str!("../golden/ks_statistic.json"), of_samples, &calls, agrees).await;
}

#[tokio::test]
async fn distances_of_categories_are_the_golden_ones() {
    let calls = [
        ("js_divergence({c})", "/js_divergence"),
        ("kl_divergence({c}, exact => true)", "/kl_divergence"),
        ("hellinger_distance({c})", "/hellinger"),
        ("total_variation({c})", "/total_variation"),
    ];
    check(include_str!("../golden/count_distances.json"), of_counts, &calls, agrees_relatively).await;
    check(include_str!("../golden/psi.json"), of_counts, &[("psi({c})", "/psi")], agrees).await;
    let js = [("js_distance({c}, exact => true)", "/js_distance")];
    check(include_str!("../golden/js.json"), of_counts, &js, agrees).await;
}

#[tokio::test]
async fn tests_of_categories_are_the_golden_ones() {
    let calls = [
        ("chi_square_statistic({c}, pooled => false)", "/chi_square/statistic"),
        ("chi_square_pvalue({c}, pooled => false)", "/chi_square/p_value"),
        ("chi_square_pvalue({c}, pooled => false, yates => true)", "/chi_square_yates/p_value"),
        ("chi_square_statistic({c})", "/chi_square_pooled/statistic"),
        ("chi_square_pvalue({c})", "/chi_square_pooled/p_value"),
        ("g_test_statistic({c}, yates => true, pooled => false)", "/g_test_yates/statistic"),
        ("g_test_pvalue({c}, exact => true, pooled => false)", "/g_test/p_value"),
        ("g_test_statistic({c})", "/g_test_pooled/statistic"),
        ("g_test_pvalue({c})", "/g_test_pooled/p_value"),
    ];
    check(include_str!("../golden/contingency.json"), of_counts, &calls, agrees_relatively).await;
}

/// The peers take two of them as the root of a difference of sums near 1, and so know them to the root of 1e-16.
fn agrees_with_a_root(found: f64, expected: f64) -> bool {
    agrees(found, expected) || (found * found - expected * expected).abs() < 1e-14
}

#[tokio::test]
async fn evidently_is_followed_where_asked() {
    let numbers = [
        ("psi({x}, compat => 'evidently')", "/psi"),
        ("kl_divergence({x}, exact => true, compat => 'Evidently')", "/kl_divergence"),
        ("js_distance({x}, compat => 'evidently')", "/js_distance"),
        ("hellinger_distance({x}, compat => 'evidently')", "/hellinger"),
        ("wasserstein_scaled({x}, compat => 'evidently')", "/wasserstein"),
    ];
    check(include_str!("../golden/evidently.json"), of_samples, &numbers, agrees_with_a_root).await;
    let categories = [
        ("psi({c}, compat => 'evidently')", "/psi"),
        ("kl_divergence({c}, compat => 'evidently')", "/kl_divergence"),
        ("js_distance({c}, compat => 'evidently')", "/js_distance"),
        ("hellinger_distance({c}, compat => 'evidently')", "/hellinger"),
    ];
    check(include_str!("../golden/evidently_counts.json"), of_counts, &categories, agrees_with_a_root).await;
}

#[tokio::test]
async fn nannyml_is_followed_where_asked() {
    let numbers = [
        ("js_distance({x}, compat => 'nannyml')", "/js_distance"),
        ("hellinger_distance({x}, compat => 'nannyml')", "/hellinger"),
    ];
    check(include_str!("../golden/nannyml.json"), of_samples, &numbers, agrees_with_a_root).await;
    let categories = [
        ("js_distance({c}, compat => 'nannyml')", "/js_distance"),
        ("hellinger_distance({c}, compat => 'nannyml')", "/hellinger"),
    ];
    check(include_str!("../golden/nannyml_counts.json"), of_counts, &categories, agrees_with_a_root).await;
}

/// Calls of counts alone, each with what it has to give.
async fn check_calls(calls: Vec<(String, f64)>) {
    let db = Database::open_in_memory().unwrap();
    let each: Vec<&str> = calls.iter().map(|(call, _)| call.as_str()).collect();
    let found = rows(&db, &format!("SELECT {}", each.join(", "))).await.remove(0);
    for ((call, expected), found) in calls.iter().zip(found) {
        assert!(agrees_relatively(found.parse().unwrap(), *expected), "{call}: {found}, not {expected}");
    }
}

fn number(case: &Value, place: &str) -> f64 {
    case.pointer(place).and_then(Value::as_str).unwrap().parse().unwrap()
}

#[tokio::test]
async fn thresholds_and_proportions_are_the_golden_ones() {
    let thresholds: Vec<Value> = serde_json::from_str(include_str!("../golden/psi_threshold.json")).unwrap();
    let call = |case: &Value| {
        let alpha = case["alpha"].as_str().unwrap();
        (
            format!("psi_threshold({alpha}, {}, {}, {})", case["bins"], case["n"], case["m"]),
            number(case, "/value"),
        )
    };
    check_calls(thresholds.iter().step_by(4).map(call).collect()).await;
    let proportions: Vec<Value> = serde_json::from_str(include_str!("../golden/proportions.json")).unwrap();
    let calls = proportions.iter().step_by(4).flat_map(|case| {
        let at = |side: &str, i: usize| case[side][i].as_u64().unwrap();
        let (a, b, c, d) = (at("reference", 0), at("reference", 1), at("current", 0), at("current", 1));
        let z = format!("({a}, {}, {c}, {})", a + b, c + d);
        [
            (format!("two_proportion_z_statistic{z}"), number(case, "/z/statistic")),
            (format!("two_proportion_z_pvalue{z}"), number(case, "/z/p_value")),
            (format!("fisher_exact_pvalue({a}, {b}, {c}, {d})"), number(case, "/fisher")),
        ]
    });
    check_calls(calls.collect()).await;
}

/// Vectors as `vectors_of()` in make_two_samples.py makes them.
fn made(case: &Value, side: &str) -> Vec<Vec<f32>> {
    let (of, dimension) = (&case[side], case["dimension"].as_u64().unwrap() as usize);
    let (seed, n) = (of["seed"].as_u64().unwrap(), of["rows"].as_u64().unwrap() as usize);
    let (scale, shift) = (number(of, "/scale"), number(of, "/shift"));
    let value = |place: usize| {
        let u = |i: usize| uniform(seed, (3 * place + i) as u64);
        let bell = ((u(1) + u(2)) + (u(3) - 1.5)) * scale;
        (if place.is_multiple_of(dimension) { bell + shift } else { bell }) as f32
    };
    let all: Vec<f32> = (0..n * dimension).map(value).collect();
    all.chunks_exact(dimension).map(<[f32]>::to_vec).collect()
}

/// A table of one case's vectors, the rows of both sides in turn.
async fn of_vectors(case: &Value) -> Database {
    let db = Database::open_in_memory().unwrap();
    let dimension = &case["dimension"];
    db.sql(&format!("CREATE TABLE e (time TIMESTAMP TIME, cur BOOLEAN, v VECTOR({dimension}))"))
        .await
        .unwrap();
    let sides = [(false, made(case, "reference")), (true, made(case, "current"))];
    let vectors = sides.iter().flat_map(|(cur, side)| side.iter().map(move |vector| (cur, vector)));
    let values: Vec<String> = vectors
        .enumerate()
        .map(|(i, (cur, vector))| {
            let numbers: Vec<String> = vector.iter().map(|x| format!("{:?}", f64::from(*x))).collect();
            format!("(to_timestamp({i}), {cur}, make_array({}))", numbers.join(", "))
        })
        .collect();
    db.sql(&format!("INSERT INTO e VALUES {}", values.join(", "))).await.unwrap();
    db
}

/// What the numerics say of the vectors in the order in which the aggregates take them. Which are drawn by chance depends
/// on it, so that the oracle's draws, in the order of the rows, are not those of SQL.
fn drawn(case: &Value) -> (Option<f64>, Option<f64>) {
    let sorted = |side: &str| {
        let mut rows = made(case, side);
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        rows.concat()
    };
    let (r, c) = (sorted("reference"), sorted("current"));
    let dimension = case["dimension"].as_u64().unwrap() as usize;
    let (r, c) = (Vectors::new(&r, dimension).unwrap(), Vectors::new(&c, dimension).unwrap());
    let seed = case["seed"].as_u64().unwrap();
    let permutations = case["permutations"].as_u64().unwrap() as usize;
    let p_value = vectors::mmd(&r, &c, permutations, seed).and_then(|mmd| mmd.p_value);
    (p_value, vectors::domain_classifier_auc(&r, &c, seed))
}

#[tokio::test]
async fn statistics_of_vectors_are_the_golden_ones() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/vectors.json")).unwrap();
    let few = cases.iter().filter(|case| case["dimension"].as_u64().unwrap() <= 6);
    let few: Vec<&Value> = few.collect();
    assert!(few.len() >= 10, "only {} cases", few.len());
    for case in few {
        let db = of_vectors(case).await;
        let (seed, permutations) = (&case["seed"], &case["permutations"]);
        let sql = format!(
            "SELECT centroid_distance(v, cur), centroid_distance(v, cur, metric => 'cosine'), mmd_statistic(v, cur),
                    drifted_component_share(v, cur), mmd_pvalue(v, cur, {permutations}, seed => {seed}),
                    domain_classifier_auc(v, cur, seed => {seed}) FROM e"
        );
        let found = rows(&db, &sql).await.remove(0);
        let golden =
            |place: &str| case.pointer(place).and_then(Value::as_str).map(|text| text.parse().unwrap());
        let (p_value, auc) = drawn(case);
        let expected =
            [golden("/euclidean"), golden("/cosine"), golden("/mmd"), golden("/drifted"), p_value, auc];
        for (found, expected) in found.iter().zip(expected) {
            let found: Option<f64> = found.parse().ok();
            let same = match (found, expected) {
                (Some(found), Some(expected)) => agrees(found, expected),
                (found, expected) => found == expected,
            };
            assert!(same, "{}: {found:?}, not {expected:?}", case["name"]);
        }
    }
}

#[tokio::test]
async fn a_filter_gives_what_the_group_gives() {
    let cases = cases(include_str!("../golden/values.json"), of_samples);
    let db = filled(&cases).await;
    for call in
        ["anderson_darling_pvalue(x, cur)", "levene_statistic(x, cur, 'mean')", "energy_distance(x, cur)"]
    {
        let filtered = one(&db, &format!("SELECT {call} FILTER (WHERE k = 'k0000') FROM s")).await;
        assert_ne!(filtered, "null");
        assert_eq!(filtered, one(&db, &format!("SELECT {call} FROM s WHERE k = 'k0000' GROUP BY k")).await);
    }
}

/// Numbers that are too many to be counted one by one.
#[tokio::test]
async fn buckets_are_refused_where_each_value_is_asked_for() {
    let db = Database::open_in_memory().unwrap();
    let many = "SELECT {call} FROM (SELECT distribution(v * 1.1) AS r FROM (SELECT unnest(range(0, 1100)) AS v)),
                                   (SELECT distribution(v * 1.0) AS c FROM (SELECT unnest(range(0, 900)) AS v))";
    let asked = |call: &str| many.replace("{call}", call);
    for call in ["psi(r, c)", "ks_statistic(r, c)", "wasserstein_scaled(c, r, exact => false)"] {
        assert_ne!(one(&db, &asked(call)).await, "null");
    }
    for (call, said) in [
        (
            "psi(r, c, exact => true)",
            "psi: `exact` needs a count of each value, and `reference` is counted by buckets",
        ),
        ("ks_pvalue(c, r, exact => true)", "`current` is counted by buckets"),
        ("js_distance(r, c, compat => 'nannyml')", "js_distance: `compat` needs a count of each value"),
        ("wasserstein_scaled(c, r, compat => 'evidently')", "wasserstein_scaled: `compat` needs"),
    ] {
        let said_so = error(&db, &asked(call)).await.to_string();
        assert!(said_so.contains(said), "{call}: {said_so}");
    }
}
