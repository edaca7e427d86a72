//! ALTER MODEL: labels, baselines and the entry follow the table.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use driftline_query::storage::ColumnType;
use driftline_query::{Database, QueryError};

use crate::support::{batch, error, fraud, one, rows, strings, times, to_labels, to_table};

fn label(key: &str, id: &str, name: &str, value: &str) -> driftline_query::Write {
    to_labels("fraud", batch([(key, strings([id])), (name, strings([value]))]))
}

fn labels_schema(db: &Database, model: &str) -> Option<Vec<(String, ColumnType)>> {
    let snapshot = db.engine().snapshot();
    let table = snapshot.table(&format!("{model}$labels"))?;
    Some(table.columns.iter().map(|column| (column.name.clone(), column.ty)).collect())
}

fn names(columns: Option<Vec<(String, ColumnType)>>) -> Vec<String> {
    columns.unwrap().into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn labels_are_found_by_the_new_names_of_key_and_label() {
    let db = fraud().await;
    db.write(label("id", "a", "label", "ok")).await.unwrap();
    db.flush().await.unwrap();
    db.sql(
        "ALTER MODEL Fraud RENAME COLUMN ID TO prediction_id; ALTER MODEL fraud RENAME COLUMN label TO truth",
    )
    .await
    .unwrap();
    assert_eq!(names(labels_schema(&db, "fraud")), ["time", "prediction_id", "truth", "received_at"]);
    db.write(label("prediction_id", "b", "truth", "fraud")).await.unwrap();
    let sql = "SELECT prediction_id, truth FROM fraud ORDER BY 1";
    let expected = [["a", "ok"], ["b", "fraud"], ["c", "null"]];
    assert_eq!(rows(&db, sql).await, expected);
    db.engine().compact().unwrap();
    assert_eq!(rows(&db, sql).await, expected);
    let old = db.write(label("id", "c", "label", "ok")).await.unwrap_err();
    assert!(old.to_string().contains("have no column id"), "{old}");
}

#[tokio::test]
async fn label_columns_come_and_go() {
    let db = fraud().await;
    db.write(label("id", "a", "label", "ok")).await.unwrap();
    db.sql("ALTER MODEL fraud ADD COLUMN stars BIGINT LABEL").await.unwrap();
    assert_eq!(names(labels_schema(&db, "fraud")), ["time", "id", "label", "stars", "received_at"]);
    let stars: ArrayRef = Arc::new(Int64Array::from(vec![4]));
    db.write(to_labels("fraud", batch([("id", strings(["a"])), ("stars", stars)]))).await.unwrap();
    let sql = "SELECT label, stars FROM fraud WHERE id = 'a'";
    assert_eq!(rows(&db, sql).await, [["ok", "4"]]);
    db.flush().await.unwrap();
    db.sql("ALTER MODEL fraud DROP COLUMN label").await.unwrap();
    assert_eq!(one(&db, "SELECT stars FROM fraud WHERE id = 'a'").await, "4");
    let key = error(&db, "ALTER MODEL fraud DROP COLUMN id").await.to_string();
    assert_eq!(
        key,
        "column id of model fraud cannot be dropped: labels find their prediction by it; drop the LABEL columns first"
    );
    db.sql("ALTER MODEL fraud DROP COLUMN stars").await.unwrap();
    assert_eq!(labels_schema(&db, "fraud"), None, "the last label takes its table with it");
    let key = error(&db, "ALTER MODEL fraud DROP COLUMN id").await.to_string();
    assert!(key.contains("rows replace those of their KEY, and what they replaced would come back"), "{key}");
    db.sql("ALTER MODEL fraud ADD COLUMN label TEXT LABEL").await.unwrap();
    assert_eq!(names(labels_schema(&db, "fraud")), ["time", "id", "label", "received_at"]);
    assert_eq!(rows(&db, "SELECT label FROM fraud").await, [["null"], ["null"], ["null"]], "it begins empty");
}

#[tokio::test]
async fn with_a_key_a_model_takes_labels() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL fraud (label TEXT LABEL); INSERT INTO fraud VALUES ('2026-01-01', 'early')")
        .await
        .unwrap();
    assert_eq!(labels_schema(&db, "fraud"), None, "there is no KEY to find predictions by");
    db.sql("ALTER MODEL fraud ADD COLUMN k TEXT KEY").await.unwrap();
    assert_eq!(names(labels_schema(&db, "fraud")), ["time", "k", "label", "received_at"]);
    let labels = db.engine().snapshot().table("fraud$labels").unwrap().clone();
    assert_eq!(labels.options["dedup"], "none");
    db.sql("INSERT INTO fraud (time, k) VALUES ('2026-01-05', 'new')").await.unwrap();
    db.write(label("k", "new", "label", "late")).await.unwrap();
    assert_eq!(
        rows(&db, "SELECT k, label FROM fraud ORDER BY time").await,
        [["null", "early"], ["new", "late"]]
    );
}

#[tokio::test]
async fn when_a_label_came_is_no_column_of_the_model() {
    let db = fraud().await;
    let refused = error(&db, "ALTER MODEL fraud RENAME COLUMN label TO received_at").await.to_string();
    assert!(refused.contains("cannot be named received_at"), "{refused}");
    db.sql("ALTER MODEL fraud ADD COLUMN arrived TIMESTAMP; ALTER MODEL fraud RENAME COLUMN arrived TO received_at")
        .await
        .unwrap();
    db.write(label("id", "a", "label", "ok")).await.unwrap();
    db.sql("ALTER MODEL fraud RENAME COLUMN label TO truth").await.unwrap();
    db.write(label("id", "a", "truth", "fraud")).await.unwrap();
    assert_eq!(one(&db, "SELECT truth FROM fraud WHERE id = 'a'").await, "fraud", "the later one");
}

#[tokio::test]
async fn a_label_is_widened_on_both_sides() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, stars BIGINT LABEL)").await.unwrap();
    db.sql("INSERT INTO m VALUES ('2026-01-01', 'a', 3), ('2026-01-02', 'b', NULL)").await.unwrap();
    let stars = |id: &str, value: i64| {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        to_labels("m", batch([("id", strings([id])), ("stars", values)]))
    };
    db.write(stars("b", (1 << 53) + 1)).await.unwrap();
    db.flush().await.unwrap();
    let refused = error(&db, "ALTER MODEL m ALTER COLUMN stars TYPE DOUBLE").await.to_string();
    assert!(
        refused.contains("column stars of table m cannot") && refused.contains("9007199254740993"),
        "{refused}"
    );
    assert_eq!(one(&db, "SELECT stars FROM m WHERE id = 'b'").await, "9007199254740993");
    let fraction = |id: &str| {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![4.5]));
        to_labels("m", batch([("id", strings([id])), ("stars", values)]))
    };
    let refused = db.write(fraction("b")).await.unwrap_err().to_string();
    assert!(refused.contains("row 1 is 4.5; the column cannot become DOUBLE"), "{refused}");

    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, stars BIGINT LABEL)").await.unwrap();
    db.sql("INSERT INTO m VALUES ('2026-01-01', 'a', 3), ('2026-01-02', 'b', NULL)").await.unwrap();
    db.write(stars("b", 5)).await.unwrap();
    db.flush().await.unwrap();
    db.write(fraction("a")).await.unwrap();
    assert_eq!(rows(&db, "SELECT stars FROM m ORDER BY time").await, [["4.5"], ["5.0"]]);
    assert_eq!(labels_schema(&db, "m").unwrap()[2].1, ColumnType::Double);
    db.engine().compact().unwrap();
    assert_eq!(rows(&db, "SELECT stars FROM m ORDER BY time").await, [["4.5"], ["5.0"]]);
}

#[tokio::test]
async fn a_prediction_widens_the_labels_too() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, stars BIGINT LABEL)").await.unwrap();
    let values: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
    db.write(to_table("m", batch([("time", times(&[1])), ("id", strings(["a"])), ("stars", values)])))
        .await
        .unwrap();
    assert_eq!(labels_schema(&db, "m").unwrap()[2].1, ColumnType::Double);
    assert_eq!(one(&db, "SELECT stars FROM m").await, "0.5");
}

#[tokio::test]
async fn a_renamed_model_keeps_labels_and_baselines() {
    let db = fraud().await;
    db.write(label("id", "a", "label", "ok")).await.unwrap();
    db.sql("CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud; CREATE TABLE t (x DOUBLE)")
        .await
        .unwrap();
    let taken = error(&db, "ALTER MODEL fraud RENAME TO T").await;
    assert!(matches!(taken, QueryError::Exists(_)), "{taken:?}");
    let before =
        rows(&db, "SELECT feature, psi, n_reference FROM drift('fraud', from => '2020-01-01') ORDER BY 1")
            .await;
    db.sql("ALTER MODEL fraud RENAME TO risk").await.unwrap();
    assert_eq!(rows(&db, "SELECT name, positive FROM system.models").await, [["risk", "fraud"]]);
    assert_eq!(rows(&db, "SELECT model, name FROM system.baselines").await, [["risk", "b"]]);
    assert_eq!(one(&db, "SELECT label FROM risk WHERE id = 'a'").await, "ok");
    assert_eq!(
        rows(&db, "SELECT feature, psi, n_reference FROM drift('risk', from => '2020-01-01') ORDER BY 1")
            .await,
        before
    );
    let keys = db.engine().snapshot().entries().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys, ["baseline/risk/b", "model/risk"]);
    db.sql("DROP MODEL risk").await.unwrap();
    assert_eq!(db.engine().snapshot().tables().len(), 1, "its labels went with it");
}

#[tokio::test]
async fn baselines_follow_a_renamed_column_and_keep_a_dropped_one() {
    let db = fraud().await;
    db.sql("CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud").await.unwrap();
    db.sql("ALTER MODEL fraud RENAME COLUMN amount TO Euros; ALTER MODEL fraud DROP COLUMN country")
        .await
        .unwrap();
    let references = "SELECT feature, n_reference FROM drift('fraud', from => '2020-01-01') ORDER BY 1";
    assert_eq!(rows(&db, references).await, [["Euros", "2"], ["decision", "3"], ["score", "3"]]);
    assert_eq!(one(&db, "SELECT columns FROM system.baselines").await, "5", "what it has it keeps");
}

#[tokio::test]
async fn options_of_a_model_are_set_and_reset() {
    let db = fraud().await;
    db.sql("ALTER MODEL fraud SET (threshold = 0.8, owner = 'risk', retention = '30 days')").await.unwrap();
    let sql = "SELECT positive, threshold, owner, retention FROM system.models";
    assert_eq!(rows(&db, sql).await, [["fraud", "0.8", "risk", "30 days"]]);
    let kept = || db.engine().snapshot().table("fraud$labels").unwrap().options.get("retention").cloned();
    assert_eq!(kept().as_deref(), Some("30 days"), "labels are kept as long");
    let old = error(&db, "INSERT INTO fraud (time, id) VALUES ('2020-01-01', 'x')").await.to_string();
    assert!(old.contains("retention of 30 days"), "{old}");
    db.sql("ALTER MODEL fraud RESET (threshold, retention, positive)").await.unwrap();
    assert_eq!(rows(&db, sql).await, [["1", "0.5", "risk", "null"]]);
    assert_eq!(kept(), None);
    db.sql("INSERT INTO fraud (time, id) VALUES ('2020-01-01', 'x')").await.unwrap();
    let wrong = error(&db, "ALTER MODEL fraud SET (threshold = 'high')").await.to_string();
    assert!(wrong.contains("\"high\" is no number"), "{wrong}");
    let wrong = error(&db, "ALTER MODEL fraud RESET (ownr)").await.to_string();
    assert!(wrong.contains("unknown option ownr of a model"), "{wrong}");
}

/// Columns with a meaning have summaries, which compaction checks against those it merges.
#[tokio::test]
async fn summaries_go_through_compaction_after_every_change() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (n BIGINT FEATURE, gone DOUBLE FEATURE, kind TEXT FEATURE)").await.unwrap();
    let seconds: Vec<i64> = (0..3_000).collect();
    let kinds: Vec<&str> = seconds.iter().map(|s| if s % 3 == 0 { "a" } else { "b" }).collect();
    let numbers = |shift: f64| -> ArrayRef {
        Arc::new(seconds.iter().map(|s| Some((s % 700) as f64 + shift)).collect::<Float64Array>())
    };
    let first = batch([
        ("time", times(&seconds)),
        ("n", numbers(0.0)),
        ("gone", numbers(0.25)),
        ("kind", strings(kinds.clone())),
    ]);
    for _ in 0..2 {
        db.write(to_table("m", first.clone())).await.unwrap();
        db.flush().await.unwrap();
    }
    db.engine().compact().unwrap();
    db.sql("ALTER MODEL m DROP COLUMN gone; ALTER MODEL m RENAME COLUMN kind TO sort; ALTER MODEL m ADD COLUMN x DOUBLE FEATURE")
        .await
        .unwrap();
    let second = batch([
        ("time", times(&seconds)),
        ("n", numbers(0.5)),
        ("sort", strings(kinds)),
        ("x", numbers(0.0)),
    ]);
    db.write(to_table("m", second)).await.unwrap();
    let sql = "SELECT count(*), sum(n), count(x), count(sort), min(n), max(n) FROM m";
    let sum: f64 = seconds.iter().map(|s| 3.0 * (s % 700) as f64 + 0.5).sum();
    let expected = [["9000", &format!("{sum:?}"), "3000", "9000", "0.0", "699.5"]];
    assert_eq!(rows(&db, sql).await, expected);
    db.engine().compact().unwrap();
    assert_eq!(rows(&db, sql).await, expected);
    let failures = rows(&db, "SELECT compaction_failures, last_error FROM system.storage").await;
    assert_eq!(failures, [["0", "null"]]);
}
