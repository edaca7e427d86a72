//! CREATE, DROP and SHOW of models and tables.

use driftline_query::storage::{Meaning, Role};
use driftline_query::{Database, QueryError};

use crate::support::{error, fraud, one, rows};

#[tokio::test]
async fn every_role_and_type_can_be_written() {
    let db = Database::open_in_memory().unwrap();
    db.sql("REGISTER MODEL m (
                time TIMESTAMP(9) WITH TIME ZONE TIME, version TEXT TAG, id VARCHAR KEY, customer TEXT SUBJECT,
                a DOUBLE PRECISION FEATURE, b INT FEATURE CATEGORICAL, c STRING FEATURE, d BOOLEAN FEATURE,
                e REAL FEATURE NUMERIC, p TEXT PREDICTION, s VECTOR(3) SCORE, l INTEGER LABEL, v VECTOR(8) EMBEDDING,
                shap DOUBLE ATTRIBUTION, ms FLOAT LATENCY, usd DOUBLE COST, failed TEXT ERROR, w DOUBLE WEIGHT,
                q TEXT GROUP, r BIGINT RANK, arm TEXT VARIANT, session TEXT INDEX, extra JSON FIELD,
                user_id TEXT FIELD INDEX, d2 DISTRIBUTION)
            WITH (type = 'classification', positive = 'yes', threshold = 0.7, label_delay = '30 days',
                  primary_metric = 'f1', retention = '400d', owner = 'risk', description = 'x')")
        .await
        .unwrap();
    let table = db.engine().snapshot().table("m").unwrap().clone();
    let meaning = |name: &str| table.column_named(name).unwrap().meaning;
    assert_eq!(meaning("a"), Some(Meaning::NumericFeature));
    assert_eq!(meaning("b"), Some(Meaning::CategoricalFeature));
    assert_eq!(meaning("c"), Some(Meaning::CategoricalFeature));
    assert_eq!(meaning("d"), Some(Meaning::CategoricalFeature));
    assert_eq!(meaning("e"), Some(Meaning::NumericFeature));
    assert_eq!(meaning("extra"), None);
    let column = |name: &str| table.column_named(name).unwrap();
    assert_eq!(
        (column("version").role, column("id").role, column("customer").role),
        (Role::Tag, Role::Key, Role::Subject)
    );
    assert!(column("session").index && column("user_id").index && !column("extra").index);
    let shown = rows(&db, "SHOW MODELS").await;
    assert_eq!(shown[0][..9], ["m", "classification", "yes", "0.7", "30 days", "f1", "400d", "risk", "x"]);
}

#[tokio::test]
async fn time_is_added_where_it_was_not_written() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE MODEL m (x DOUBLE FEATURE); CREATE TABLE t (x DOUBLE); CREATE TABLE u (x DOUBLE, time TIMESTAMP)")
        .await
        .unwrap();
    for table in ["m", "t"] {
        assert_eq!(db.engine().snapshot().table(table).unwrap().columns[0].name, "time");
    }
    assert_eq!(db.engine().snapshot().table("u").unwrap().columns[1].role, Role::Time);
}

#[tokio::test]
async fn a_slip_is_told_with_its_place_and_what_is_known() {
    let db = fraud().await;
    for (sql, expected) in [
        (
            "CREATE TABLE t (x DUBBLE)",
            "unknown type DUBBLE; the types are BOOLEAN, BIGINT, DOUBLE, TEXT, TIMESTAMP, JSON, VECTOR(n), DISTRIBUTION (line 1, column 19)",
        ),
        ("CREATE TABLE t (\n  x DOUBLE FEETURE)", "unknown role FEETURE; a column may be TIME, TAG, KEY"),
        ("CREATE TABLE t (\n  x DOUBLE FEETURE)", "(line 2, column 12)"),
        (
            "CREATE MODEL m (x DOUBLE) WITH (ownr = 'x')",
            "unknown option ownr of a model; it has type, positive, threshold, label_delay, primary_metric, retention, owner, description, dedup, retention_bytes, on_bad_row, series_max, tag_values_max (line 1, column 33)",
        ),
        ("CREATE TABLE t (x DOUBLE) WITH (owner = 'x')", "unknown option owner of a table"),
        ("CREATE MODEL m (x DOUBLE) WITH (threshold = 'high')", "\"high\" is no number"),
        ("CREATE MODEL m (x DOUBLE) WITH (type = 'ranking')", "a model is classification or regression"),
        ("CREATE TABLE t (x DOUBLE) WITH (retention = 'soon')", "\"soon\" is no duration"),
        ("CREATE TABLE t (x DOUBLE) WITH (retention = '1d', retention = '2d')", "there twice"),
        ("CREATE TABLE t (x DOUBLE, x TEXT)", "column x is there twice"),
        ("CREATE TABLE t (x DOUBLE KEY TAG)", "column x has two roles"),
        ("CREATE TABLE t (x DOUBLE TAG)", "a TAG is of type TEXT"),
        ("CREATE TABLE t (when TIMESTAMP TIME)", "the TIME column is named time"),
        ("CREATE TABLE t (time TEXT)", "a column of this name is TIMESTAMP TIME"),
        ("CREATE TABLE t (a TEXT KEY, b TEXT KEY)", "table t has 2 KEY columns, a and b"),
        ("CREATE TABLE t (v VECTOR(0))", "a vector has 1 to"),
        ("CREATE TABLE t (v VECTOR)", "how many numbers"),
        ("CREATE TABLE t (v VECTOR(3) FEATURE)", "neither numeric nor a category"),
        ("CREATE TABLE t (x DOUBLE", "found the end of the statement"),
        ("CREATE TABLE t ()", "expected the name of a column, found )"),
        ("CREATE TABLE \"a/b\" (x DOUBLE)", "cannot be a name"),
        ("CREATE TABLE public.t (x DOUBLE)", "without a prefix"),
        ("CREATE MODEL m (received_at TEXT KEY, l TEXT LABEL)", "received_at"),
        ("SELECT 1 SELECT 2", "expected"),
        ("SELEKT 1", "SELEKT"),
    ] {
        let error = error(&db, sql).await;
        assert!(matches!(error, QueryError::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
}

#[tokio::test]
async fn what_exists_is_not_made_twice() {
    let db = fraud().await;
    db.sql("CREATE TABLE t (x DOUBLE)").await.unwrap();
    for (sql, expected) in [
        ("CREATE TABLE t (x DOUBLE)", "table t exists already"),
        ("CREATE MODEL t (x DOUBLE)", "table t exists already"),
        ("CREATE MODEL IF NOT EXISTS t (x DOUBLE)", "table t exists already"),
        ("CREATE TABLE Fraud (x DOUBLE)", "model fraud exists already"),
    ] {
        let error = error(&db, sql).await;
        assert!(matches!(error, QueryError::Exists(_)), "{sql}: {error:?}");
        assert_eq!(error.to_string(), expected, "{sql}");
    }
    db.sql("CREATE TABLE IF NOT EXISTS t (y TEXT); CREATE MODEL IF NOT EXISTS Fraud (y TEXT)").await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM fraud").await, "3");
}

#[tokio::test]
async fn a_dropped_model_takes_its_labels_and_baselines_with_it() {
    let db = fraud().await;
    db.sql("CREATE BASELINE b FOR MODEL fraud AS SELECT * FROM fraud").await.unwrap();
    let wrong = error(&db, "DROP TABLE fraud").await;
    assert_eq!(wrong.to_string(), "fraud is a model; use DROP MODEL fraud");
    db.sql("DROP MODEL Fraud").await.unwrap();
    assert!(db.engine().snapshot().tables().is_empty());
    assert!(db.engine().snapshot().entries().is_empty());
    let gone = error(&db, "DROP MODEL fraud").await;
    assert!(matches!(gone, QueryError::NotFound(_)), "{gone:?}");
    db.sql("DROP MODEL IF EXISTS fraud; DROP TABLE IF EXISTS fraud; DROP BASELINE IF EXISTS b")
        .await
        .unwrap();
    db.sql("CREATE TABLE fraud (x DOUBLE); DROP TABLE fraud").await.unwrap();
}

#[tokio::test]
async fn statements_before_the_one_that_fails_stay_done() {
    let db = Database::open_in_memory().unwrap();
    let error =
        error(&db, "CREATE TABLE a (x DOUBLE); SELECT 1 FROM nowhere; CREATE TABLE b (x DOUBLE)").await;
    assert!(matches!(error, QueryError::NotFound(_)), "{error:?}");
    assert_eq!(rows(&db, "SELECT name FROM system.tables").await, [["a"]]);
}

#[tokio::test]
async fn rows_of_a_query_are_inserted_as_one_batch() {
    let db = fraud().await;
    db.sql("CREATE TABLE copy (id TEXT, amount DOUBLE)").await.unwrap();
    let before = db.engine().snapshot().seq();
    let count = one(&db, "INSERT INTO Copy (time, ID, amount) SELECT time, id, amount FROM fraud").await;
    assert_eq!((count.as_str(), db.engine().snapshot().seq()), ("3", before + 1));
    assert_eq!(one(&db, "SELECT sum(amount) FROM copy").await, "1002.5");
    assert_eq!(one(&db, "INSERT INTO copy SELECT time, id, amount FROM fraud WHERE id = 'none'").await, "0");
    let late =
        error(&db, "INSERT INTO copy (time, id) VALUES (now(), 'x'), (now() + INTERVAL '1 day', 'y')").await;
    assert!(late.to_string().contains("row 2 for table copy"), "{late}");
    let missing = error(&db, "INSERT INTO copy (id) VALUES ('x')").await;
    assert!(missing.to_string().contains("time"), "{missing}");
    assert_eq!(one(&db, "SELECT count(*) FROM copy").await, "3", "all or nothing");
}
