//! Rows that do not fit a table with `on_bad_row = 'divert'`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray};
use arrow::datatypes::Float32Type;
use driftline_query::storage::{StorageError, WriterSequence};
use driftline_query::{Database, QueryError, Write, WritePart, WriteTarget};

use crate::support::{batch, directory, error, one, rows, strings, times, to_labels, to_table};

const REJECTED: &str = "SELECT table_name, row_number, reason, data FROM system.rejected ORDER BY row_number";

async fn diverting(db: &Database) {
    db.sql(
        "CREATE TABLE t (region TEXT TAG, n BIGINT, j JSON, v VECTOR(2))
           WITH (on_bad_row = 'divert', retention = '30 days')",
    )
    .await
    .unwrap();
}

fn now(db: &Database) -> i64 {
    db.engine().now_nanos() / 1_000_000_000
}

fn vectors(lengths: &[usize]) -> ArrayRef {
    let row = |n: &usize| Some(vec![Some(0.5_f32); *n]);
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lengths.iter().map(row)))
}

#[tokio::test]
async fn each_bad_row_is_put_aside_with_its_reason_and_the_rest_is_written() {
    let path = directory("reject");
    let db = Database::open(&path).unwrap();
    diverting(&db).await;
    let now = now(&db);
    let seconds = [now, now, now + 3_600, now, now - 31 * 86_400, now];
    let sent = batch([
        ("time", times(&seconds)),
        ("region", strings(["eu", "eu", "eu", "us", "us", "us"])),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6])) as ArrayRef),
        ("j", strings([Some("{\"a\":1}"), Some("{"), Some("1"), None, Some("1"), Some("[]")])),
        ("v", vectors(&[2, 2, 2, 3, 2, 2])),
    ]);
    let written = db.write(to_table("t", sent)).await.unwrap();
    assert_eq!((written.diverted, written.duplicate), (4, false));
    let check = async |db: &Database| {
        assert_eq!(rows(db, "SELECT n, region FROM t ORDER BY n").await, [["1", "eu"], ["6", "us"]]);
        let found = rows(db, REJECTED).await;
        let numbers: Vec<&str> = found.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(numbers, ["2", "3", "4", "5"]);
        for (row, reason) in found.iter().zip([
            "row 2, column j of table t: this is not JSON",
            "row 3 for table t: time ",
            "row 4, column v of table t: 3 numbers for a VECTOR(2)",
            "row 5 for table t: time ",
        ]) {
            assert!(row[0] == "t" && row[2].starts_with(reason), "{row:?}");
        }
        assert!(found[1][2].ends_with("is more than 10 minutes ahead of the clock"), "{:?}", found[1]);
        assert!(found[3][2].ends_with("is older than the table's retention of 30 days"), "{:?}", found[3]);
        let data = &found[2][3];
        assert!(
            data.contains(r#""n":4"#) && data.contains(r#""region":"us""#) && !data.contains(r#""j""#),
            "{data}"
        );
    };
    check(&db).await;
    assert_eq!(
        one(&db, "SELECT count(*) FROM system.rejected WHERE time > now() - INTERVAL '1 hour'").await,
        "4"
    );
    db.close().await.unwrap();
    let db = Database::open(&path).unwrap();
    check(&db).await;
    db.flush().await.unwrap();
    check(&db).await;
}

#[tokio::test]
async fn a_row_without_time_is_put_aside() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    let soon = "2026-01-01T00:00:00Z";
    db.sql("ALTER TABLE t RESET (retention)").await.unwrap();
    let sent =
        batch([("time", strings([Some(soon), None, Some("soon")])), ("region", strings(["a", "b", "c"]))]);
    assert_eq!(db.write(to_table("t", sent)).await.unwrap().diverted, 2);
    assert_eq!(rows(&db, "SELECT region FROM t").await, [["a"]]);
    let reasons = rows(&db, "SELECT reason FROM system.rejected ORDER BY row_number").await.concat();
    assert_eq!(reasons[0], "row 2 for table t: time is missing; every row needs the time of its event");
    assert_eq!(reasons[1], "row 3, column time of table t: \"soon\" is no time like 2026-01-31T12:00:00Z");
    let none = batch([("region", strings(["a", "b"]))]);
    assert_eq!(db.write(to_table("t", none)).await.unwrap().diverted, 2);
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn a_column_of_another_type_diverts_the_rows_that_have_it() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    let now = now(&db);
    let sent = batch([
        ("time", times(&[now, now, now])),
        ("region", strings(["a", "b", "c"])),
        ("n", strings([None, Some("7"), None])),
    ]);
    assert_eq!(db.write(to_table("t", sent)).await.unwrap().diverted, 1);
    assert_eq!(rows(&db, "SELECT region, n FROM t ORDER BY 1").await, [["a", "null"], ["c", "null"]]);
    let reason = one(&db, "SELECT reason FROM system.rejected").await;
    assert_eq!(reason, "column n of table t is BIGINT, the rows have Utf8: row 2 is 7");
}

#[tokio::test]
async fn a_fraction_widens_the_column_or_is_put_aside() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    let now = now(&db);
    let write = |values: Vec<f64>| {
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        to_table("t", batch([("time", times(&[now, now])), ("n", values)]))
    };
    let exact: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1]));
    db.write(to_table("t", batch([("time", times(&[now])), ("n", exact)]))).await.unwrap();
    assert_eq!(db.write(write(vec![1.0, 1.5])).await.unwrap().diverted, 1);
    assert_eq!(rows(&db, "SELECT n FROM t ORDER BY n").await, [["1"], ["9007199254740993"]]);
    db.sql("CREATE TABLE u (n BIGINT) WITH (on_bad_row = 'divert')").await.unwrap();
    let mut wider = write(vec![1.0, 1.5]);
    wider.parts[0].target = WriteTarget::Table("u".into());
    assert_eq!(db.write(wider).await.unwrap().diverted, 0);
    assert_eq!(rows(&db, "SELECT n FROM u ORDER BY n").await, [["1.0"], ["1.5"]]);
}

#[tokio::test]
async fn a_repeat_is_one_although_rows_were_put_aside() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    let now = now(&db);
    let write = |sequence| {
        let rows = batch([("time", times(&[now, now + 9_999])), ("region", strings(["a", "b"]))]);
        Write { writer: Some(WriterSequence { writer: "w".into(), sequence }), ..to_table("t", rows) }
    };
    assert_eq!(db.write(write(1)).await.unwrap().diverted, 1);
    let again = db.write(write(1)).await.unwrap();
    assert_eq!((again.duplicate, again.diverted), (true, 0));
    assert_eq!(one(&db, "SELECT count(*) FROM system.rejected").await, "1");
    db.sql("ALTER TABLE t SET (on_bad_row = 'refuse')").await.unwrap();
    let refused = db.write(write(2)).await.unwrap_err().to_string();
    assert!(refused.contains("row 2 for table t: time"), "{refused}");
    let other = Write { parts: vec![write(1).parts.remove(0); 2], ..write(1) };
    db.sql("ALTER TABLE t SET (on_bad_row = 'divert')").await.unwrap();
    let reused = db.write(other).await.unwrap_err();
    assert!(matches!(reused, QueryError::Storage(StorageError::SequenceReused { .. })), "{reused:?}");
}

#[tokio::test]
async fn rows_and_rejected_ones_are_there_together_or_not_at_all() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    db.sql("CREATE TABLE strict (n BIGINT)").await.unwrap();
    let now = now(&db);
    let part = |table: &str, rows| WritePart { target: WriteTarget::Table(table.into()), rows };
    let bad = || batch([("time", times(&[now, now + 9_999]))]);
    let before = db.engine().snapshot().seq();
    let both = Write { writer: None, parts: vec![part("t", bad()), part("strict", bad())] };
    db.write(both).await.unwrap_err();
    assert_eq!(rows(&db, REJECTED).await, Vec::<Vec<String>>::new());
    assert_eq!(db.engine().snapshot().seq(), before);
    let written =
        db.write(Write { writer: None, parts: vec![part("t", bad()), part("T", bad())] }).await.unwrap();
    assert_eq!((written.diverted, written.seq), (2, before + 1), "one batch");
    assert_eq!(rows(&db, "SELECT row_number FROM system.rejected").await, [["2"], ["2"]]);
}

#[tokio::test]
async fn rejected_rows_are_a_table_of_schema_system_only() {
    let db = Database::open_in_memory().unwrap();
    diverting(&db).await;
    assert_eq!(rows(&db, "SELECT * FROM system.rejected").await, Vec::<Vec<String>>::new());
    let refused = error(&db, "INSERT INTO System.Rejected (time) VALUES (now())").await.to_string();
    assert!(refused.contains("is not written to"), "{refused}");
    let count =
        one(&db, "INSERT INTO t (time, region) VALUES (now(), 'a'), (now() + INTERVAL '1 day', 'b')").await;
    assert_eq!(count, "1", "rows that were written");
    assert_eq!(one(&db, "SELECT count(*) FROM system.rejected WHERE table_name = 't'").await, "1");
    let listed =
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE '%rejected%'";
    assert_eq!(rows(&db, listed).await, [["system", "rejected"]]);
    assert_eq!(rows(&db, "SELECT name FROM system.tables").await, [["t"]]);
    let refused = error(&db, "INSERT INTO system.rejected (time) VALUES (now())").await.to_string();
    assert!(refused.contains("is not written to"), "{refused}");
    let refused = error(&db, "INSERT INTO \"$rejected\" (time) VALUES (now())").await.to_string();
    assert!(refused.contains("system.rejected is not written to"), "{refused}");
    for sql in [
        "DROP TABLE \"$rejected\"",
        "ALTER TABLE \"$rejected\" ADD COLUMN x DOUBLE",
        "CREATE TABLE \"$rejected\" (x DOUBLE)",
    ] {
        let refused = error(&db, sql).await.to_string();
        assert!(refused.contains("cannot be a name"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn labels_that_do_not_fit_are_put_aside_too() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, stars BIGINT LABEL) WITH (on_bad_row = 'divert')").await.unwrap();
    db.sql("INSERT INTO m (time, id) VALUES ('2026-01-01', 'a'), ('2026-01-02', 'b')").await.unwrap();
    let sent = batch([
        ("id", strings([Some("a"), None, Some("b"), Some("b")])),
        ("stars", strings([None, None, Some("many"), None])),
        ("time", strings([Some("2026-01-01"), None, None, Some("soon")])),
    ]);
    assert_eq!(db.write(to_labels("m", sent)).await.unwrap().diverted, 3);
    assert_eq!(one(&db, "SELECT labels FROM system.tables").await, "1");
    let found = rows(&db, REJECTED).await;
    let reasons: Vec<&str> = found.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(
        reasons,
        [
            "row 2 of the labels of model m: id is null; a label needs the key of its prediction",
            "column stars of table m$labels is BIGINT, the rows have Utf8: row 3 is many",
            "row 4, column time of table m$labels: \"soon\" is no time like 2026-01-31T12:00:00Z",
        ]
    );
    assert_eq!((found[1][0].as_str(), found[1][3].as_str()), ("m$labels", r#"{"id":"b","stars":"many"}"#));
    let structural = db.write(to_labels("m", batch([("id", strings(["a"]))]))).await.unwrap_err();
    assert!(structural.to_string().contains("need one of its label columns"), "{structural}");
}

#[tokio::test]
async fn a_model_diverts_predictions() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, label TEXT LABEL) WITH (on_bad_row = 'divert')").await.unwrap();
    let now = now(&db);
    let sent = batch([("time", times(&[now, now + 9_999])), ("id", strings(["a", "b"]))]);
    assert_eq!(db.write(to_table("m", sent)).await.unwrap().diverted, 1);
    let wrong = error(&db, "CREATE TABLE x (n BIGINT) WITH (on_bad_row = 'drop')").await.to_string();
    assert!(wrong.contains("\"drop\" is unknown; it is refuse or divert"), "{wrong}");
}
