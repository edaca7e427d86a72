//! What the network cannot say, and what nobody can.

use arrow::array::AsArray;
use driftline_query::{Access, Database, QueryError};
use futures::TryStreamExt;

use crate::support::{directory, error, fraud, one};

async fn refused(db: &Database, sql: &str) -> QueryError {
    match db.prepare(sql, Access::Network).await {
        Ok(prepared) => panic!("{sql} was planned: {prepared:?}"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn files_are_closed_to_the_network() {
    let db = fraud().await;
    for sql in [
        "CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '/etc/hostname'",
        "EXPLAIN CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '/etc/hostname'",
        "COPY fraud TO 'stolen.parquet'",
        "COPY (SELECT 1) TO 'stolen.csv' STORED AS CSV",
        "EXPLAIN COPY (SELECT 1) TO 'stolen.csv' STORED AS CSV",
    ] {
        let error = refused(&db, sql).await;
        assert!(matches!(error, QueryError::Denied(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains("closed to the network"), "{error}");
    }
    for sql in ["SELECT * FROM '/etc/hostname'", "SELECT * FROM 'file:///etc/hostname'"] {
        let error = refused(&db, sql).await;
        assert!(matches!(error, QueryError::NotFound(_) | QueryError::Invalid(_)), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn what_would_be_forgotten_or_is_not_there_is_refused_with_a_reason() {
    let db = fraud().await;
    for (sql, expected) in [
        ("SET datafusion.execution.batch_size = 10", "SET is not supported"),
        ("SET nonsense = 1", "SET is not supported"),
        ("RESET datafusion.execution.batch_size", "RESET is not supported"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW is not supported"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE t AS is not supported"),
        ("CREATE OR REPLACE TABLE t (x INT)", "CREATE OR REPLACE"),
        ("EXPLAIN DELETE FROM fraud", "EXPLAIN of a delete is not supported"),
        ("BEGIN", "each statement is a transaction"),
        ("PREPARE p AS SELECT 1", "prepare statements through a client"),
        ("CREATE SCHEMA s", "CREATE SCHEMA"),
        ("INSERT OVERWRITE fraud SELECT * FROM fraud", "only added"),
        ("SELECT * FROM fraud TABLESAMPLE (10)", "TABLESAMPLE is not supported"),
        ("DROP VIEW v", "DROP VIEW"),
    ] {
        let error = error(&db, sql).await;
        assert!(matches!(error, QueryError::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
    assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "3");
}

#[tokio::test]
async fn the_embedding_program_may_read_and_write_files() {
    let db = fraud().await;
    let folder = directory("files");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("fraud.parquet");
    db.sql(&format!("COPY (SELECT * FROM Fraud) TO '{}' STORED AS PARQUET", file.display())).await.unwrap();
    let declare = format!("CREATE EXTERNAL TABLE Archive STORED AS PARQUET LOCATION '{}'", file.display());
    db.sql(&declare).await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM archive").await, "3");
    // Moved on in time: a row with the time and key of one that is there takes its place.
    let later = "time + INTERVAL '1 hour', id, amount, country, score, decision, label";
    db.sql(&format!("INSERT INTO fraud SELECT {later} FROM Archive")).await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "6");
    let network = refused(&db, "SELECT count(*) FROM archive").await;
    assert!(matches!(network, QueryError::NotFound(_)), "{network:?}");
    db.sql("DROP TABLE archive").await.unwrap();
    assert!(matches!(error(&db, "SELECT 1 FROM archive").await, QueryError::NotFound(_)));
}

#[tokio::test]
async fn the_network_may_query_and_write_rows() {
    let db = fraud().await;
    let insert = "INSERT INTO fraud (time, id) VALUES ('2026-01-05T00:00:00Z', 'z')";
    let insert = db.prepare(insert, Access::Network).await.unwrap();
    let rows: Vec<_> = insert.execute(&[]).await.unwrap().try_collect().await.unwrap();
    let counts = rows[0].column(0).as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!((rows[0].schema().field(0).name().as_str(), counts.value(0)), ("count", 1));
}

#[tokio::test]
async fn a_join_of_much_with_much_can_be_stopped() {
    let db = fraud().await;
    let plan = crate::support::rows(
        &db,
        "EXPLAIN SELECT count(*) FROM generate_series(1, 100) a JOIN generate_series(1, 100) b ON a.value < b.value",
    );
    let plan = plan.await.concat().join("\n");
    let join = plan.find("JoinExec").unwrap();
    let around = &plan[..join];
    assert!(around.lines().rev().nth(1).is_some_and(|line| line.contains("CooperativeExec")), "{plan}");
}

#[tokio::test]
async fn a_statement_too_deep_is_an_error_and_no_crash() {
    let db = fraud().await;
    let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(db.sql(&deep).await.is_err());
}
