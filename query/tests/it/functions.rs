//! `drift` and `drift_over_time` over a database, and DISTRIBUTIONs in tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use driftline_query::Database;

use crate::support::{batch, error, one, rows, strings, times, to_labels, to_table};

const DAY: i64 = 86_400;

/// Forty days of predictions from 2026-01-01, one every 10 minutes; from the 21st day on the amounts are higher and a
/// country appears. The baseline is the first ten days.
async fn drifting() -> Database {
    let db = Database::open_in_memory().unwrap();
    let model = "CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE, age BIGINT FEATURE, country TEXT FEATURE CATEGORICAL,
                   score DOUBLE SCORE, decision TEXT PREDICTION, label TEXT LABEL, version TEXT TAG, embedding VECTOR(2) EMBEDDING)
                   WITH (positive = 'fraud')";
    db.sql(model).await.unwrap();
    let n = 40 * 144_usize;
    let seconds: Vec<i64> = (0..n as i64).map(|i| 1_767_225_600 + i * 600).collect();
    let late = |i: usize| i >= 20 * 144;
    let spread = |i: usize| ((i * 7_919) % 1_000) as f64 / 10.0;
    let amount: Float64Array =
        (0..n).map(|i| (i % 10 > 0).then(|| spread(i) + if late(i) { 60.0 } else { 0.0 })).collect();
    let age: Int64Array = (0..n).map(|i| Some((i * 31 % 70) as i64)).collect();
    let country = (0..n).map(|i| match i % 3 {
        0 => "DE",
        1 if late(i) => "XX",
        _ => "FR",
    });
    let score: Float64Array = (0..n).map(|i| Some(spread(i) / 100.0)).collect();
    let decision = (0..n).map(|i| if spread(i) > 90.0 { "fraud" } else { "ok" });
    let ids: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    let rows = batch([
        ("time", times(&seconds)),
        ("id", strings(ids.iter().map(String::as_str))),
        ("amount", Arc::new(amount) as ArrayRef),
        ("age", Arc::new(age)),
        ("country", strings(country)),
        ("score", Arc::new(score)),
        ("decision", strings(decision)),
        ("version", strings((0..n).map(|i| if i % 2 == 0 { "v1" } else { "v2" }))),
    ]);
    db.write(to_table("fraud", rows)).await.unwrap();
    let labels = batch([("id", strings(["0", "1", "2"])), ("label", strings(["ok", "fraud", "fraud"]))]);
    db.write(to_labels("fraud", labels)).await.unwrap();
    db.sql("CREATE BASELINE training FOR MODEL fraud AS SELECT * FROM fraud WHERE time < '2026-01-11'")
        .await
        .unwrap();
    db
}

#[tokio::test]
async fn drift_names_the_columns_that_changed() {
    let db = drifting().await;
    let found = rows(
        &db,
        "SELECT feature, kind, method, drifted, n_reference, n_current, new_categories
         FROM drift('fraud', from => '2026-01-21', to => '2026-01-31')",
    )
    .await;
    let expected = [
        ["amount", "numeric", "rank+ks/binned", "true", "1296", "1296", "null"],
        ["age", "numeric", "rank+ks/binned", "false", "1440", "1440", "null"],
        ["country", "categorical", "chi2/exact", "true", "1440", "1440", "1"],
        ["score", "numeric", "rank+ks/binned", "false", "1440", "1440", "null"],
        ["decision", "categorical", "chi2/exact", "false", "1440", "1440", "null"],
    ];
    for (found, expected) in found.iter().zip(expected) {
        // The decisions have no new categories: 0, not NULL.
        let expected =
            if expected[0] == "decision" { [&expected[..6], &["0"]].concat() } else { expected.to_vec() };
        assert_eq!(*found, expected);
    }
    assert_eq!(found.len(), 5);
}

#[tokio::test]
async fn drift_says_what_the_functions_say_of_the_same_rows() {
    let db = drifting().await;
    let (reference, current) = ("time < '2026-01-11'", "time >= '2026-01-18' AND time < '2026-01-25'");
    for column in ["amount", "age", "country", "decision"] {
        let call = format!(
            "SELECT psi, js_distance FROM drift('Fraud', exact => true, baseline => 'Training', window => '7 days', at => '2026-01-25') WHERE feature = '{column}'"
        );
        let pair = format!(
            "distribution({column}) FILTER (WHERE {reference}), distribution({column}) FILTER (WHERE {current})"
        );
        let functions = format!("SELECT psi({pair}), js_distance({pair}) FROM fraud");
        assert_eq!(rows(&db, &call).await, rows(&db, &functions).await, "{column}");
    }
    let call = "SELECT statistic FROM drift('fraud', exact => true, from => '2026-01-18', to => '2026-01-25') WHERE feature = 'amount'";
    let test =
        format!("SELECT ks_test_statistic(amount, {current}) FROM fraud WHERE ({reference}) OR ({current})");
    assert_eq!(rows(&db, call).await, rows(&db, &test).await);
}

#[tokio::test]
async fn drift_over_time_is_drift_window_by_window() {
    let db = drifting().await;
    let weeks = rows(
        &db,
        "SELECT * FROM drift_over_time('fraud', window => INTERVAL '7 days') ORDER BY window_start, feature",
    )
    .await;
    // From Thursday, 1 January, 40 days: five whole weeks.
    assert_eq!(weeks.len(), 5 * 5);
    for week in 0..5 {
        let at = 1_767_225_600 + (week + 1) * 7 * DAY;
        let one = format!(
            "SELECT * FROM drift('fraud', window => '7 days', at => to_timestamp({at})) ORDER BY feature"
        );
        let from = week as usize * 5;
        assert_eq!(weeks[from..from + 5], rows(&db, &one).await, "week {week}");
    }
}

#[tokio::test]
async fn a_range_reports_only_what_lies_in_it() {
    let db = drifting().await;
    let starts = |range: &'static str| {
        let sql = format!(
            "SELECT DISTINCT window_start::date::text FROM drift_over_time('fraud', window => '7 days'{range}) ORDER BY 1"
        );
        let db = db.clone();
        async move { rows(&db, &sql).await.concat() }
    };
    let all = ["2026-01-01", "2026-01-08", "2026-01-15", "2026-01-22", "2026-01-29"];
    assert_eq!(starts("").await, all);
    assert_eq!(starts(", from => '2026-01-02'").await, all[1..]);
    assert_eq!(starts(", to => '2026-01-28T23:59:59Z'").await, all[..3]);
    assert_eq!(starts(", from => date '2026-01-08', to => timestamp '2026-01-22'").await, all[1..3]);
    assert_eq!(starts(", from => '2026-01-02', to => '2026-01-09'").await, [""; 0]);
    assert_eq!(starts(", to => '2027-01-01'").await[5..], ["2026-02-05"]);
}

#[tokio::test]
async fn flushing_changes_nothing() {
    let db = drifting().await;
    let sql = "SELECT * FROM drift_over_time('fraud', window => '1 day', baseline => 'training')";
    let before = rows(&db, sql).await;
    db.flush().await.unwrap();
    assert_eq!(rows(&db, sql).await, before);
}

#[tokio::test]
async fn one_aggregation_of_the_needed_columns_serves_all_and_joins_no_labels() {
    let db = drifting().await;
    let plan = rows(
        &db,
        "EXPLAIN SELECT feature, psi FROM drift_over_time('fraud', window => '1 day', from => '2026-01-05')",
    )
    .await;
    let physical = &plan.last().unwrap()[1];
    assert!(physical.contains("DriftExec: model=fraud, baseline=training"), "{physical}");
    assert_eq!(physical.matches("from=cells, columns=[").count(), 1, "{physical}");
    assert!(!physical.to_lowercase().contains("label"), "{physical}");
}

#[tokio::test]
async fn only_the_features_asked_for_are_counted() {
    let db = drifting().await;
    let call = "drift_over_time('fraud', window => '1 day', from => '2026-01-05')";
    let plan =
        rows(&db, &format!("EXPLAIN SELECT psi FROM {call} WHERE feature LIKE 'a%' AND psi > 0.1")).await;
    let physical = &plan.last().unwrap()[1];
    assert!(physical.contains("columns=[amount, age]"), "{physical}");
    for feature in
        ["= 'amount'", "<> 'amount'", "IN ('age', 'country')", "= 'nothing'", "LIKE 'a%' OR psi > 0.1"]
    {
        let some = rows(&db, &format!("SELECT * FROM {call} WHERE feature {feature}")).await;
        let all = format!("SELECT * FROM (SELECT * FROM {call} LIMIT 1000000) WHERE feature {feature}");
        assert_eq!(some, rows(&db, &all).await, "{feature}");
    }
    assert!(
        rows(&db, "SELECT count(*) FROM drift('fraud', window => '1h') WHERE feature = 'nothing'").await[0]
            [0]
            == "0"
    );
}

#[tokio::test]
async fn a_window_without_rows_has_nothing_to_say() {
    let db = drifting().await;
    let sql = "SELECT n_current, psi, drifted, missing_current FROM drift('fraud', window => '1h', at => '2025-01-01')";
    let nothing: Vec<String> = ["0", "null", "null", "null"].map(str::to_string).to_vec();
    assert_eq!(rows(&db, sql).await, vec![nothing; 5]);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let db = drifting().await;
    for (call, said) in [
        ("drift('fraude', window => '1h')", "fraude"),
        ("drift('fraud', baseline => 'test', window => '1h')", "test"),
        ("drift('fraud')", "say which window"),
        ("drift_over_time('fraud', window => '1 month')", "not months"),
    ] {
        let message = error(&db, &format!("SELECT * FROM {call}")).await.to_string();
        assert!(message.contains(said), "{call}: {message}");
    }
}

#[tokio::test]
async fn arguments_may_be_parameters() {
    use datafusion::scalar::ScalarValue;
    use driftline_query::Access;
    use driftline_query::datafusion;
    use futures::TryStreamExt;

    let db = drifting().await;
    let sql = "SELECT feature FROM drift('fraud', window => '7 days', at => '2026-01-31') WHERE psi > $1 ORDER BY psi DESC";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    let stream = prepared.execute(&[ScalarValue::Float64(Some(0.2))]).await.unwrap();
    let batches: Vec<_> = stream.try_collect().await.unwrap();
    let mut found = crate::support::texts(&batches).concat();
    found.sort();
    assert_eq!(found, ["amount", "country"]);
}

#[tokio::test]
async fn distributions_live_in_tables() {
    let db = drifting().await;
    db.sql("CREATE TABLE daily (time TIMESTAMP TIME, d DISTRIBUTION)").await.unwrap();
    db.sql("INSERT INTO daily SELECT date_bin(INTERVAL '1 day', time), distribution(amount) FROM fraud GROUP BY 1").await.unwrap();
    let merged = "SELECT merge_distributions(d) = (SELECT distribution(amount) FROM fraud) FROM daily";
    assert_eq!(one(&db, merged).await, "true");
    let quantile = "SELECT max(distribution_quantile(d, 0.5)) > 80 FROM daily WHERE time > '2026-01-22'";
    assert_eq!(one(&db, quantile).await, "true");
    let garbage = error(&db, "SELECT distribution_count(x'00ff'::distribution)").await.to_string();
    assert!(garbage.contains("no DISTRIBUTION"), "{garbage}");
}

#[tokio::test]
async fn quality_reads_labels_that_came_later() {
    let db = drifting().await;
    let sql = "SELECT accuracy(label, decision), recall(label, decision, positive => 'fraud'), count(label) FROM fraud";
    let found = rows(&db, sql).await.remove(0);
    assert_eq!(found[2], "3");
    assert_eq!(found[0], "0.6666666666666666");
    assert_eq!(found[1], "0.5");
}
