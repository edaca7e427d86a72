//! Detectors of streams and what is said of series, through SQL: the golden streams are written, and come out as
//! the golden signals.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, TimestampNanosecondArray};
use driftline_query::Database;
use driftline_query::stats::changepoint::{ChangeCost, ChangeParameters, changepoints};
use driftline_query::stats::forecast::fit;
use driftline_query::stats::stream::{Kswin, KswinParameters, Signal};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::golden_streams::Piece;
use crate::support::{batch, error, one, rows, strings, to_table};

const SECOND: i64 = 1_000_000_000;

#[derive(Deserialize)]
struct Stream {
    name: String,
    pieces: Vec<Piece>,
    parameters: HashMap<String, String>,
    drifts: Vec<[i64; 2]>,
    warnings: Vec<[i64; 2]>,
}

impl Stream {
    fn values(&self) -> Vec<f64> {
        self.pieces.iter().flat_map(Piece::values).collect()
    }

    /// The arguments that the case sets, as our functions call them.
    fn arguments(&self) -> String {
        let argument = |(name, value): (&String, &String)| match (name.as_str(), value.parse::<f64>()) {
            ("two_sided_test", _) => format!(", two_sided => {value}"),
            ("lambda_val", _) => format!(", lambda => {value}"),
            (name, Ok(_)) => format!(", {name} => {value}"),
            (name, Err(_)) => format!(", {name} => '{value}'"),
        };
        self.parameters.iter().map(argument).collect()
    }

    /// Kind and row, from 1, of each signal.
    fn expected(&self) -> Vec<(i64, String)> {
        let rows = |ranges: &[[i64; 2]], kind: &str| {
            let rows = ranges.iter().flat_map(|[from, to]| *from..=*to);
            rows.map(|row| (row + 1, kind.to_owned())).collect::<Vec<_>>()
        };
        let mut all = [rows(&self.drifts, "change"), rows(&self.warnings, "warning")].concat();
        all.sort();
        all
    }
}

fn golden<C: DeserializeOwned>(json: &str) -> Vec<C> {
    let cases: Vec<C> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    cases
}

/// A database with the streams of golden cases in table `s`, each under its place as `name`: in three batches, the last
/// of which stays in memory. Rows of a batch come in the order of `place`.
async fn with_streams(streams: &[Vec<f64>], place: fn(usize, usize) -> usize) -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE s (time TIMESTAMP TIME, name TEXT TAG, x DOUBLE)").await.unwrap();
    for part in 0..3 {
        let mut all: Vec<(usize, usize, f64)> = Vec::new();
        for (name, stream) in streams.iter().enumerate() {
            let rows = stream.len().div_ceil(3);
            let range = (part * rows).min(stream.len())..((part + 1) * rows).min(stream.len());
            all.extend(range.map(|row| (name, row, stream[row])));
        }
        let all: Vec<_> = (0..all.len()).map(|at| all[place(at, all.len())]).collect();
        insert(&db, &all).await;
        if part < 2 {
            db.flush().await.unwrap();
        }
    }
    db
}

async fn insert(db: &Database, all: &[(usize, usize, f64)]) {
    if all.is_empty() {
        return;
    }
    let times =
        TimestampNanosecondArray::from_iter_values(all.iter().map(|(_, row, _)| *row as i64 * SECOND));
    let names: Vec<String> = all.iter().map(|(name, ..)| name.to_string()).collect();
    let rows = batch([
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        ("name", strings(names.iter().map(String::as_str))),
        ("x", Arc::new(all.iter().map(|(.., x)| *x).collect::<Float64Array>())),
    ]);
    db.write(to_table("s", rows)).await.unwrap();
}

fn as_it_is(at: usize, _rows: usize) -> usize {
    at
}

fn backwards(at: usize, rows: usize) -> usize {
    rows - 1 - at
}

/// What a detector finds: segment, row and kind.
async fn found(db: &Database, call: &str) -> HashMap<String, Vec<(i64, String)>> {
    let mut found: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    let sql = format!("SELECT coalesce(segment, ''), row, kind FROM {call} ORDER BY 1, 2");
    for row in rows(db, &sql).await {
        found.entry(row[0].clone()).or_default().push((row[1].parse().unwrap(), row[2].clone()));
    }
    found
}

/// Cases of the same arguments are asked at once, a segment each.
async fn check(function: &str, json: &str) {
    let cases: Vec<Stream> = golden(json);
    let streams: Vec<Vec<f64>> = cases.iter().map(Stream::values).collect();
    let mut by_arguments: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, case) in cases.iter().enumerate() {
        by_arguments.entry(case.arguments()).or_default().push(place);
    }
    let db = with_streams(&streams, backwards).await;
    let mut wrong = Vec::new();
    for (arguments, places) in by_arguments {
        let names: Vec<String> = places.iter().map(|place| format!("''{place}''")).collect();
        let segment = format!("CASE WHEN name IN ({}) THEN name END", names.join(", "));
        let call = format!("{function}('s', column => 'x', segment => '{segment}'{arguments})");
        let mut found = found(&db, &call).await;
        for case in places {
            let found = found.remove(&case.to_string()).unwrap_or_default();
            let expected = cases[case].expected();
            if found != expected {
                let apart = found.iter().zip(&expected).find(|(found, expected)| found != expected);
                let (name, counts) = (&cases[case].name, (found.len(), expected.len()));
                wrong.push(format!("{name}{arguments}: {counts:?} signals, first {apart:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases disagree:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test]
async fn adwin_in_sql_is_rivers() {
    check("adwin", include_str!("../golden/adwin.json")).await;
}

#[tokio::test]
async fn page_hinkley_in_sql_is_rivers() {
    check("page_hinkley", include_str!("../golden/page_hinkley.json")).await;
}

#[tokio::test]
async fn cusum_in_sql_is_the_textbooks() {
    check("cusum", include_str!("../golden/cusum.json")).await;
}

#[tokio::test]
async fn ddm_in_sql_is_rivers() {
    check("ddm", include_str!("../golden/ddm.json")).await;
}

#[tokio::test]
async fn eddm_in_sql_is_rivers() {
    check("eddm", include_str!("../golden/eddm.json")).await;
}

#[tokio::test]
async fn hddm_a_in_sql_is_rivers() {
    check("hddm_a", include_str!("../golden/hddm_a.json")).await;
}

#[tokio::test]
async fn hddm_w_in_sql_is_rivers() {
    check("hddm_w", include_str!("../golden/hddm_w.json")).await;
}

/// Its draws are not those of river's language, so it is held against itself: which is held against river.
#[tokio::test]
async fn kswin_in_sql_is_the_detector_with_its_seed() {
    let cases: Vec<Stream> = golden(include_str!("../golden/kswin.json"));
    let streams: Vec<Vec<f64>> = cases.iter().map(Stream::values).collect();
    let db = with_streams(&streams, as_it_is).await;
    for (arguments, seed, stat_size) in [("", 42, 30), (", seed => 7, stat_size => 20", 7, 20)] {
        let call = format!("kswin('s', column => 'x', segment => 'name'{arguments})");
        let mut found = found(&db, &call).await;
        for (place, stream) in streams.iter().enumerate() {
            let parameters = KswinParameters { stat_size, ..KswinParameters::default() };
            let mut detector = Kswin::new(parameters, seed).unwrap();
            let changes = (1..).zip(stream).filter(|(_, x)| detector.update(**x) == Signal::Drift);
            let expected: Vec<(i64, String)> = changes.map(|(row, _)| (row, "change".to_owned())).collect();
            let found = found.remove(&place.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{}{arguments}", cases[place].name);
        }
    }
}

#[tokio::test]
async fn arrival_and_flushing_change_nothing_and_segments_are_streams_of_their_own() {
    let cases: Vec<Stream> = golden(include_str!("../golden/page_hinkley.json"));
    let streams: Vec<Vec<f64>> = cases.iter().take(25).map(Stream::values).collect();
    let (ordered, late) = (with_streams(&streams, as_it_is).await, with_streams(&streams, backwards).await);
    for function in ["adwin", "page_hinkley", "cusum", "kswin"] {
        let segments =
            format!("SELECT * FROM {function}('s', column => 'x', segment => 'name') ORDER BY segment, time");
        let all = rows(&ordered, &segments).await;
        assert!(all.len() > 5, "{function}: {all:?}");
        assert_eq!(rows(&late, &segments).await, all, "{function}");
        // One stream holds all rows: many of one time, and still in one order.
        let whole = format!("SELECT * FROM {function}('s', column => 'x')");
        let found = rows(&ordered, &whole).await;
        assert_eq!(rows(&late, &whole).await, found, "{function}");
        let count = format!("SELECT {function}_count(x ORDER BY time) FROM s");
        assert_eq!(one(&late, &count).await, found.len().to_string(), "{function}");
    }
    let before = rows(&ordered, "SELECT * FROM adwin('s', column => 'x')").await;
    ordered.flush().await.unwrap();
    assert_eq!(rows(&ordered, "SELECT * FROM adwin('s', column => 'x')").await, before);
    // A stream of a table of its own.
    let own = with_streams(&streams[14..15], as_it_is).await;
    let own =
        rows(&own, "SELECT time, row, value, mean_before, mean_after FROM adwin('s', column => 'x')").await;
    let segment = rows(
        &ordered,
        "SELECT time, row, value, mean_before, mean_after FROM adwin('s', column => 'x', segment => 'name') WHERE segment = '14'",
    )
    .await;
    assert_eq!(segment, own);
}

#[tokio::test]
async fn counts_are_the_changes_of_the_table_functions() {
    let cases: Vec<Stream> = golden(include_str!("../golden/hddm_w.json"));
    let streams: Vec<Vec<f64>> = cases.iter().map(Stream::values).collect();
    let db = with_streams(&streams, as_it_is).await;
    let detectors = [
        ("adwin", "", ""),
        ("cusum", "baseline_rows => 50", ", 50"),
        ("kswin", "alpha => 0.01", ", alpha => 0.01"),
        ("ddm", "warm_start => 20", ", warm_start => 20"),
        ("eddm", "", ""),
        ("hddm_a", "drift_confidence => 0.01", ", 0.01"),
        ("hddm_w", "", ""),
        (
            "page_hinkley",
            "min_instances => 10, delta => 0.1, threshold => 5, alpha => 1, mode => 'up'",
            ", 10, 0.1, 5, 1, 'up'",
        ),
    ];
    for (function, named, placed) in detectors {
        let comma = if named.is_empty() { "" } else { ", " };
        let table = format!(
            "SELECT segment, count(*) FROM {function}('s', column => 'x', segment => 'name'{comma}{named}) WHERE kind = 'change' GROUP BY 1 ORDER BY 1"
        );
        let count = format!(
            "SELECT * FROM (SELECT name, {function}_count(x{placed} ORDER BY time) AS n FROM s GROUP BY name) WHERE n > 0 ORDER BY 1"
        );
        let found = rows(&db, &table).await;
        assert!(!found.is_empty(), "{function}");
        assert_eq!(rows(&db, &count).await, found, "{function}");
    }
}

#[tokio::test]
async fn one_inner_scan_of_the_needed_columns_serves_a_call() {
    let db = with_streams(&[vec![0.0; 10]], as_it_is).await;
    let sql = "EXPLAIN SELECT row FROM adwin('s', column => 'x', from => '1970-01-01T00:00:02Z', segment => 'upper(NAME)')";
    let plan = rows(&db, sql).await.concat().join("\n");
    let physical = plan.split("physical_plan").last().unwrap();
    assert!(physical.contains("ValuesExec: adwin(s)") && physical.contains("SortExec"), "{plan}");
    assert_eq!(physical.matches("DriftlineScan").count(), 1, "{plan}");
    assert!(physical.contains("columns=[time, name, x], parts=3, time=[2000000000,"), "{plan}");
}

#[derive(Deserialize)]
struct Steps {
    name: String,
    pieces: Vec<Piece>,
    rows_min: usize,
    penalty: Option<String>,
    starts: Vec<usize>,
}

#[tokio::test]
async fn change_points_in_sql_are_ruptures() {
    let cases: Vec<Steps> = golden(include_str!("../golden/changepoints.json"));
    let streams: Vec<Vec<f64>> =
        cases.iter().map(|case| case.pieces.iter().flat_map(Piece::values).collect()).collect();
    let db = with_streams(&streams, backwards).await;
    for (place, case) in cases.iter().enumerate() {
        let penalty = case.penalty.as_ref().map(|text| format!(", penalty => {text}")).unwrap_or_default();
        let sql = format!(
            "SELECT row FROM changepoints('s', column => 'CASE WHEN name = ''{place}'' THEN x END', rows_min => {}{penalty}) ORDER BY 1",
            case.rows_min
        );
        let expected: Vec<String> = case.starts.iter().map(|start| (start + 1).to_string()).collect();
        assert_eq!(rows(&db, &sql).await.concat(), expected, "{}", case.name);
    }
    let sql = "SELECT row FROM changepoints('s', column => 'x', segment => 'name', cost => 'mean_variance') WHERE segment = '3' ORDER BY 1";
    let parameters = ChangeParameters { cost: ChangeCost::MeanVariance, ..ChangeParameters::default() };
    let expected = changepoints(&streams[3], &parameters).unwrap();
    let expected: Vec<String> = expected.iter().map(|start| (start + 1).to_string()).collect();
    assert_eq!(rows(&db, sql).await.concat(), expected);
}

#[derive(Deserialize)]
struct Seasonal {
    name: String,
    pieces: Vec<Piece>,
    season: usize,
}

#[tokio::test]
async fn forecasts_in_sql_are_those_of_the_golden_series() {
    let cases: Vec<Seasonal> = golden(include_str!("../golden/forecast.json"));
    let sum = |case: &Seasonal| {
        let mut pieces = case.pieces.iter().map(Piece::values);
        let first = pieces.next().unwrap();
        pieces.fold(first, |sum, piece| sum.iter().zip(piece).map(|(a, b)| a + b).collect())
    };
    let streams: Vec<Vec<f64>> = cases.iter().map(sum).collect();
    let db = with_streams(&streams, backwards).await;
    for (place, case) in cases.iter().enumerate().step_by(4) {
        let season = (case.season > 0).then_some(case.season);
        let argument = season.map(|season| format!(", season => {season}")).unwrap_or_default();
        let sql = format!(
            "SELECT time, value, low, high FROM forecast('s', column => 'CASE WHEN name = ''{place}'' THEN x END', every => '1s', horizon => 7, level => 0.8{argument}) ORDER BY time"
        );
        let expected = fit(&streams[place], season).unwrap().forecast(7, 0.8).unwrap();
        let found = rows(&db, &sql).await;
        assert_eq!(found.len(), 7, "{}", case.name);
        for (found, expected) in found.iter().zip(expected) {
            let found: Vec<f64> = found[1..].iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(found, [expected.value, expected.low, expected.high], "{}", case.name);
        }
        let next = format!("SELECT to_timestamp({})::text", streams[place].len());
        let at = format!("SELECT min(time)::text FROM ({sql})");
        assert_eq!(one(&db, &at).await, one(&db, &next).await, "{}", case.name);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let db = crate::support::fraud().await;
    for (call, said) in [
        ("adwin('fraude', column => 'amount')", "fraude"),
        ("adwin('fraud')", "adwin: argument `column` is missing"),
        ("adwin('fraud', column => 'amuont')", "argument `column` must be a column of fraud"),
        ("adwin('fraud', column => 'country')", "must be of numbers or booleans; 'country' is"),
        ("adwin('fraud', column => 'sum(amount)')", "an expression of the columns of one row"),
        ("adwin('fraud', column => 'random()')", "the same whenever it is asked"),
        ("adwin('fraud', column => '(SELECT 1)')", "argument `column` must be"),
        (
            "adwin('fraud', column => 'amount', delta => 2)",
            "adwin: argument `delta` must be above 0 and below 1",
        ),
        ("adwin('fraud', column => 'amount', delta => 'x')", "argument `delta` must be a number, not x"),
        ("adwin('fraud', column => 'amount', clock => -1)", "argument `clock` must be a whole number"),
        ("adwin('fraud', column => 'amount', slack => 1)", "there is no argument slack; adwin takes source"),
        ("adwin('fraud', column => 'amount', from => '2026-01-02', to => '2026-01-01')", "range is empty"),
        (
            "page_hinkley('fraud', column => 'amount', mode => 'side')",
            "`mode` must be 'up', 'down' or 'both'",
        ),
        (
            "kswin('fraud', column => 'amount', stat_size => 60)",
            "`stat_size` must be 1 to half of window_size",
        ),
        ("ddm('fraud', column => 'amount')", "ddm: a value must be 1 for an error and 0 for none"),
        ("hddm_w('fraud', column => 'score', two_sided => 1)", "`two_sided` must be true or false, not 1"),
        ("changepoints('fraud', column => 'amount', penalty => -1)", "`penalty` must be 0 or more"),
        ("changepoints('fraud', column => 'amount', cost => 'median')", "'mean' or 'mean_variance'"),
        ("period('fraud', column => 'amount')", "period: argument `every` is missing"),
        (
            "period('fraud', column => 'amount', every => '1h', alpha => 1)",
            "`alpha` must be above 0 and below 1",
        ),
        ("forecast('fraud', column => 'amount', every => '1h')", "forecast: argument `horizon` is missing"),
        ("forecast('fraud', column => 'amount', every => '1 month', horizon => 1)", "not months"),
        (
            "forecast('fraud', column => 'amount', every => '1h', horizon => 1, level => 90)",
            "`level` must be above 0",
        ),
        (
            "forecast('fraud', column => 'amount', every => '1h', horizon => 1, season => 1)",
            "from 2 to 10000",
        ),
    ] {
        let message = error(&db, &format!("SELECT * FROM {call}")).await.to_string();
        assert!(message.contains(said), "{call}: {message}");
    }
    let rows_one = "SELECT kind, row FROM ddm('Fraud', column => 'Decision <> ''ok''', warm_start => 0)";
    assert_eq!(rows(&db, rows_one).await, [["change", "2"]]);
}

/// The rows that the pages of documentation speak of.
async fn of_the_docs() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql(
        "CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE, latency_ms DOUBLE, decision TEXT PREDICTION,
                             label TEXT LABEL, version TEXT TAG, country TEXT TAG) WITH (positive = 'fraud');
         INSERT INTO fraud (time, id, amount, latency_ms, decision, label, version, country)
         SELECT to_timestamp(1767225600 + v * 1800), 'p' || v, v % 24 + CASE WHEN v >= 700 THEN 100 ELSE 0 END, v % 48 + v % 7,
                CASE WHEN v % 9 = 0 THEN 'fraud' ELSE 'ok' END, CASE WHEN v > 500 AND v % 3 = 0 OR v % 9 = 0 THEN 'fraud' ELSE 'ok' END,
                'v' || (v % 2), CASE WHEN v % 3 = 0 THEN 'DE' ELSE 'FR' END
         FROM (SELECT unnest(range(0, 960)) AS v)",
    )
    .await
    .unwrap();
    db
}

#[tokio::test]
async fn the_examples_of_the_pages_run() {
    let db = of_the_docs().await;
    let pages = [include_str!("../../docs/streams.md"), include_str!("../../docs/anomalies.md")];
    for page in pages {
        let examples: Vec<&str> =
            page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(examples.len() >= 4, "{examples:?}");
        for example in examples {
            let found = db.sql(example).await.unwrap_or_else(|error| panic!("{example}: {error}"));
            assert!(found.iter().any(|batch| batch.num_rows() > 0), "{example} gave nothing");
        }
    }
}
