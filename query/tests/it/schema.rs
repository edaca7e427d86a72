//! What tools ask before they show anything.

use crate::support::{fraud, one, rows};

/// The statements that Grafana's SQL mode sends, letter for letter.
#[tokio::test]
async fn the_questions_of_grafana_are_answered() {
    let db = fraud().await;
    assert_eq!(one(&db, "select 1").await, "1");
    let schemas = "SELECT DISTINCT TABLE_SCHEMA from information_schema.TABLES where TABLE_TYPE != 'SYSTEM VIEW' ORDER BY TABLE_SCHEMA";
    let schemas = rows(&db, schemas).await.concat();
    assert!(schemas.contains(&"public".into()) && schemas.contains(&"system".into()), "{schemas:?}");
    let tables =
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name";
    assert_eq!(rows(&db, tables).await, [["fraud"]], "labels are shown through their model");
    let columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'fraud' ORDER BY column_name";
    let columns = rows(&db, columns).await;
    assert_eq!(columns[0], ["amount", "Float64"]);
    assert_eq!(columns[6], ["time", "Timestamp(ns, \"UTC\")"]);
}

/// What its macros expand to.
#[tokio::test]
async fn the_macros_of_grafana_run() {
    let db = fraud().await;
    for sql in [
        "SELECT time, score FROM fraud WHERE time >= '2026-01-01T00:00:00Z' AND time <= '2026-01-02T00:00:00Z'",
        "SELECT date_bin(interval '60 second', time, timestamp '1970-01-01T00:00:00Z') AS time_binned, avg(score)
         FROM fraud WHERE time >= cast('2026-01-01T00:00:00Z' as timestamp) GROUP BY 1 ORDER BY 1",
        "SELECT datepart('minute', time), datepart('hour', time), count(*) FROM fraud GROUP BY 1, 2",
        "SELECT floor(extract(epoch from time)/60)*60 AS t, max(score) FROM fraud GROUP BY 1",
        "SELECT count(*) FROM fraud WHERE time BETWEEN '2026-01-01T00:00:00.5Z' AND '2026-01-02T00:00:00Z'",
    ] {
        assert!(!rows(&db, sql).await.is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn tables_describe_themselves() {
    let db = fraud().await;
    let described = rows(&db, "DESCRIBE Fraud").await;
    assert_eq!(described[0], ["time", "Timestamp(ns, \"UTC\")", "NO"]);
    assert_eq!(rows(&db, "SHOW COLUMNS FROM Fraud").await.len(), 7);
    assert!(rows(&db, "SHOW TABLES").await.concat().contains(&"fraud".into()));
    let zone = rows(&db, "SHOW datafusion.execution.time_zone").await;
    assert_eq!(zone, [["datafusion.execution.time_zone", "UTC"]]);
}

#[tokio::test]
async fn rows_leave_in_the_types_that_clients_read() {
    let db = fraud().await;
    let sql = "SELECT upper(id) a, id || 'x' b, arrow_cast(id, 'Utf8View') c, arrow_cast(id, 'Dictionary(Int32, Utf8)') d,
                      cast(time AS timestamp) e, date_trunc('hour', time) f, [id] g, string_agg(id, ',') OVER () h
               FROM fraud";
    let batches = db.sql(sql).await.unwrap();
    let time = "Timestamp(ns, \"UTC\")";
    let types: Vec<String> = batches[0].schema().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Utf8", "Utf8", "Utf8", time, time, "List(Utf8)", "Utf8"]);
    let prepared = db.prepare(sql, driftline_query::Access::Network).await.unwrap();
    assert_eq!(prepared.schema().fields().len(), 8);
    for (planned, sent) in prepared.schema().fields().iter().zip(batches[0].schema().fields()) {
        assert_eq!((planned.name(), planned.data_type()), (sent.name(), sent.data_type()));
    }
}
