//! Rows that go, and rows that take the place of others.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;
use driftline_query::storage::{EngineOptions, ManualClock};
use driftline_query::{Access, Database, DatabaseOptions, QueryError, datafusion};
use futures::TryStreamExt;

use crate::support::{directory, error, fraud, one, rows, texts};

const COLUMNS: &str = "(time TIMESTAMP TIME, region TEXT TAG, n BIGINT, x DOUBLE, s TEXT, b BOOLEAN)";

/// Rows with nulls, NaN and equal times.
const ROWS: &str = "VALUES
    ('2026-01-01T00:00:00Z', 'eu', 1, 0.5, 'a', true), ('2026-01-01T00:00:00Z', 'eu', 2, 1.5, 'b', false),
    ('2026-01-01T01:00:00Z', 'us', 3, 'NaN'::DOUBLE, 'b', NULL), ('2026-01-02T00:00:00Z', NULL, NULL, NULL, NULL, true),
    ('2026-01-03T00:00:00Z', 'us', 5, -0.0, '', false), ('2026-01-03T00:00:00Z', 'as', 6, 1e300, 'ü', true)";

/// Each with what DataFusion makes of it: casts, swapped sides, ranges, lists.
const CONDITIONS: [&str; 33] = [
    "n = 2",
    "2 < n",
    "n <> 3",
    "n > 2.5",
    "n >= 2.5",
    "n < 2.5",
    "n <= 2.5",
    "n = 2.5",
    "n <> 2.5",
    "n = 2.0",
    "x > 1",
    "x = 'NaN'::DOUBLE",
    "x = 0.0",
    "s = 'b'",
    "s IN ('a', 'b', 'zz')",
    "s NOT IN ('a', 'b')",
    "s IS NULL",
    "region = 'eu' AND n >= 2",
    "region = 'eu' OR s = ''",
    "NOT (region = 'eu' OR n = 5)",
    "region IS NOT NULL",
    "b",
    "NOT b",
    "b IS NULL",
    "time < '2026-01-02T00:00:00Z'",
    "time BETWEEN '2026-01-01T00:30:00Z' AND '2026-01-02T12:00:00Z'",
    "time >= '2026-01-03T00:00:00Z' AND s <> ''",
    "n BETWEEN 2 AND 5",
    "n NOT BETWEEN 2 AND 5",
    "false",
    "1 = 0",
    "n = 1 AND n = 2",
    "true",
];

#[tokio::test]
async fn a_delete_leaves_what_its_condition_is_not_true_for() {
    let db = Database::open_in_memory().unwrap();
    for (at, condition) in CONDITIONS.iter().enumerate() {
        for flushed in [false, true] {
            let table = format!("t{at}_{flushed}");
            db.sql(&format!("CREATE TABLE {table} {COLUMNS}; INSERT INTO {table} {ROWS}")).await.unwrap();
            if flushed {
                db.flush().await.unwrap();
            }
            let all = format!("SELECT * FROM {table}");
            let kept = format!("{all} WHERE ({condition}) IS NOT TRUE ORDER BY time, n, x");
            let expected = rows(&db, &kept).await;
            let count = one(&db, &format!("SELECT count(*) FROM {table} WHERE {condition}")).await;
            assert_eq!(
                one(&db, &format!("DELETE FROM {table} WHERE {condition}")).await,
                count,
                "{condition}"
            );
            let left = format!("{all} ORDER BY time, n, x");
            assert_eq!(rows(&db, &left).await, expected, "{condition}, flushed {flushed}");
            assert_eq!(one(&db, &format!("SELECT count(*) FROM {table}")).await, expected.len().to_string());
            db.flush().await.unwrap();
            assert_eq!(rows(&db, &left).await, expected, "{condition}, flushed {flushed}, and after");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_said_of_a_delete_is_refused_and_nothing_goes() {
    let db = fraud().await;
    for sql in [
        "DELETE FROM fraud WHERE id LIKE 'a%'",
        "DELETE FROM fraud WHERE length(id) = 1",
        "DELETE FROM fraud WHERE amount > score",
        "DELETE FROM fraud WHERE id IN (SELECT id FROM fraud)",
        "DELETE FROM fraud WHERE amount > (SELECT min(amount) FROM fraud)",
        "DELETE FROM fraud USING system.tables AS s WHERE s.name = fraud.id",
        "DELETE FROM fraud WHERE label = 'ok'",
        "DELETE FROM fraud LIMIT 1",
        "DELETE FROM fraud WHERE id = 'a' RETURNING id",
        "DELETE FROM system.models",
        "DELETE FROM nowhere",
        "DELETE FROM fraud WHERE nothing = 1",
    ] {
        let error = error(&db, sql).await;
        assert!(matches!(error, QueryError::Invalid(_) | QueryError::NotFound(_)), "{sql}: {error:?}");
        println!("{sql}\n    {error}");
        assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "3", "{sql}");
    }
}

#[tokio::test]
async fn names_without_quotes_and_parameters_are_understood() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE \"Calls\" (time TIMESTAMP TIME, \"Cost\" BIGINT)").await.unwrap();
    let values = "('2026-01-01T00:00:00Z', 1), ('2026-01-01T00:00:01Z', 2), ('2026-01-01T00:00:02Z', 3)";
    db.sql(&format!("INSERT INTO calls VALUES {values}")).await.unwrap();
    assert_eq!(one(&db, "DELETE FROM CALLS WHERE calls.cost = 1").await, "1");
    let prepared = db.prepare("DELETE FROM calls WHERE cost = $1", Access::Network).await.unwrap();
    assert_eq!(prepared.schema().fields().len(), 0);
    let parameters = Schema::new(vec![Field::new("$1", DataType::Int64, true)]);
    assert_eq!(prepared.parameters().as_ref(), &parameters);
    assert_eq!(one(&db, "SELECT count(*) FROM calls").await, "2", "preparing deletes nothing");
    let done: Vec<_> =
        prepared.execute(&[ScalarValue::Int64(Some(3))]).await.unwrap().try_collect().await.unwrap();
    assert_eq!(texts(&done), [["1"]]);
    assert_eq!(rows(&db, "SELECT cost FROM calls").await, [["2"]]);
    assert_eq!(one(&db, "TRUNCATE TABLE calls").await, "1");
    assert_eq!(one(&db, "SELECT count(*) FROM calls").await, "0");
}

#[tokio::test]
async fn a_key_written_again_takes_the_place_of_the_first() {
    let path = directory("replaced");
    let db = Database::open(&path).unwrap();
    db.sql("CREATE TABLE calls (time TIMESTAMP TIME, model TEXT TAG, id TEXT KEY, cost BIGINT)")
        .await
        .unwrap();
    let write = |cost: i64, model: &str| {
        format!("INSERT INTO calls VALUES ('2026-01-01T00:00:00Z', '{model}', 'a', {cost})")
    };
    db.sql(&write(1, "m")).await.unwrap();
    db.flush().await.unwrap();
    db.sql(&write(2, "m")).await.unwrap();
    db.sql(&write(3, "m")).await.unwrap();
    db.sql(&write(9, "other")).await.unwrap();
    let expected = [["m", "3"], ["other", "9"]];
    let all = "SELECT model, cost FROM calls ORDER BY model";
    assert_eq!(rows(&db, all).await, expected);
    assert_eq!(one(&db, "SELECT count(*) FROM calls").await, "2");
    db.flush().await.unwrap();
    assert_eq!(rows(&db, all).await, expected, "after a flush");
    assert_eq!(one(&db, "SELECT count(*) FROM calls").await, "2");
    db.engine().compact().unwrap();
    db.close().await.unwrap();
    drop(db);
    let db = Database::open(&path).unwrap();
    assert_eq!(rows(&db, all).await, expected, "after a compaction and a reopening");
}

#[tokio::test]
async fn metrics_without_a_key_keep_the_last_of_each_time_where_told_so() {
    let db = Database::open_in_memory().unwrap();
    let create = |name: &str, with: &str| {
        format!("CREATE TABLE {name} (time TIMESTAMP TIME, host TEXT TAG, v BIGINT) {with}")
    };
    db.sql(&create("last", "WITH (dedup = 'last')")).await.unwrap();
    db.sql(&create("every", "")).await.unwrap();
    for table in ["last", "every"] {
        for v in 1..=3 {
            let values = format!("('2026-01-01T00:00:00Z', 'h', {v}), ('2026-01-01T00:00:00Z', 'i', {v})");
            db.sql(&format!("INSERT INTO {table} VALUES {values}")).await.unwrap();
        }
    }
    assert_eq!(rows(&db, "SELECT host, v FROM last ORDER BY host").await, [["h", "3"], ["i", "3"]]);
    assert_eq!(one(&db, "SELECT count(*) FROM every").await, "6");
    let error = error(&db, &create("odd", "WITH (dedup = 'first')")).await.to_string();
    assert!(error.contains("dedup") && error.contains("last or none"), "{error}");
}

#[tokio::test]
async fn the_retention_of_a_model_is_that_of_its_predictions_and_labels() {
    let path = directory("retention");
    let open = |days: i64| {
        let clock = Arc::new(ManualClock::at(1_767_225_600_000_000_000 + days * 86_400_000_000_000));
        let engine = EngineOptions { clock, ..EngineOptions::default() };
        Database::open_with(&path, DatabaseOptions { engine, ..DatabaseOptions::default() }).unwrap()
    };
    let db = open(0);
    let with = "WITH (retention = '1 day', retention_bytes = '1 GB')";
    db.sql(&format!("CREATE MODEL m (id TEXT KEY, label TEXT LABEL) {with}")).await.unwrap();
    db.sql("INSERT INTO m (time, id) SELECT now(), 'old'").await.unwrap();
    db.close().await.unwrap();
    drop(db);
    let db = open(3);
    db.sql("INSERT INTO m (time, id) SELECT now(), 'new'").await.unwrap();
    db.flush().await.unwrap();
    db.engine().expire().unwrap();
    assert_eq!(rows(&db, "SELECT id FROM m").await, [["new"]]);
    let snapshot = db.engine().snapshot();
    let kept: Vec<_> =
        snapshot.tables().values().map(|table| table.options.get("retention").cloned()).collect();
    assert_eq!(kept, vec![Some("1 day".to_owned()); 2]);
    let wrong = error(&db, "CREATE TABLE t (x DOUBLE) WITH (retention_bytes = 'much')").await.to_string();
    assert!(wrong.contains("\"much\" is no size"), "{wrong}");
}
