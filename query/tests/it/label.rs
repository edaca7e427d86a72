//! Labels that arrive later than the predictions they belong to.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use driftline_query::{Database, QueryError};

use crate::support::{batch, error, fraud, one, rows, strings, times, to_labels, to_table};

const LABELS: &str = "SELECT id, label FROM fraud ORDER BY id";

fn labels(pairs: &[(&str, Option<&str>)]) -> driftline_query::Write {
    let (ids, labels): (Vec<&str>, Vec<Option<&str>>) = pairs.iter().copied().unzip();
    to_labels("fraud", batch([("id", strings(ids)), ("label", strings(labels))]))
}

fn pairs(expected: &[(&str, &str)]) -> Vec<Vec<String>> {
    expected.iter().map(|(id, label)| vec![(*id).to_owned(), (*label).to_owned()]).collect()
}

#[tokio::test]
async fn the_label_that_came_last_stands_and_rows_without_one_have_none() {
    let db = fraud().await;
    assert_eq!(rows(&db, LABELS).await, pairs(&[("a", "null"), ("b", "null"), ("c", "null")]));
    db.write(labels(&[("a", Some("ok")), ("b", Some("ok"))])).await.unwrap();
    db.write(labels(&[("b", Some("fraud")), ("unknown", Some("ok"))])).await.unwrap();
    let expected = pairs(&[("a", "ok"), ("b", "fraud"), ("c", "null")]);
    assert_eq!(rows(&db, LABELS).await, expected);
    db.flush().await.unwrap();
    assert_eq!(rows(&db, LABELS).await, expected, "flushing changes no answer");
    db.write(labels(&[("a", Some("fraud")), ("b", None)])).await.unwrap();
    assert_eq!(rows(&db, LABELS).await, pairs(&[("a", "fraud"), ("b", "null"), ("c", "null")]));
}

#[tokio::test]
async fn within_one_batch_the_later_row_stands() {
    let db = fraud().await;
    db.write(labels(&[("a", Some("ok")), ("a", Some("fraud"))])).await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'a'").await, "fraud");
}

#[tokio::test]
async fn labels_are_joined_only_where_they_are_asked_for() {
    let db = fraud().await;
    db.write(labels(&[("a", Some("ok"))])).await.unwrap();
    let joins =
        async |sql: &str| rows(&db, &format!("EXPLAIN {sql}")).await.concat().join(" ").contains("Labels");
    assert!(joins("SELECT label FROM fraud").await);
    assert!(joins("SELECT count(label) FROM fraud").await);
    assert!(!joins("SELECT id, score FROM fraud").await);
    assert!(!joins("SELECT count(*) FROM fraud").await);
    assert_eq!(one(&db, "SELECT count(label) FROM fraud").await, "1");
    assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "3");
}

#[tokio::test]
async fn labels_can_be_filtered_grouped_and_cut_by_time() {
    let db = fraud().await;
    db.write(labels(&[("a", Some("ok")), ("b", Some("fraud")), ("c", Some("fraud"))])).await.unwrap();
    assert_eq!(
        rows(&db, "SELECT label, count(*) FROM fraud GROUP BY label ORDER BY label").await,
        [["fraud", "2"], ["ok", "1"]]
    );
    assert_eq!(one(&db, "SELECT count(*) FROM fraud WHERE label = decision").await, "2");
    let late = "SELECT id FROM fraud WHERE time >= '2026-01-01T10:00:02Z' AND label = 'fraud'";
    assert_eq!(one(&db, late).await, "c");
    assert_eq!(rows(&db, "SELECT label FROM fraud ORDER BY time LIMIT 1").await, [["ok"]]);
}

#[tokio::test]
async fn a_label_written_with_its_prediction_stands_until_a_later_one_comes() {
    let db = fraud().await;
    db.sql("INSERT INTO fraud (time, id, label) VALUES ('2026-01-03T00:00:00Z', 'd', 'ok')").await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "ok");
    db.write(labels(&[("d", Some("fraud"))])).await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "fraud");
}

#[tokio::test]
async fn of_several_label_columns_each_keeps_its_own() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (k BIGINT KEY, good BOOLEAN LABEL, stars BIGINT LABEL)").await.unwrap();
    let keys = || Arc::new(Int64Array::from(vec![7])) as ArrayRef;
    db.write(to_table("m", batch([("time", times(&[1])), ("k", keys())]))).await.unwrap();
    let good: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    db.write(to_labels("m", batch([("k", keys()), ("good", good)]))).await.unwrap();
    let stars: ArrayRef = Arc::new(Int64Array::from(vec![4]));
    db.write(to_labels("m", batch([("k", keys()), ("stars", stars)]))).await.unwrap();
    assert_eq!(rows(&db, "SELECT good, stars FROM m").await, [["true", "4"]]);
    assert_eq!(rows(&db, "SELECT stars FROM m").await, [["4"]]);
    let none: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    db.write(to_labels("m", batch([("k", keys()), ("stars", none)]))).await.unwrap();
    assert_eq!(rows(&db, "SELECT good, stars FROM m").await, [["null", "null"]], "all null takes all back");
}

/// The oracle keeps labels in a map; the database keeps them in memtables and segments.
#[tokio::test]
async fn random_labels_agree_with_a_map() {
    let seed = std::env::var("DRIFTLINE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(42_u64);
    println!("DRIFTLINE_SEED={seed}");
    let mut state = seed;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL fraud (id TEXT KEY, label TEXT LABEL)").await.unwrap();
    let ids: Vec<String> = (0..40).map(|n| format!("k{n:02}")).collect();
    let all = batch([("time", times(&[5; 40])), ("id", strings(ids.iter().map(String::as_str)))]);
    db.write(to_table("fraud", all)).await.unwrap();
    let mut oracle = std::collections::BTreeMap::<String, String>::new();
    for _ in 0..30 {
        let written: Vec<(String, Option<String>)> = (0..=random(8))
            .map(|_| (format!("k{:02}", random(40)), (random(4) > 0).then(|| format!("l{}", random(3)))))
            .collect();
        for (id, label) in &written {
            oracle.insert(id.clone(), label.clone().unwrap_or_else(|| "null".into()));
        }
        let written: Vec<(&str, Option<&str>)> =
            written.iter().map(|(id, label)| (id.as_str(), label.as_deref())).collect();
        db.write(labels(&written)).await.unwrap();
        if random(5) == 0 {
            db.flush().await.unwrap();
        }
    }
    let expected: Vec<Vec<String>> = ids
        .iter()
        .map(|id| vec![id.clone(), oracle.get(id).cloned().unwrap_or_else(|| "null".into())])
        .collect();
    assert_eq!(rows(&db, LABELS).await, expected);
}

#[tokio::test]
async fn labels_that_cannot_be_are_refused_with_the_reason() {
    let db = fraud().await;
    db.sql("CREATE TABLE t (x DOUBLE); CREATE MODEL keyless (label TEXT LABEL)").await.unwrap();
    let label = || ("label", strings(["ok"]));
    let id = || ("id", strings(["a"]));
    let cases = [
        (to_labels("fraud", batch([label()])), "need its key column id"),
        (to_labels("fraud", batch([id()])), "need one of its label columns: label"),
        (to_labels("fraud", batch([id(), label(), ("amount", strings(["1"]))])), "have no column amount"),
        (to_labels("fraud", batch([("id", strings([None::<&str>])), label()])), "row 1 of the labels"),
        (to_labels("t", batch([id(), label()])), "t is a table, not a model"),
        (to_labels("keyless", batch([id(), label()])), "takes no labels"),
    ];
    for (write, expected) in cases {
        let error = db.write(write).await.unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let missing = db.write(to_labels("fruad", batch([id(), label()]))).await.unwrap_err();
    assert!(matches!(missing, QueryError::NotFound(_)), "{missing:?}");
    assert!(missing.to_string().contains("did you mean fraud"), "{missing}");
    let inside = error(&db, "INSERT INTO \"fraud$labels\" VALUES (now(), 'a', 'ok', now())").await;
    assert!(matches!(inside, QueryError::Invalid(_)), "{inside:?}");
}
