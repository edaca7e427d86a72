//! Open, write, query, close, open again.

use driftline_query::storage::StorageError;
use std::sync::Arc;

use driftline_query::storage::{EngineOptions, ManualClock};
use driftline_query::{Database, DatabaseOptions, QueryError};

use crate::support::{FRAUD, batch, directory, fraud, one, rows, strings, times, to_table};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_closing_and_opening_again() {
    let path = directory("life");
    let db = Database::open(&path).unwrap();
    db.sql(FRAUD).await.unwrap();
    db.flush().await.unwrap();
    db.sql("INSERT INTO fraud (time, id) VALUES ('2026-01-02T00:00:00Z', 'd')").await.unwrap();
    let before = rows(&db, "SELECT * FROM fraud ORDER BY time").await;
    db.close().await.unwrap();
    let db = Database::open(&path).unwrap();
    assert_eq!(rows(&db, "SELECT * FROM fraud ORDER BY time").await, before);
    assert_eq!(before.len(), 4);
    assert_eq!(one(&db, "SELECT positive FROM system.models").await, "fraud");
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let db = fraud().await;
    db.close().await.unwrap();
    let error = db.write(to_table("fraud", batch([("time", times(&[1])), ("id", strings(["x"]))]))).await;
    assert!(matches!(error, Err(QueryError::Storage(StorageError::Closed))), "{error:?}");
}

#[tokio::test]
async fn a_directory_that_is_open_cannot_be_opened_twice() {
    let path = directory("twice");
    let _open = Database::open(&path).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert!(matches!(error, QueryError::Storage(StorageError::InUse { .. })), "{error}");
}

#[tokio::test]
async fn every_acknowledged_write_is_seen_by_the_next_query() {
    let db = fraud().await;
    for n in 0..20 {
        db.write(to_table("fraud", batch([("time", times(&[n])), ("id", strings([&*format!("k{n}")]))])))
            .await
            .unwrap();
        assert_eq!(one(&db, "SELECT count(*) FROM fraud WHERE id LIKE 'k%'").await, (n + 1).to_string());
        if n == 10 {
            db.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn queries_run_while_others_write() {
    let db = fraud().await;
    let writer = db.clone();
    let writes = tokio::spawn(async move {
        for n in 0..50 {
            let rows = batch([("time", times(&[n, n])), ("id", strings(["x", "y"]))]);
            writer.write(to_table("fraud", rows)).await.unwrap();
        }
    });
    let mut last = 0;
    while last < 100 {
        let n: u64 = one(&db, "SELECT count(*) FROM fraud WHERE id IN ('x', 'y')").await.parse().unwrap();
        assert!(n >= last && n.is_multiple_of(2), "a batch is seen as a whole: {n} after {last}");
        last = n;
    }
    writes.await.unwrap();
}

#[tokio::test]
async fn now_is_what_the_clock_of_the_engine_says() {
    let clock = Arc::new(ManualClock::at(1_000_000_000_000));
    let engine = EngineOptions { clock: Arc::clone(&clock) as _, ..EngineOptions::default() };
    let options = DatabaseOptions { engine, ..DatabaseOptions::default() };
    let db = Database::open_with(directory("clock"), options).unwrap();
    db.sql("CREATE TABLE t (x DOUBLE); INSERT INTO t VALUES (now(), 1)").await.unwrap();
    clock.advance(3_600_000_000_000);
    assert_eq!(one(&db, "SELECT extract(epoch FROM now())").await, "4600.0");
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE time < now() - INTERVAL '59 minutes'").await, "1");
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE time < now() - INTERVAL '61 minutes'").await, "0");
}

#[tokio::test]
async fn what_does_not_fit_the_memory_of_queries_goes_to_disk_and_is_gone_afterwards() {
    let path = directory("spill");
    let options = DatabaseOptions { query_memory_bytes: 16 << 20, ..DatabaseOptions::default() };
    let db = Database::open_with(&path, options).unwrap();
    let sql = "SELECT max(n), count(*) FROM (
                   SELECT row_number() OVER (ORDER BY value % 977, value) AS n FROM generate_series(1, 800000))";
    assert_eq!(rows(&db, sql).await, [["800000", "800000"]]);
    let plan = rows(&db, &format!("EXPLAIN ANALYZE {sql}")).await.concat().concat();
    assert!(plan.replace("spill_count=0", "").contains("spill_count="), "{plan}");
    drop(db);
    assert_eq!(std::fs::read_dir(path.join("spill")).unwrap().count(), 0);
}
