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
    for table in [
        "tables",
        "segments",
        "columns",
        "models",
        "baselines",
        "storage",
        "limits",
        "rejected",
        "queries",
        "notifiers",
        "silences",
        "routes",
        "inhibitions",
    ] {
        let listed = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'system' AND table_name = '{table}'"
        );
        let listed = rows(&db, &listed).await.concat();
        let batches =
            db.sql(&format!("SELECT {} FROM SYSTEM.{table}", listed.join(", ").to_uppercase())).await;
        batches.unwrap_or_else(|error| panic!("system.{table}: {error}"));
    }
}

#[tokio::test]
async fn every_column_is_listed_with_its_role_and_how_long_it_is_kept() {
    let db = fraud().await;
    db.sql(
        "CREATE MODEL chat (id TEXT KEY, customer TEXT SUBJECT, prompt TEXT RETENTION '30 days', amount DOUBLE FEATURE,
                            answer TEXT PREDICTION, score DOUBLE SCORE, grade TEXT LABEL RETENTION '60 days')
         WITH (retention = '90 days')",
    )
    .await
    .unwrap();
    let of = "SELECT column_name, type, role, retention, encoding FROM system.columns WHERE table_name = ";
    assert_eq!(
        rows(&db, &format!("{of} 'chat' ORDER BY column_name")).await,
        [
            ["amount", "DOUBLE", "FEATURE NUMERIC", "null", "null"],
            ["answer", "TEXT", "PREDICTION", "null", "null"],
            ["customer", "TEXT", "SUBJECT", "null", "null"],
            ["grade", "TEXT", "LABEL", "60 days", "null"],
            ["id", "TEXT", "KEY", "null", "null"],
            ["prompt", "TEXT", "FIELD", "30 days", "null"],
            ["score", "DOUBLE", "SCORE", "null", "null"],
            ["time", "TIMESTAMP", "TIME", "null", "null"],
        ]
    );
    // Its late labels are kept as long as they would be in a row.
    let late =
        "SELECT retention FROM system.columns WHERE table_name = 'chat$labels' AND column_name = 'grade'";
    assert_eq!(one(&db, late).await, "60 days");
    db.flush().await.unwrap();
    let sizes = "SELECT count(*) > 0 FROM system.columns WHERE table_name = 'fraud' AND encoding IS NOT NULL AND bytes > 0";
    assert_eq!(one(&db, sizes).await, "true");
}
