//! What the scan is told, and what it answers.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use driftline_query::Database;

use crate::support::{batch, one, rows, strings, times, to_labels, to_table};

/// Six batches of ten rows, a second apart, half of them in segments.
async fn series() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (id TEXT, x DOUBLE)").await.unwrap();
    for part in 0..6 {
        let seconds: Vec<i64> = (0..10).map(|n| 1_000 * part + n).collect();
        let ids: Vec<String> = seconds.iter().map(|s| format!("s{s}")).collect();
        let rows = batch([("time", times(&seconds)), ("id", strings(ids.iter().map(String::as_str)))]);
        db.write(to_table("t", rows)).await.unwrap();
        if part % 2 == 1 {
            db.flush().await.unwrap();
        }
    }
    db
}

async fn explain(db: &Database, sql: &str) -> String {
    rows(db, &format!("EXPLAIN {sql}")).await.concat().join("\n")
}

#[tokio::test]
async fn a_filter_on_time_is_done_by_the_scan_and_gives_exactly_its_rows() {
    let db = series().await;
    for (condition, expected) in [
        ("time >= '1970-01-01T00:16:45Z'", 45),
        ("time > '1970-01-01T00:16:45Z'", 44),
        ("time < '1970-01-01T00:16:45Z'", 15),
        ("time BETWEEN '1970-01-01T00:16:45Z' AND '1970-01-01T00:33:20Z'", 6),
        ("'1970-01-01T00:16:45Z' <= time AND time <= '1970-01-01T00:33:20Z'", 6),
        ("time = '1970-01-01T00:16:45Z'", 1),
        ("time > '1970-01-01T00:16:45Z' AND time < '1970-01-01T00:16:45Z'", 0),
        ("time > now()", 0),
    ] {
        for what in ["count(*)", "count(id)", "count(time)"] {
            let sql = format!("SELECT {what} FROM t WHERE {condition}");
            assert_eq!(one(&db, &sql).await, expected.to_string(), "{sql}");
            let plan = explain(&db, &sql).await;
            assert!(!plan.contains("FilterExec"), "{sql}: {plan}");
        }
    }
}

#[tokio::test]
async fn other_filters_on_time_are_right_too() {
    let db = series().await;
    for (condition, expected) in [
        ("time <> '1970-01-01T00:16:45Z'", 59),
        ("time < '1970-01-01T00:00:05Z' OR time > '1970-01-01T01:23:25Z'", 9),
        ("date_bin(INTERVAL '1 minute', time) = '1970-01-01T00:16:00Z'", 10),
        ("extract(second FROM time) = 45", 2),
        ("time NOT BETWEEN '1970-01-01T00:16:45Z' AND '1970-01-01T00:33:20Z'", 54),
    ] {
        let sql = format!("SELECT count(id) FROM t WHERE {condition}");
        assert_eq!(one(&db, &sql).await, expected.to_string(), "{sql}");
    }
}

#[tokio::test]
async fn counting_reads_nothing_and_a_limit_stops_the_scan() {
    let db = series().await;
    assert!(!explain(&db, "SELECT count(*) FROM t").await.contains("DriftlineScan"));
    assert!(explain(&db, "SELECT id FROM t LIMIT 3").await.contains("limit=3"));
    assert_eq!(rows(&db, "SELECT id FROM t LIMIT 3").await.len(), 3);
    assert_eq!(rows(&db, "SELECT id FROM t WHERE time > '1970-01-01T00:16:45Z' LIMIT 7").await.len(), 7);
    assert_eq!(one(&db, "SELECT count(*) FROM (SELECT id FROM t LIMIT 25)").await, "25");
    assert_eq!(
        one(&db, "SELECT count(*) FROM (SELECT 1 FROM t WHERE time > '1970-01-01T00:16:45Z')").await,
        "44"
    );
}

#[tokio::test]
async fn the_scan_reads_only_the_columns_it_needs() {
    let db = series().await;
    let plan = explain(&db, "SELECT max(id) FROM t WHERE time < now()").await;
    assert!(plan.contains("columns=[id]"), "{plan}");
}

#[tokio::test]
async fn a_query_sees_the_moment_it_began() {
    let db = series().await;
    use driftline_query::Access;
    use futures::TryStreamExt;
    let prepared = db.prepare("SELECT id FROM t", Access::Embedded).await.unwrap();
    let began = prepared.execute(&[]).await.unwrap();
    db.write(to_table("t", batch([("time", times(&[7])), ("id", strings(["late"]))]))).await.unwrap();
    db.flush().await.unwrap();
    let rows: Vec<_> = began.try_collect().await.unwrap();
    assert_eq!(rows.iter().map(arrow::record_batch::RecordBatch::num_rows).sum::<usize>(), 60);
}

/// Chunks of rows in memory have filters of keys and indexed columns, labels of late ones among them.
#[tokio::test]
async fn a_look_up_finds_its_row_in_memory() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (id TEXT KEY, n BIGINT INDEX, label TEXT LABEL INDEX)").await.unwrap();
    for part in 0..3 {
        let numbers: Vec<i64> = (0..300).map(|n| 1_000 * part + n).collect();
        let ids: Vec<String> = numbers.iter().map(|n| format!("id {n}")).collect();
        let n: ArrayRef = Arc::new(Int64Array::from(numbers.clone()));
        let id = strings(ids.iter().map(String::as_str));
        db.write(to_table("m", batch([("time", times(&numbers)), ("id", id), ("n", n)]))).await.unwrap();
    }
    let late = batch([("id", strings(["id 1007"])), ("label", strings(["late"]))]);
    db.write(to_labels("m", late)).await.unwrap();
    for (condition, expected) in [
        ("id = 'id 299'", 1),
        ("id = 'id 300'", 0),
        ("id IN ('id 5', 'id 2005', 'no')", 2),
        ("n = 1007", 1),
        ("n = 500", 0),
        ("n IN (3, 1003, 500)", 2),
        ("label = 'late'", 1),
        ("label = 'never'", 0),
        ("label = 'late' AND id = 'id 1007'", 1),
    ] {
        let sql = format!("SELECT count(n) FROM m WHERE {condition}");
        assert_eq!(one(&db, &sql).await, expected.to_string(), "{sql}");
    }
}

/// Parts enough that the first are judged before the last are read: two batches lie ready at most.
async fn many_parts() -> Database {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (host TEXT TAG, x DOUBLE, k BIGINT, note TEXT)").await.unwrap();
    for part in 0..12_i64 {
        let numbers: Vec<i64> = (0..10_000).map(|n| 10_000 * part + n).collect();
        let x = numbers.iter().map(|n| (n % 97 != 0).then_some(*n as f64)).collect::<Float64Array>();
        let notes: Vec<String> = numbers.iter().map(|n| format!("n{}", n % 7)).collect();
        let columns = [
            ("time", times(&numbers)),
            ("host", strings(numbers.iter().map(|n| ["a", "b", "c"][(n % 3) as usize]))),
            ("x", Arc::new(x) as ArrayRef),
            ("k", Arc::new(Int64Array::from_iter_values(numbers.iter().map(|n| n / 5)))),
            ("note", strings(notes.iter().map(String::as_str))),
        ];
        db.write(to_table("t", batch(columns))).await.unwrap();
        db.flush().await.unwrap();
    }
    db
}

fn skipped(plan: &str) -> usize {
    let after = plan.split("pages_skipped=").nth(1).unwrap_or_else(|| panic!("{plan}"));
    after.split([',', ']']).next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{plan}"))
}

/// What a sort has seen tells which pages cannot have one of the first rows.
#[tokio::test]
async fn a_sort_that_keeps_few_rows_narrows_the_scan() {
    let db = many_parts().await;
    let sql = "SELECT x, note FROM t ORDER BY x LIMIT 3";
    assert_eq!(rows(&db, sql).await, [["1.0", "n1"], ["2.0", "n2"], ["3.0", "n3"]]);
    let plan = rows(&db, &format!("EXPLAIN ANALYZE {sql}")).await.concat().join("\n");
    assert!(plan.contains("narrowed_by=") && skipped(&plan) >= 6, "{plan}");
    for order in [
        "x DESC LIMIT 5",
        "x DESC NULLS LAST, k LIMIT 5",
        "k DESC, x LIMIT 7",
        "host DESC, x NULLS LAST LIMIT 4",
        "note, x NULLS LAST LIMIT 9",
        "time, x LIMIT 3",
        "x + k NULLS LAST LIMIT 3",
    ] {
        for condition in ["", "WHERE note <> 'n1'", "WHERE host = 'b' AND k > 100"] {
            let query = |table: &str| format!("SELECT x, k, host FROM {table} {condition} ORDER BY {order}");
            let all = rows(&db, &query("(SELECT * FROM t LIMIT 1000000000) AS t")).await;
            assert_eq!(rows(&db, &query("t")).await, all, "{order} {condition}");
        }
    }
}

/// So do the keys of a join's smaller side.
#[tokio::test]
async fn a_join_narrows_the_scan() {
    let db = many_parts().await;
    db.sql("CREATE TABLE wanted (k BIGINT)").await.unwrap();
    db.sql("INSERT INTO wanted VALUES (now(), 7), (now(), 8), (now(), NULL)").await.unwrap();
    for (sql, expected) in [
        ("SELECT count(*) FROM t JOIN wanted ON t.k = wanted.k", "10"),
        ("SELECT count(*) FROM t WHERE k IN (SELECT k FROM wanted)", "10"),
        ("SELECT count(*) FROM wanted LEFT JOIN t ON t.k = wanted.k", "11"),
        ("SELECT count(*) FROM t LEFT JOIN wanted ON t.k = wanted.k", "120000"),
        ("SELECT count(*) FROM t WHERE k NOT IN (SELECT k FROM wanted WHERE k IS NOT NULL)", "119990"),
    ] {
        assert_eq!(one(&db, sql).await, expected, "{sql}");
    }
    let joined = explain(&db, "SELECT t.x FROM t JOIN wanted ON t.k = wanted.k").await;
    assert!(joined.contains("narrowed_by="), "{joined}");
    let any = explain(&db, "SELECT s.x FROM (SELECT * FROM t LIMIT 5) s JOIN wanted ON s.k = wanted.k").await;
    assert!(any.contains("limit=5") && !any.contains("narrowed_by="), "{any}");
}

/// Rows that lie series by turns, of which nothing but their number is asked.
#[tokio::test]
async fn rows_of_no_columns_are_counted_by_group_in_memory() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (host TEXT TAG)").await.unwrap();
    let hosts = (0..900).map(|row| ["a", "b", "c"][row % 3]);
    let written = batch([("time", times(&(0..900).collect::<Vec<_>>())), ("host", strings(hosts))]);
    db.write(to_table("t", written)).await.unwrap();
    let sql = "SELECT host, count(*) FROM t GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&db, sql).await, [["a", "300"], ["b", "300"], ["c", "300"]]);
}
