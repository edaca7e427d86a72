//! Rows from Arrow: what is taken, what is refused and how it is told.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeStringArray, NullArray, StringArray, StringViewArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;
use driftline_query::storage::{StorageError, WriterSequence};
use driftline_query::{Database, QueryError, Write, WritePart, WriteTarget};

use crate::support::{batch, fraud, one, rows, strings, times, to_labels, to_table};

async fn wide() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (b BOOLEAN, i BIGINT, d DOUBLE, s TEXT, ts TIMESTAMP, j JSON, v VECTOR(2), h DISTRIBUTION);
            CREATE TABLE short (x DOUBLE) WITH (retention = '30 days')")
        .await
        .unwrap();
    db
}

fn doubles(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[tokio::test]
async fn values_are_converted_where_nothing_is_lost() {
    let db = wide().await;
    let dictionary: DictionaryArray<Int32Type> = vec!["x"].into_iter().collect();
    let cases: Vec<(&str, ArrayRef, &str)> = vec![
        ("i", Arc::new(Int32Array::from(vec![7])), "7"),
        ("i", Arc::new(UInt64Array::from(vec![7])), "7"),
        ("i", doubles(&[7.0]), "7"),
        ("d", integers(&[7]), "7.0"),
        ("d", Arc::new(Float32Array::from(vec![0.5])), "0.5"),
        ("s", Arc::new(dictionary), "x"),
        ("s", Arc::new(LargeStringArray::from(vec!["x"])), "x"),
        ("s", Arc::new(StringViewArray::from(vec!["x"])), "x"),
        ("j", strings(["{\"a\": 1}"]), "{\"a\": 1}"),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![1_500])), "1970-01-01T00:00:01.500Z"),
        ("ts", strings(["2026-01-01T00:00:00+02:00"]), "2025-12-31T22:00:00Z"),
        (
            "ts",
            Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone("+05:00")),
            "1970-01-01T00:00:00Z",
        ),
        ("B", Arc::new(BooleanArray::from(vec![true])), "true"),
        ("d", Arc::new(NullArray::new(1)), "null"),
    ];
    for (n, (column, values, expected)) in cases.into_iter().enumerate() {
        let second = n as i64;
        db.write(to_table("T", batch([("Time", times(&[second])), (column, values.clone())]))).await.unwrap();
        let sql = format!("SELECT {column} FROM t WHERE extract(epoch FROM time) = {second}");
        assert_eq!(one(&db, &sql).await, expected, "{column} from {}", values.data_type());
    }
    let vectors =
        arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Float64Type, _, _>(vec![Some(
            vec![Some(0.5), Some(1.0)],
        )]);
    db.write(to_table("t", batch([("time", times(&[99])), ("v", Arc::new(vectors))]))).await.unwrap();
    assert_eq!(one(&db, "SELECT v FROM t WHERE extract(epoch FROM time) = 99").await, "[0.5, 1.0]");
}

#[tokio::test]
async fn a_conflict_names_the_column_both_types_and_the_first_row() {
    let db = wide().await;
    let short: ArrayRef = Arc::new(arrow::array::ListArray::from_iter_primitive::<
        arrow::datatypes::Float32Type,
        _,
        _,
    >(vec![Some(vec![Some(0.5), Some(1.0)]), Some(vec![Some(0.5)])]));
    db.write(to_table("t", batch([("time", times(&[0])), ("i", integers(&[i64::MAX]))]))).await.unwrap();
    let cases: Vec<(&str, ArrayRef, &str)> = vec![
        ("d", strings([None, Some("12")]), "column d of table t is DOUBLE, the rows have Utf8: row 2 is 12"),
        ("i", doubles(&[1.0, 1.5]), "column i of table t is BIGINT, the rows have Float64: row 2 is 1.5"),
        ("i", doubles(&[1.0, 1e300]), "column i of table t is BIGINT, the rows have Float64: row 2 is 1e300"),
        (
            "i",
            Arc::new(UInt64Array::from(vec![1, u64::MAX])),
            "the rows have UInt64: row 2 is 18446744073709551615",
        ),
        ("d", integers(&[1, (1 << 53) + 1]), "the rows have Int64: row 2 is 9007199254740993"),
        ("s", integers(&[1, 2]), "column s of table t is TEXT, the rows have Int64: row 1 is 1"),
        ("b", integers(&[1, 0]), "column b of table t is BOOLEAN, the rows have Int64: row 1 is 1"),
        ("ts", integers(&[1, 2]), "column ts of table t is TIMESTAMP, the rows have Int64: row 1 is 1"),
        ("ts", strings(["2026-01-01", "soon"]), "row 2, column ts of table t: \"soon\" is no time"),
        ("j", strings(["1", "{"]), "row 2, column j of table t: this is not JSON"),
        ("v", short, "row 2, column v of table t: 1 numbers for a VECTOR(2)"),
        ("v", strings(["a", "b"]), "column v of table t is VECTOR(2), the rows have Utf8: row 1 is a"),
    ];
    for (column, values, expected) in cases {
        let error =
            db.write(to_table("t", batch([("time", times(&[1, 2])), (column, values)]))).await.unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn a_fraction_makes_a_bigint_double_where_all_its_values_are_exact() {
    for flushed in [false, true] {
        let db = wide().await;
        db.write(to_table("t", batch([("time", times(&[1, 2])), ("i", integers(&[1 << 53, -7]))])))
            .await
            .unwrap();
        if flushed {
            db.flush().await.unwrap();
        }
        db.write(to_table("t", batch([("time", times(&[3])), ("i", doubles(&[8.0]))]))).await.unwrap();
        assert_eq!(one(&db, "SELECT arrow_typeof(i) FROM t LIMIT 1").await, "Int64", "8.0 is an integer");
        db.write(to_table("t", batch([("time", times(&[4, 5])), ("I", doubles(&[0.5, 1e300]))])))
            .await
            .unwrap();
        let sql = "SELECT i FROM t ORDER BY time";
        assert_eq!(rows(&db, sql).await.concat(), ["9007199254740992.0", "-7.0", "8.0", "0.5", "1e300"]);
        db.write(to_table("t", batch([("time", times(&[6])), ("i", integers(&[9]))]))).await.unwrap();
        db.flush().await.unwrap();
        db.engine().compact().unwrap();
        assert_eq!(one(&db, "SELECT i FROM t ORDER BY time DESC LIMIT 1").await, "9.0");
    }
}

#[tokio::test]
async fn a_fraction_is_refused_where_a_value_before_it_would_change() {
    let db = wide().await;
    db.write(to_table("t", batch([("time", times(&[1])), ("i", integers(&[(1 << 53) + 1]))]))).await.unwrap();
    let fraction = || batch([("time", times(&[2])), ("i", doubles(&[0.5]))]);
    let refused = db.write(to_table("t", fraction())).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "column i of table t is BIGINT, the rows have Float64: row 1 is 0.5; the column cannot become DOUBLE: the row \
         of 1970-01-01T00:00:01Z in memory holds 9007199254740993, and a DOUBLE holds whole numbers exactly only up to \
         9007199254740992"
    );
    let db = wide().await;
    let part = |rows| WritePart { target: WriteTarget::Table("t".into()), rows };
    let large = |value| part(batch([("time", times(&[1])), ("i", integers(&[value]))]));
    let both = Write { writer: None, parts: vec![large((1 << 53) + 1), part(fraction())] };
    let refused = db.write(both).await.unwrap_err().to_string();
    assert!(refused.contains("row 1 of the same column in this write holds 9007199254740993"), "{refused}");
    let both = Write { writer: None, parts: vec![large(1 << 53), part(fraction()), large(3)] };
    db.write(both).await.unwrap();
    assert_eq!(rows(&db, "SELECT i FROM t ORDER BY i").await.concat(), ["0.5", "3.0", "9007199254740992.0"]);
}

#[tokio::test]
async fn keys_and_categories_stay_integers() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id BIGINT KEY, k BIGINT FEATURE CATEGORICAL)").await.unwrap();
    for column in ["id", "k"] {
        let rows = batch([("time", times(&[1])), (column, doubles(&[0.5]))]);
        let refused = db.write(to_table("m", rows)).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("column {column} of table m is BIGINT")), "{refused}");
    }
}

#[tokio::test]
async fn writers_that_widen_the_same_column_at_once_all_succeed() {
    let db = wide().await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let db = db.clone();
        writers.spawn(async move {
            let rows = batch([("time", times(&[n])), ("i", doubles(&[n as f64 + 0.5]))]);
            db.write(to_table("t", rows)).await
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(one(&db, "SELECT sum(i) FROM t").await, "32.0");
    assert_eq!(db.engine().snapshot().table("t").unwrap().version, 2, "widened once");
}

#[tokio::test]
async fn times_out_of_bounds_are_refused_with_row_and_value() {
    let db = wide().await;
    let x = || ("x", doubles(&[1.0, 2.0]));
    let now = db.engine().now_nanos() / 1_000_000_000;
    let cases = [
        (batch([("time", times(&[now, now + 601])), x()]), "is more than 10 minutes ahead of the clock"),
        (
            batch([("time", times(&[now, now - 31 * 86_400])), x()]),
            "is older than the table's retention of 30 days",
        ),
        (batch([("time", strings([Some("2026-01-01"), None])), x()]), "row"),
        (batch([x()]), "row 1 for table short: time is missing"),
    ];
    for (rows, expected) in cases {
        let error = db.write(to_table("short", rows)).await.unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let early = batch([("time", times(&[now + 590, now - 29 * 86_400])), x()]);
    db.write(to_table("short", early)).await.unwrap();
}

#[tokio::test]
async fn a_missing_table_is_told_with_the_statement_that_makes_it() {
    let db = fraud().await;
    let rows = || {
        batch([
            ("time", times(&[1])),
            ("x y", doubles(&[1.0])),
            ("Flag", Arc::new(BooleanArray::from(vec![true])) as ArrayRef),
        ])
    };
    let error = db.write(to_table("requests", rows())).await.unwrap_err();
    assert!(matches!(error, QueryError::NotFound(_)), "{error:?}");
    let create = "CREATE TABLE requests (time TIMESTAMP TIME, \"x y\" DOUBLE, Flag BOOLEAN)";
    assert!(error.to_string().ends_with(create), "{error}");
    db.sql(create).await.unwrap();
    db.write(to_table("requests", rows())).await.unwrap();
}

#[tokio::test]
async fn new_columns_are_added_and_missing_ones_are_null() {
    let db = wide().await;
    db.write(to_table(
        "short",
        batch([("time", times(&[db.engine().now_nanos() / 1_000_000_000])), ("Extra", strings(["a"]))]),
    ))
    .await
    .unwrap();
    db.flush().await.unwrap();
    let now = db.engine().now_nanos() / 1_000_000_000;
    let typed: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1]));
    db.write(to_table("short", batch([("time", times(&[now])), ("extra", strings(["b"])), ("more", typed)])))
        .await
        .unwrap();
    let sql = "SELECT extra, x, more IS NULL FROM short ORDER BY extra";
    assert_eq!(rows(&db, sql).await, [["a", "null", "true"], ["b", "null", "false"]]);
    let odd: ArrayRef = Arc::new(arrow::array::Decimal128Array::from(vec![1]));
    let error =
        db.write(to_table("short", batch([("time", times(&[now])), ("odd", odd)]))).await.unwrap_err();
    assert!(error.to_string().contains("column odd of the rows for table short has type Decimal"), "{error}");
    let twice = batch([("time", times(&[now])), ("x", doubles(&[1.0])), ("X", doubles(&[1.0]))]);
    let error = db.write(to_table("short", twice)).await.unwrap_err();
    assert!(error.to_string().contains("comes twice"), "{error}");
}

#[tokio::test]
async fn all_parts_are_written_or_none() {
    let db = fraud().await;
    db.sql("CREATE TABLE t (x DOUBLE)").await.unwrap();
    let part = |target, rows| WritePart { target, rows };
    let good =
        || part(WriteTarget::Table("t".into()), batch([("time", times(&[1])), ("x", doubles(&[1.0]))]));
    let label =
        |label| part(WriteTarget::Labels("fraud".into()), batch([("id", strings(["a"])), ("label", label)]));
    let bad = Write { writer: None, parts: vec![good(), label(integers(&[1]))] };
    db.write(bad).await.unwrap_err();
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "0");
    let before = db.engine().snapshot().seq();
    let widening =
        part(WriteTarget::Table("t".into()), batch([("time", times(&[2])), ("new", strings(["n"]))]));
    let write = Write { writer: None, parts: vec![good(), widening, label(strings(["ok"]))] };
    let ack = db.write(write).await.unwrap();
    assert_eq!((ack.seq, db.engine().snapshot().seq()), (before + 1, before + 1));
    assert_eq!(rows(&db, "SELECT x, new FROM t ORDER BY time").await, [["1.0", "null"], ["null", "n"]]);
    assert_eq!(one(&db, "SELECT label FROM fraud WHERE id = 'a'").await, "ok");
}

#[tokio::test]
async fn a_batch_sent_again_is_acknowledged_and_not_written_again() {
    let db = fraud().await;
    let rows = || batch([("id", strings(["a"])), ("label", strings(["ok"]))]);
    let writer = |sequence| Some(WriterSequence { writer: "w".into(), sequence });
    let write = |sequence| Write { writer: writer(sequence), ..to_labels("fraud", rows()) };
    assert!(!db.write(write(1)).await.unwrap().duplicate);
    assert!(db.write(write(1)).await.unwrap().duplicate, "although it would be received at another time");
    assert!(!db.write(write(2)).await.unwrap().duplicate);
    assert_eq!(db.writer_sequence("w"), Some(2));
    assert_eq!(one(&db, "SELECT labels FROM system.tables").await, "2");
    let other = to_labels("fraud", batch([("id", strings(["a"])), ("label", strings(["fraud"]))]));
    let error = db.write(Write { writer: writer(2), ..other }).await.unwrap_err();
    assert!(matches!(error, QueryError::Storage(StorageError::SequenceReused { .. })), "{error:?}");
    let widened = || batch([("time", times(&[1])), ("fresh", strings(["x"]))]);
    let write = || Write { writer: writer(3), ..to_table("fraud", widened()) };
    assert!(!db.write(write()).await.unwrap().duplicate);
    assert!(db.write(write()).await.unwrap().duplicate, "although the column is not new any more");
}

#[tokio::test]
async fn a_batch_sent_again_is_acknowledged_although_it_would_be_refused_by_now() {
    let db = wide().await;
    let now = db.engine().now_nanos() / 1_000_000_000;
    let write = |sequence, x: f64| Write {
        writer: Some(WriterSequence { writer: "w".into(), sequence }),
        ..to_table("short", batch([("time", times(&[now - 86_400])), ("x", doubles(&[x]))]))
    };
    db.write(write(1, 0.5)).await.unwrap();
    db.sql("ALTER TABLE short SET (retention = '1 hour')").await.unwrap();
    assert!(
        db.write(write(1, 0.5)).await.unwrap().duplicate,
        "its time was within bounds when it came first"
    );
    let other = db.write(write(1, 1.5)).await.unwrap_err();
    assert!(matches!(other, QueryError::Invalid(_)), "{other:?}");
    db.write(write(2, 0.5)).await.unwrap_err();
    db.sql("ALTER TABLE short RENAME TO long").await.unwrap();
    assert!(db.write(write(1, 0.5)).await.unwrap().duplicate, "its table had that name");
    assert!(matches!(db.write(write(2, 0.5)).await.unwrap_err(), QueryError::NotFound(_)));
    assert_eq!(one(&db, "SELECT count(*) FROM long").await, "1");
}

#[tokio::test]
async fn a_batch_too_large_is_refused_with_the_limit() {
    let db = wide().await;
    let values: Vec<String> = (0..40_u32).map(|n| format!("{n}").repeat(400_000)).collect();
    let rows = batch([("time", times(&[1; 40])), ("s", Arc::new(StringArray::from(values)) as ArrayRef)]);
    let error = db.write(to_table("t", rows)).await.unwrap_err();
    assert!(matches!(error, QueryError::Storage(StorageError::TooLarge { .. })), "{error:?}");
    assert!(error.to_string().contains("16777216"), "{error}");
}

#[tokio::test]
async fn writers_that_add_the_same_column_at_once_all_succeed() {
    let db = wide().await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let db = db.clone();
        writers.spawn(async move {
            let rows = batch([("time", times(&[n])), ("fresh", strings(["x"]))]);
            db.write(to_table("t", rows)).await
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(one(&db, "SELECT count(fresh) FROM t").await, "8");
}
