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
async fn labels_count_where_they_are_and_rows_stay_as_many() {
    let db = fraud().await;
    db.write(labels(&[("a", Some("ok"))])).await.unwrap();
    for _ in 0..2 {
        assert_eq!(one(&db, "SELECT count(label) FROM fraud").await, "1");
        assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "3");
        db.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_label_may_come_before_its_prediction() {
    let db = fraud().await;
    db.write(labels(&[("d", Some("ok")), ("e", Some("ok"))])).await.unwrap();
    let unmatched = "SELECT labels, unmatched_labels FROM system.tables WHERE name = 'fraud'";
    db.flush().await.unwrap();
    assert_eq!(rows(&db, unmatched).await, [["2", "2"]]);
    db.sql("INSERT INTO fraud (time, id) VALUES ('2026-01-03T00:00:00Z', 'd')").await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "ok", "not flushed yet");
    db.flush().await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "ok");
    assert_eq!(rows(&db, unmatched).await, [["2", "1"]]);
    db.sql("COMPACT").await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "ok");
}

#[tokio::test]
async fn a_label_with_a_time_is_for_the_prediction_of_that_time() {
    let db = fraud().await;
    db.sql("INSERT INTO fraud (time, id) VALUES ('2026-01-03T00:00:00Z', 'a')").await.unwrap();
    let at = |nanos| {
        let label = ("label", strings(["ok"]));
        to_labels("fraud", batch([("id", strings(["a"])), label, ("time", times(&[nanos]))]))
    };
    // 2026-01-03T00:00:00Z.
    let second: i64 = 1_767_398_400;
    db.write(at(second)).await.unwrap();
    db.write(at(second + 1)).await.unwrap();
    let of_a = "SELECT label FROM fraud WHERE id = 'a' ORDER BY time";
    for _ in 0..2 {
        assert_eq!(rows(&db, of_a).await, [["null"], ["ok"]]);
        db.flush().await.unwrap();
    }
    let unmatched = "SELECT unmatched_labels FROM system.tables WHERE name = 'fraud'";
    assert_eq!(one(&db, unmatched).await, "1");
}

#[tokio::test]
async fn ids_that_embed_a_time_are_found_near_it_and_anywhere_else_once_one_is_not() {
    let db = fraud().await;
    // 2026-01-02T00:00:00Z, and a prediction of the same time.
    let id = |n: u32| format!("019b7c16-9c00-7000-8000-{n:012x}");
    let insert = |time: &str, n: u32| format!("INSERT INTO fraud (time, id) VALUES ('{time}', '{}')", id(n));
    db.sql(&insert("2026-01-02T00:00:03Z", 1)).await.unwrap();
    db.flush().await.unwrap();
    db.write(labels(&[(&id(1), Some("ok")), (&id(2), Some("fraud"))])).await.unwrap();
    let label = |n: u32| format!("SELECT label FROM fraud WHERE id = '{}'", id(n));
    assert_eq!(one(&db, &label(1)).await, "ok");
    db.flush().await.unwrap();
    // Days away from what its id says, and after its label.
    db.sql(&insert("2026-01-09T00:00:00Z", 2)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(rows(&db, &label(2)).await, [["fraud"]]);
        db.flush().await.unwrap();
    }
    db.write(labels(&[(&id(2), Some("ok"))])).await.unwrap();
    assert_eq!(one(&db, &label(2)).await, "ok");
    assert_eq!(one(&db, &label(1)).await, "ok");
}

#[tokio::test]
async fn as_of_shows_what_was_known_then() {
    let db = fraud().await;
    let known = async |at: &str| {
        rows(&db, &format!("SELECT id, label FROM as_of('fraud', at => '{at}') ORDER BY id")).await
    };
    let now = async || one(&db, "SELECT now()").await;
    let before = now().await;
    db.write(labels(&[("a", Some("ok")), ("b", Some("ok"))])).await.unwrap();
    let between = now().await;
    db.flush().await.unwrap();
    db.write(labels(&[("a", Some("fraud"))])).await.unwrap();
    let after = now().await;
    for step in ["in memory", "flushed", "compacted"] {
        assert_eq!(known(&before).await, pairs(&[("a", "null"), ("b", "null"), ("c", "null")]), "{step}");
        assert_eq!(known(&between).await, pairs(&[("a", "ok"), ("b", "ok"), ("c", "null")]), "{step}");
        assert_eq!(known(&after).await, pairs(&[("a", "fraud"), ("b", "ok"), ("c", "null")]), "{step}");
        db.sql(if step == "in memory" { "COMPACT TABLE fraud" } else { "COMPACT" }).await.unwrap();
    }
    let missing = error(&db, "SELECT * FROM as_of('fraud')").await.to_string();
    assert!(missing.contains("argument `at` is missing"), "{missing}");
    let table = error(&db, "SELECT * FROM as_of('nothing', at => '2026-01-01')").await.to_string();
    assert!(table.contains("model nothing does not exist"), "{table}");
}

#[tokio::test]
async fn update_sets_labels_where_a_condition_holds() {
    let db = fraud().await;
    assert_eq!(one(&db, "UPDATE fraud SET label = decision WHERE id <> 'c'").await, "2");
    let expected = rows(&db, "SELECT id, CASE WHEN id <> 'c' THEN decision END FROM fraud ORDER BY id").await;
    assert_eq!(rows(&db, LABELS).await, expected);
    db.flush().await.unwrap();
    assert_eq!(one(&db, "UPDATE Fraud SET LABEL = NULL WHERE label IS NOT NULL AND id = 'a'").await, "1");
    assert_eq!(one(&db, "SELECT count(label) FROM fraud").await, "1");
    assert_eq!(one(&db, "UPDATE fraud SET label = 'x' WHERE id = 'nobody'").await, "0");
    for (statement, expected) in [
        ("UPDATE fraud SET score = 1", "UPDATE sets labels, and score of fraud is none"),
        ("UPDATE fraud SET label = 'ok' FROM fraud AS g WHERE g.id = fraud.id", "UPDATE .. FROM"),
        ("UPDATE system.tables SET name = 'x'", "system"),
    ] {
        let refused = error(&db, statement).await.to_string();
        assert!(refused.contains(expected), "{statement}: {refused}");
    }
    db.sql("CREATE TABLE t (x DOUBLE)").await.unwrap();
    let refused = error(&db, "UPDATE t SET x = 1").await.to_string();
    assert!(refused.contains("UPDATE sets labels of models that have a KEY"), "{refused}");
}

#[tokio::test]
async fn of_several_labels_an_update_takes_one_back_and_leaves_the_others() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (k BIGINT KEY, good BOOLEAN LABEL, stars BIGINT LABEL)").await.unwrap();
    db.sql("INSERT INTO m (time, k) VALUES ('2026-01-01', 7), ('2026-01-02', 8)").await.unwrap();
    db.sql("INSERT INTO m (k, good, stars) VALUES (7, true, 4), (8, false, 1)").await.unwrap();
    assert_eq!(one(&db, "UPDATE m SET stars = NULL WHERE k = 7").await, "1");
    assert_eq!(rows(&db, "SELECT good, stars FROM m ORDER BY k").await, [["true", "null"], ["false", "1"]]);
    assert_eq!(one(&db, "UPDATE m SET stars = stars + 1, good = true").await, "2");
    db.flush().await.unwrap();
    assert_eq!(rows(&db, "SELECT good, stars FROM m ORDER BY k").await, [["true", "null"], ["true", "2"]]);
}

#[tokio::test]
async fn insert_of_key_and_labels_alone_is_of_labels() {
    let db = fraud().await;
    assert_eq!(
        one(&db, "INSERT INTO fraud (ID, label) SELECT id, 'ok' FROM fraud WHERE id = 'b'").await,
        "1"
    );
    assert_eq!(rows(&db, LABELS).await, pairs(&[("a", "null"), ("b", "ok"), ("c", "null")]));
    let refused =
        error(&db, "INSERT INTO fraud (id, label, score) VALUES ('a', 'ok', 1.0)").await.to_string();
    assert!(refused.contains("time is missing"), "{refused}");
    let refused = error(&db, "INSERT INTO fraud (id, label) VALUES (NULL, 'ok')").await.to_string();
    assert!(refused.contains("id is null"), "{refused}");
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

#[tokio::test]
async fn a_label_set_to_itself_stays_and_one_of_several_is_not_taken_back_by_the_way() {
    let db = fraud().await;
    db.write(labels(&[("a", Some("ok"))])).await.unwrap();
    assert_eq!(one(&db, "UPDATE fraud SET label = label").await, "3");
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'a'").await, "ok");
    db.sql("CREATE MODEL m (k BIGINT KEY, good BOOLEAN LABEL, stars BIGINT LABEL)").await.unwrap();
    let refused = error(&db, "INSERT INTO m (k, good) VALUES (7, NULL)").await.to_string();
    assert!(refused.contains("row 1 has no label"), "{refused}");
    for statement in ["DELETE FROM \"fraud$labels\"", "TRUNCATE TABLE \"fraud$labels\""] {
        let refused = error(&db, statement).await;
        assert!(matches!(refused, QueryError::Invalid(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn ids_far_from_their_times_are_known_before_there_are_labels() {
    let db = Database::open_in_memory().unwrap();
    let id = "019b7c16-9c00-7000-8000-000000000001";
    db.sql("CREATE MODEL m (id TEXT KEY, score DOUBLE SCORE)").await.unwrap();
    db.sql(&format!("INSERT INTO m (time, id) VALUES ('2026-01-09', '{id}')")).await.unwrap();
    db.flush().await.unwrap();
    db.sql("ALTER MODEL m ADD COLUMN label TEXT LABEL").await.unwrap();
    db.sql(&format!("INSERT INTO m (id, label) VALUES ('{id}', 'ok')")).await.unwrap();
    assert_eq!(one(&db, "SELECT label FROM m").await, "ok");
}

#[tokio::test]
async fn of_labels_that_waited_the_one_that_came_last_stands() {
    let db = fraud().await;
    let second: i64 = 1_767_398_400;
    db.write(labels(&[("d", Some("ok"))])).await.unwrap();
    let later = batch([
        ("id", strings(["d"])),
        ("label", strings(["fraud"])),
        ("time", times(&[second - 40 * 86_400])),
    ]);
    db.write(to_labels("fraud", later)).await.unwrap();
    db.flush().await.unwrap();
    let at = "2025-11-24T00:00:00Z";
    db.sql(&format!("INSERT INTO fraud (time, id) VALUES ('{at}', 'd')")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'd'").await, "fraud");
        db.flush().await.unwrap();
    }
}

#[tokio::test]
async fn predictions_past_their_age_can_be_labelled_as_long_as_they_are_there() {
    let db = fraud().await;
    db.sql("ALTER MODEL fraud SET (retention = '1 day')").await.unwrap();
    assert_eq!(one(&db, "UPDATE fraud SET label = 'ok' WHERE id = 'a'").await, "1");
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'a'").await, "ok");
}
