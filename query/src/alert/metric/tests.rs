use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use proptest::prelude::*;

use super::*;
use crate::Database;
use crate::database::Access;

/// The end of the window in all tests.
const NOW: &str = "TIMESTAMP '2026-01-02T00:00:00Z'";

fn rule(metric: &str) -> MetricRule {
    MetricRule { min_rows: Some(0), ..read(metric, "<", "0.5").unwrap() }
}

/// A model with every column, and one with none.
async fn database() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE, country TEXT FEATURE, score DOUBLE SCORE,
           decision TEXT PREDICTION, label TEXT LABEL, took_s DOUBLE LATENCY, error TEXT ERROR)
           WITH (positive = 'fraud', threshold = 0.7);
         CREATE MODEL price (id TEXT KEY, price BIGINT PREDICTION, truth DOUBLE LABEL) WITH (type = 'regression');
         CREATE MODEL bare (id TEXT KEY, x DOUBLE FEATURE)",
    )
    .await
    .unwrap();
    db
}

fn columns(db: &Database, model: &str) -> ModelColumns {
    let session = db.session(Access::Embedded, None);
    let view = session.view();
    ModelColumns::of(&view.model(model).unwrap(), &view.table(model).unwrap())
}

/// The one row of a metric's query, as numbers by name.
async fn row(db: &Database, rule: &MetricRule, model: &str, delay: Option<i64>) -> Row {
    let made = query(rule, model, &columns(db, model), delay).unwrap();
    let sql = made.sql.replace("now()", NOW).replace(", window", &format!(", at => {NOW}, window"));
    let rows = db.sql(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let batches: Vec<_> = rows.iter().filter(|batch| batch.num_rows() > 0).collect();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1, "{sql}");
    let column = |name: &str| {
        let column = cast(batches[0].column_by_name(name)?, &DataType::Float64).unwrap();
        column.as_primitive::<Float64Type>().iter().next().unwrap()
    };
    Row {
        value: column("value"),
        rows: column("rows"),
        labels: column("labels"),
        coverage: column("coverage"),
    }
}

/// Rows of an INSERT.
fn values(n: usize, row: impl Fn(usize) -> String) -> String {
    (0..n).map(row).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, PartialEq)]
struct Row {
    value: Option<f64>,
    rows: Option<f64>,
    labels: Option<f64>,
    coverage: Option<f64>,
}

#[test]
fn units_are_converted_to_the_metrics_own() {
    for (metric, text, wanted) in [
        ("accuracy", "0.85", 0.85),
        ("Accuracy", "85%", 0.85),
        ("Error Rate", " 5 % ", 0.05),
        ("Drift Score", "0.3", 0.3),
        ("Latency p95", "500ms", 500.0),
        ("latency_p99", "2 s", 2000.0),
        ("latency_p50", "250 µs", 0.25),
        ("latency_p50", "500", 500.0),
        ("throughput", "10/s", 10.0),
        ("throughput", "30/min", 0.5),
        ("predictions", "1000", 1000.0),
        ("r2", "-0.5", -0.5),
        ("mae", "-0", 0.0),
        ("rmse", "2e+2", 200.0),
        ("error_rate", "1.73E1%", 0.173),
        ("latency_p50", "1.5 min", 90_000.0),
    ] {
        let read = read(metric, ">", text).unwrap_or_else(|error| panic!("{metric} {text}: {error}"));
        assert_eq!(read.threshold, wanted, "{metric} {text}");
        assert_eq!(read.threshold_text, text.trim());
    }
}

#[test]
fn a_unit_that_does_not_fit_is_told_with_those_that_do() {
    for (metric, text, remedy) in [
        ("accuracy", "500ms", "'5%'"),
        ("accuracy", "85", "'5%'"),
        ("error_rate", "5/s", "'5%'"),
        ("latency_p95", "5%", "'500ms'"),
        ("latency_p95", "-1 ms", "'500ms'"),
        ("latency_p95", "fast", "'500ms'"),
        ("latency_p95", "inf", "'500ms'"),
        ("throughput", "10 ms", "'10/s'"),
        ("predictions", "10/s", "without a unit"),
        ("rmse", "5%", "without a unit"),
        ("rmse", "1e999", "without a unit"),
    ] {
        let error = read(metric, ">", text).unwrap_err();
        assert!(error.contains(metric) && error.contains(remedy) && error.contains(text), "{error}");
    }
    assert!(read("acuracy", "<", "0.5").unwrap_err().contains("accuracy, precision"));
    assert!(read("accuracy", "~", "0.5").unwrap_err().contains("gt, lt"));
}

#[test]
fn a_condition_has_one_form_however_it_is_written() {
    for (written, form) in [("gt", ">"), ("LT", "<"), (">=", ">="), ("le", "<="), ("==", "="), ("<>", "!=")] {
        assert_eq!(when(&read("accuracy", written, "85%").unwrap()), format!("value {form} 0.85"));
    }
}

proptest! {
    #[test]
    fn percent_are_the_fractions_that_people_would_write(tenths in 0u32..=1000) {
        let percent = format!("{}.{}%", tenths / 10, tenths % 10);
        let fraction = format!("{}.{:03}", tenths / 1000, tenths % 1000);
        let read = |text: &str| Metric::ErrorRate.threshold(text).unwrap();
        prop_assert_eq!(read(&percent), read(&fraction), "{}", percent);
    }

    #[test]
    fn any_length_of_time_is_read_back_as_itself(nanos in 1i64.., whole in 1i64..100_000) {
        for nanos in [nanos, whole * 1_000_000_000, whole * MINUTE, whole * HOUR] {
            prop_assert_eq!(crate::duration::nanos(&span_text(nanos)).unwrap(), nanos);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_model_lacks_is_named() {
    let db = database().await;
    for (metric, model, lacks) in [
        ("accuracy", "bare", "LABEL"),
        ("auc", "bare", "LABEL"),
        ("latency_p95", "bare", "LATENCY"),
        ("error_rate", "bare", "ERROR"),
        ("mae", "fraud", "regression"),
        ("accuracy", "price", "classification"),
    ] {
        let error = query(&rule(metric), model, &columns(&db, model), None).unwrap_err();
        assert!(error.contains(lacks) && error.contains(model) && error.contains(metric), "{error}");
    }
    let mut words = columns(&db, "price");
    words.label = Some(Typed { name: "truth".into(), ty: driftline_storage::ColumnType::Text });
    assert!(query(&rule("rmse"), "price", &words, None).unwrap_err().contains("truth"));
    words.label = None;
    assert!(query(&rule("rmse"), "price", &words, None).unwrap_err().contains("LABEL"));
    let mut undecided = columns(&db, "fraud");
    (undecided.prediction, undecided.score) = (None, None);
    assert!(query(&rule("f1"), "fraud", &undecided, None).unwrap_err().contains("PREDICTION"));
}

#[tokio::test(flavor = "current_thread")]
async fn every_metric_of_an_empty_model_is_one_row_without_data() {
    let db = database().await;
    db.sql(
        "INSERT INTO fraud (time, id, amount, country) VALUES ('2025-06-01', 'old', 1, 'a');
            CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud",
    )
    .await
    .unwrap();
    for metric in Metric::ALL {
        let model = if metric.of() == name::Of::Regression { "price" } else { "fraud" };
        let read = MetricRule { min_rows: None, ..rule(metric.name()) };
        let found = row(&db, &read, model, Some(HOUR)).await;
        let counts = matches!(metric, Metric::Throughput | Metric::Predictions);
        assert_eq!((found.value, found.rows), (counts.then_some(0.0), Some(0.0)), "{metric:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_runs_is_judged_over_the_last_minutes() {
    let db = database().await;
    // A hundred and one in the window, of which every tenth failed; the rest lies just outside of it.
    let values = values(101, |at| {
        let error = ["'down'", "''"].get(at % 10).unwrap_or(&"NULL");
        format!(
            "('2026-01-01T23:{:02}:{:02}Z', '{at}', {:?}, {error})",
            55 + at / 60,
            at % 60,
            at as f64 / 1e3
        )
    });
    db.sql(&format!(
        "INSERT INTO fraud (time, id, took_s, error) VALUES {values}, ('2026-01-01T23:54:59.999Z', 'early', 9, 'down'),
           ('2026-01-02T00:00:00Z', 'late', 9, 'down')"
    ))
    .await
    .unwrap();
    for (metric, wanted) in [
        ("latency_p50", 50.0),
        ("latency_p95", 95.0),
        ("latency_p99", 99.0),
        ("error_rate", 11.0 / 101.0),
        ("throughput", 101.0 / 300.0),
        ("predictions", 101.0),
    ] {
        let mut asked = MetricRule { min_rows: Some(101), ..rule(metric) };
        let found = row(&db, &asked, "fraud", None).await;
        assert!((found.value.unwrap() - wanted).abs() < 1e-9, "{metric}: {found:?}");
        assert_eq!(found.rows, Some(101.0), "{metric}");
        asked.min_rows = Some(102);
        assert_eq!(row(&db, &asked, "fraud", None).await.value, None, "{metric}");
        (asked.over, asked.min_rows) = (Some(HOUR), None);
        assert_eq!(row(&db, &asked, "fraud", None).await.rows, Some(102.0), "{metric}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn quality_waits_for_labels_and_says_nothing_where_too_few_came() {
    let db = database().await;
    // The window is the day that ended an hour ago: four rows of it, two with a label, one of them right.
    db.sql(
        "INSERT INTO fraud (time, id, decision, label) VALUES ('2025-12-31T23:00:00Z', 'a', 'fraud', 'fraud'),
           ('2026-01-01T12:00:00Z', 'b', 'ok', 'fraud'), ('2026-01-01T12:00:01Z', 'c', 'ok', NULL),
           ('2026-01-01T22:59:59Z', 'd', 'ok', NULL), ('2026-01-01T23:00:00Z', 'e', 'ok', 'ok'),
           ('2025-12-31T22:59:59Z', 'f', 'ok', 'ok')",
    )
    .await
    .unwrap();
    let asked = rule("accuracy");
    let found = row(&db, &asked, "fraud", Some(HOUR)).await;
    let wanted = Row { value: Some(0.5), rows: Some(4.0), labels: Some(2.0), coverage: Some(0.5) };
    assert_eq!(found, wanted);
    db.sql("INSERT INTO fraud (time, id, decision) VALUES ('2026-01-01T13:00:00Z', 'g', 'ok')")
        .await
        .unwrap();
    let found = row(&db, &asked, "fraud", Some(HOUR)).await;
    assert_eq!(found, Row { value: None, rows: Some(5.0), labels: Some(2.0), coverage: Some(0.4) });
    assert_eq!(row(&db, &MetricRule { min_rows: None, ..asked }, "fraud", None).await.value, None);
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_prediction_the_score_decides() {
    let db = database().await;
    db.sql(
        "INSERT INTO fraud (time, id, score, label) VALUES ('2026-01-01T12:00:00Z', 'a', 0.7, 'fraud'),
           ('2026-01-01T12:00:01Z', 'b', 0.69, 'fraud'), ('2026-01-01T12:00:02Z', 'c', 0.9, 'ok'),
           ('2026-01-01T12:00:03Z', 'd', 0.1, 'ok'), ('2026-01-01T12:00:04Z', 'e', 0.1, 'doubtful')",
    )
    .await
    .unwrap();
    let mut schema = columns(&db, "fraud");
    schema.prediction = None;
    for (metric, wanted) in [("accuracy", 0.6), ("precision", 0.5), ("recall", 0.5), ("f1", 0.5)] {
        let sql = query(&rule(metric), "fraud", &schema, None).unwrap().sql.replace("now()", NOW);
        let rows = db.sql(&format!("SELECT value FROM ({sql})")).await.unwrap();
        assert_eq!(rows[0].column(0).as_primitive::<Float64Type>().value(0), wanted, "{metric}: {sql}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_drift_score_is_that_of_the_column_that_drifted_most() {
    let db = database().await;
    let insert = |hour: u32, country: &str, score: usize, decision: &str| {
        let rows = values(200, |at| {
            let time = format!("2026-01-01T{hour:02}:{:02}:{:02}Z", at / 60, at % 60);
            format!("('{time}', '{at}', {at}, '{country}', {}, '{decision}')", at + score)
        });
        format!("INSERT INTO fraud (time, id, amount, country, score, decision) VALUES {rows}")
    };
    db.sql(&insert(1, "a", 0, "ok")).await.unwrap();
    db.sql("CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud").await.unwrap();
    db.sql(&insert(23, "b", 1000, "no")).await.unwrap();
    let found = row(&db, &MetricRule { min_rows: None, ..rule("drift_score") }, "fraud", None).await;
    // No country is as before.
    assert_eq!((found.value, found.rows), (Some(1.0), Some(200.0)));
    let made = query(&rule("drift_score"), "fraud", &columns(&db, "fraud"), None).unwrap();
    assert!(made.needs_baseline && !made.needs_labels);
}

#[tokio::test(flavor = "current_thread")]
async fn names_are_quoted() {
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE MODEL \"it's \"\"a\"\" model\" (id TEXT KEY, x DOUBLE FEATURE, \"the score\" DOUBLE SCORE,
              \"L\" BOOLEAN LABEL) WITH (positive = 'it''s')",
    )
    .await
    .unwrap();
    for metric in ["auc", "recall", "predictions"] {
        row(&db, &rule(metric), "it's \"a\" model", None).await;
    }
}

/// (label, prediction, score); the score from few values, so that there are ties.
fn predictions() -> impl Strategy<Value = Vec<(bool, bool, u8)>> {
    prop::collection::vec((any::<bool>(), any::<bool>(), 0u8..4), 1..24)
}

/// The share of pairs of a positive and a negative that the score has in order; ties count half.
fn area(rows: &[(bool, bool, u8)]) -> Option<f64> {
    let scores = |of: bool| rows.iter().filter(move |row| row.0 == of).map(|row| row.2);
    let pairs = scores(true).flat_map(|a| scores(false).map(move |b| (a, b)));
    let (mut won, mut n) = (0.0, 0.0);
    for (positive, negative) in pairs {
        n += 1.0;
        won += match positive.cmp(&negative) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
    }
    (n > 0.0).then_some(won / n)
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        (a, b) => a == b,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_area_counts_pairs_and_ties(rows in predictions()) {
        let found = runtime().block_on(async {
            let db = database().await;
            let values: Vec<String> = rows.iter().enumerate().map(|(at, (label, _, score))| {
                let label = if *label { "fraud" } else { "ok" };
                format!("('2026-01-01T12:00:00Z', '{at}', {score}, '{label}')")
            }).collect();
            db.sql(&format!("INSERT INTO fraud (time, id, score, label) VALUES {}", values.join(", "))).await.unwrap();
            row(&db, &rule("auc"), "fraud", None).await
        });
        prop_assert!(near(found.value, area(&rows)), "{found:?}");
        prop_assert_eq!(found.labels, Some(rows.len() as f64));
    }

    #[test]
    fn errors_of_numbers_are_as_summed_by_hand(
        rows in prop::collection::vec((-50i32..50, -50i32..50), 1..24), unlabelled in 0usize..4
    ) {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|row| f64::from(row.0)).sum::<f64>() / n;
        let sum = |f: &dyn Fn(f64, f64) -> f64| rows.iter().map(|(l, p)| f(f64::from(*l), f64::from(*p))).sum::<f64>();
        let (squares, spread) = (sum(&|l, p| (l - p).powi(2)), sum(&|l, _| (l - mean).powi(2)));
        let covered = rows.len() >= unlabelled;
        let wanted = [
            ("mae", Some(sum(&|l, p| (l - p).abs()) / n)),
            ("rmse", Some((squares / n).sqrt())),
            ("r2", (spread > 0.0).then(|| 1.0 - squares / spread)),
        ];
        let found = runtime().block_on(async {
            let db = database().await;
            let labelled = rows.iter().map(|(label, price)| (label.to_string(), *price));
            let all = labelled.chain(std::iter::repeat_n(("NULL".to_owned(), 7), unlabelled)).enumerate();
            let values: Vec<String> = all
                .map(|(at, (label, price))| format!("('2026-01-01T12:00:00Z', '{at}', {price}, {label})"))
                .collect();
            db.sql(&format!("INSERT INTO price (time, id, price, truth) VALUES {}", values.join(", "))).await.unwrap();
            let mut found = Vec::new();
            for (metric, _) in &wanted {
                found.push(row(&db, &rule(metric), "price", None).await.value);
            }
            found
        });
        for ((metric, wanted), found) in wanted.into_iter().zip(found) {
            prop_assert!(near(found, wanted.filter(|_| covered)), "{}: {:?}, not {:?}", metric, found, wanted);
        }
    }
}
