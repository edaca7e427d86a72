//! Schema `system`.

use crate::support::{batch, fraud, one, rows, strings, to_labels};

#[tokio::test]
async fn tables_tell_their_rows_labels_and_sizes() {
    let db = fraud().await;
    db.sql("CREATE TABLE t (x DOUBLE)").await.unwrap();
    db.write(to_labels("fraud", batch([("id", strings(["a"])), ("label", strings(["ok"]))]))).await.unwrap();
    let sql = "SELECT name, kind, rows, labels, segments, memtable_rows, min_time, max_time FROM system.tables ORDER BY name";
    let before = rows(&db, sql).await;
    assert_eq!(before[0][..6], ["fraud", "model", "3", "1", "0", "4"]);
    assert_eq!(before[0][6..], ["2026-01-01T10:00:00Z", "2026-01-01T10:00:02Z"]);
    assert_eq!(before[1], ["t", "table", "0", "null", "0", "0", "null", "null"]);
    db.flush().await.unwrap();
    assert_eq!(rows(&db, sql).await[0][..6], ["fraud", "model", "3", "1", "1", "0"]);
    let segments =
        rows(&db, "SELECT table_name, rows, bytes > 0, raw_bytes > 0 FROM system.segments ORDER BY 1").await;
    assert_eq!(segments, [["fraud", "3", "true", "true"]]);
    let bytes = "SELECT segment_bytes = (SELECT sum(bytes) FROM system.segments) FROM system.tables WHERE name = 'fraud'";
    assert_eq!(one(&db, bytes).await, "true");
}

#[tokio::test]
async fn storage_adds_up() {
    let db = fraud().await;
    db.flush().await.unwrap();
    let sql = "SELECT total = segments + wal + manifest AND manifest > 0
                      AND segments = (SELECT sum(bytes) FROM system.segments) FROM system.storage";
    assert_eq!(one(&db, sql).await, "true");
}

#[tokio::test]
async fn columns_are_listed_as_they_are() {
    let db = fraud().await;
    for table in ["tables", "segments", "models", "baselines", "storage", "limits", "rejected"] {
        let listed = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'system' AND table_name = '{table}'"
        );
        let listed = rows(&db, &listed).await.concat();
        let batches =
            db.sql(&format!("SELECT {} FROM SYSTEM.{table}", listed.join(", ").to_uppercase())).await;
        batches.unwrap_or_else(|error| panic!("system.{table}: {error}"));
    }
}
