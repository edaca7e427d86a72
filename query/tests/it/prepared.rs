//! Statements that are planned once and run often.

use arrow::datatypes::DataType;
use driftline_query::datafusion::scalar::ScalarValue;
use driftline_query::{Access, Prepared, QueryError};
use futures::TryStreamExt;

use crate::support::{fraud, one, texts};

async fn run(prepared: &Prepared, parameters: &[ScalarValue]) -> Vec<Vec<String>> {
    let rows: Vec<_> = prepared.execute(parameters).await.unwrap().try_collect().await.unwrap();
    texts(&rows)
}

#[tokio::test]
async fn parameters_have_the_types_of_what_they_stand_beside() {
    let db = fraud().await;
    let sql = "SELECT id, $3 AS free FROM fraud WHERE score > $1 AND time < $2";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    assert!(prepared.is_query());
    let parameters = prepared.parameters();
    let types: Vec<String> =
        parameters.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(types, ["$1 Float64", "$2 Timestamp(ns, \"UTC\")", "$3 Utf8"]);
    let values =
        [ScalarValue::from(0.5), ScalarValue::from("2026-02-01T00:00:00Z"), ScalarValue::from(7_i64)];
    assert_eq!(run(&prepared, &values).await, [["b", "7"]]);
}

#[tokio::test]
async fn question_marks_are_numbered_in_order() {
    let db = fraud().await;
    let sql = "SELECT id FROM fraud WHERE score > ? AND id IN (SELECT id FROM fraud WHERE country = ?) ORDER BY id LIMIT ?";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    let values = [ScalarValue::from(0.0), ScalarValue::from("FR"), ScalarValue::from(1_i64)];
    assert_eq!(run(&prepared, &values).await, [["b"]]);
}

#[tokio::test]
async fn each_execution_sees_the_newest_rows() {
    let db = fraud().await;
    let count = db.prepare("SELECT count(*) FROM fraud", Access::Embedded).await.unwrap();
    let insert = "INSERT INTO fraud (time, id, score) VALUES ($1, $2, $3)";
    let insert = db.prepare(insert, Access::Embedded).await.unwrap();
    assert!(!insert.is_query());
    assert_eq!(insert.schema().fields().len(), 0);
    assert_eq!(insert.parameters().field(2).data_type(), &DataType::Float64);
    assert_eq!(run(&count, &[]).await, [["3"]]);
    let values = [ScalarValue::from("2026-01-02"), ScalarValue::from("d"), ScalarValue::from(1_i64)];
    assert_eq!(run(&insert, &values).await, [["1"]]);
    assert_eq!(run(&count, &[]).await, [["4"]]);
    assert_eq!(one(&db, "SELECT score FROM fraud WHERE id = 'd'").await, "1.0");
}

#[tokio::test]
async fn rows_are_written_whether_or_not_the_answer_is_read() {
    let db = fraud().await;
    let sql = "INSERT INTO fraud (time, id) VALUES ('2026-01-02', 'd')";
    drop(db.prepare(sql, Access::Network).await.unwrap().execute(&[]).await.unwrap());
    assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "4");
}

#[tokio::test]
async fn statements_of_ours_are_prepared_too() {
    let db = fraud().await;
    let create = db.prepare("CREATE TABLE t (x DOUBLE)", Access::Network).await.unwrap();
    assert!(!create.is_query() && create.schema().fields().is_empty());
    assert_eq!(run(&create, &[]).await, [["0"]]);
    assert!(matches!(create.execute(&[]).await.map(|_| ()), Err(QueryError::Exists(_))));
    let show = db.prepare("SHOW MODELS", Access::Network).await.unwrap();
    assert!(show.is_query());
    assert_eq!(run(&show, &[]).await[0][0], "fraud");
}

#[tokio::test]
async fn wrong_parameters_are_told() {
    let db = fraud().await;
    let prepared = db.prepare("SELECT id FROM fraud WHERE score > $1", Access::Network).await.unwrap();
    let few = prepared.execute(&[]).await.map(|_| ()).unwrap_err();
    assert_eq!(few.to_string(), "the statement has 1 parameters, 0 values were given");
    let wrong = prepared.execute(&[ScalarValue::from("high")]).await.map(|_| ()).unwrap_err();
    assert!(wrong.to_string().starts_with("parameter $1 is Float64, the value high is Utf8"), "{wrong}");
    let unbound = crate::support::error(&db, "SELECT id FROM fraud WHERE score > $1").await;
    assert!(unbound.to_string().contains("prepare it"), "{unbound}");
    for (sql, expected) in [
        ("SELECT * FROM generate_series(1, $1)", "parameter $1 stands inside generate_series(..)"),
        ("SELECT $name", "parameters are numbered"),
        ("SELECT $2", "but not $1"),
        ("SELECT 1; SELECT 2", "holds 2 statements"),
        (" ;; ", "holds no statement"),
    ] {
        let error = db.prepare(sql, Access::Network).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
}
