//! ERASE: what was about somebody is in no file, and neither is what was derived from it.

use std::path::Path;
use std::sync::Arc;

use driftline_query::storage::inspect::find_text;
use driftline_query::storage::{Disk, OsDisk, RestoreLedger, restore};
use driftline_query::{Access, Database, QueryError};
use futures::TryStreamExt;

use crate::support::{directory, error, one, rows, texts};

const WHO: &str = "Zq7#xW-pk91v";
/// What is said of one of his predictions later.
const LABEL: &str = "Lb5!tR-mx02w";
const MODEL: &str = "
    CREATE MODEL fraud (id TEXT KEY, customer TEXT SUBJECT, n BIGINT, country TEXT FEATURE CATEGORICAL,
                        decision TEXT PREDICTION, label TEXT LABEL) WITH (on_bad_row = 'divert');
    CREATE TABLE calls (person TEXT SUBJECT, note TEXT);
    CREATE TABLE plain (person TEXT, n BIGINT, version TEXT TAG);
    CREATE TABLE numbered (who BIGINT SUBJECT);
    INSERT INTO fraud (time, id, customer, n, country, decision) VALUES
        ('2026-01-01T10:00:00Z', 'k-Zq7#a', 'Zq7#xW-pk91v', 1, 'Zq7#xW-pk91v', 'ok'),
        ('2026-01-01T10:00:02Z', 'k-Zq7#c', 'Zq7#xW-pk91v', 3, 'FR', 'ok');
    INSERT INTO calls (time, person, note) VALUES ('2026-01-01', 'Zq7#xW-pk91v', 'x'), ('2026-01-02', 'b', 'y');
    INSERT INTO plain (time, person, n) VALUES ('2026-01-01', 'Zq7#xW-pk91v', 1), ('2026-01-02', 'Zq7#xW-pk91v', 2);
    INSERT INTO numbered (time, who) VALUES ('2026-01-01', 42), ('2026-01-02', 43)";
/// What comes after a flush lies in other files; of its labels some share one with those of what came before.
const LATER: &str = "
    INSERT INTO fraud (time, id, customer, n, country, decision) VALUES
        ('2026-03-05T10:00:01Z', 'k-b', 'b', 2, 'FR', 'fraud');
    CREATE BASELINE all_rows FOR MODEL fraud AS SELECT * FROM fraud;
    CREATE BASELINE his FOR MODEL fraud AS SELECT * FROM fraud WHERE customer <> 'Zq7#xW-pk91v'";

/// A row whose decision is a number does not fit: it goes to `system.rejected`, and so does one of another customer.
async fn model(path: &Path) -> Database {
    let db = Database::open(path).unwrap();
    db.sql(MODEL).await.unwrap();
    db.flush().await.unwrap();
    db.sql(LATER).await.unwrap();
    db.flush().await.unwrap();
    for (key, label) in [("k-Zq7#a", LABEL), ("k-b", "fraud")] {
        label_of(&db, key, label).await;
    }
    reject(&db, WHO).await;
    reject(&db, "b").await;
    db
}

async fn label_of(db: &Database, key: &str, label: &str) {
    use crate::support::{batch, strings, to_labels};
    let rows = batch([("id", strings([key])), ("label", strings([label]))]);
    db.write(to_labels("fraud", rows)).await.unwrap();
}

async fn reject(db: &Database, customer: &str) {
    use crate::support::{batch, strings, times, to_table};
    let rows = batch([
        ("time", times(&[5])),
        ("id", strings(["k-bad"])),
        ("customer", strings([customer])),
        ("n", strings(["no number"])),
    ]);
    db.write(to_table("fraud", rows)).await.unwrap();
}

fn places(path: &Path, text: &str) -> Vec<String> {
    find_text(&disk(path), text).unwrap()
}

fn disk(path: &Path) -> Arc<dyn Disk> {
    Arc::new(OsDisk::new(path).unwrap())
}

async fn count(db: &Database, table: &str) -> String {
    one(db, &format!("SELECT count(*) FROM {table}")).await
}

#[tokio::test]
async fn who_is_erased_is_in_no_file_of_any_table() {
    let path = directory("erase-subject");
    let db = model(&path).await;
    db.flush().await.unwrap();
    db.sql("DELETE FROM plain").await.unwrap();
    db.flush().await.unwrap();
    assert!(!places(&path, WHO).is_empty());
    assert!(places(&path, LABEL).iter().any(|place| place.contains("a label of segment")));
    assert_eq!(count(&db, "system.rejected").await, "2");
    // He is in the baselines by name, which ERASE SUBJECT does not go by: the rows that say so do.
    let report = rows(&db, "ERASE SUBJECT 'Zq7#xW-pk91v'").await;
    let said = |place: &str| report.iter().any(|row| row[0] == place);
    for place in ["table", "segment", "log", "older manifests", "put aside", "series", "spill", "baseline"] {
        assert!(said(place), "{place}: {report:#?}");
    }
    assert_eq!(count(&db, "fraud").await, "1");
    assert_eq!(count(&db, "calls").await, "1");
    assert_eq!(count(&db, "numbered").await, "2");
    assert_eq!(one(&db, "SELECT count(label) FROM fraud").await, "1");
    assert!(one(&db, "SELECT data FROM system.rejected").await.contains("\"b\""));
    // The keys of his predictions went from the labels too.
    assert_eq!(places(&path, "k-Zq7#"), [""; 0]);
    assert_eq!(places(&path, LABEL), [""; 0]);
    assert_eq!(one(&db, "SELECT label FROM fraud").await, "fraud", "those of others stay");
    // A category of the baseline is a value of another column.
    db.sql("ERASE FROM MODEL fraud WHERE country = 'Zq7#xW-pk91v'").await.unwrap();
    assert_eq!(places(&path, WHO), [""; 0]);
    db.engine().compact().unwrap();
    assert_eq!(places(&path, WHO), [""; 0]);
    db.close().await.unwrap();
    let db = Database::open(&path).unwrap();
    assert_eq!(rows(&db, "SELECT id FROM fraud").await, [["k-b"]]);
    assert_eq!(places(&path, WHO), [""; 0]);
    let baselines = rows(&db, "SELECT name, query FROM system.baselines ORDER BY name").await;
    assert_eq!(baselines[0][0], "all_rows");
    assert!(baselines[1][1].contains("erased"), "{baselines:?}");
}

#[tokio::test]
async fn rows_are_erased_by_values_of_several_columns() {
    let path = directory("erase-rows");
    let db = model(&path).await;
    db.sql("ERASE FROM plain WHERE person = 'Zq7#xW-pk91v' AND n = 2").await.unwrap();
    assert_eq!(rows(&db, "SELECT n FROM plain").await, [["1"]]);
    db.sql("ERASE SUBJECT '42' FROM TABLE numbered; ERASE FROM Numbered WHERE who = -7").await.unwrap();
    assert_eq!(rows(&db, "SELECT who FROM numbered").await, [["43"]]);
    db.sql("ERASE SUBJECT 43").await.unwrap();
    assert_eq!(count(&db, "numbered").await, "0");
}

#[tokio::test]
async fn what_erase_cannot_go_by_is_refused_and_nothing_goes() {
    let path = directory("erase-refused");
    let db = model(&path).await;
    for (sql, why) in [
        ("ERASE", "SUBJECT 'value'"),
        ("ERASE SUBJECT", "a value"),
        ("ERASE SUBJECT who", "a value"),
        ("ERASE FROM plain", "WHERE"),
        ("ERASE FROM plain WHERE n > 1", "equalities"),
        ("ERASE FROM plain WHERE n = 1 OR n = 2", "equalities"),
        ("ERASE FROM plain WHERE n IN (1)", "equalities"),
        ("ERASE FROM plain WHERE n = 'a'", "does not fit"),
        ("ERASE FROM plain WHERE n = NULL", "a value"),
        ("ERASE FROM plain WHERE version = 'v1'", "TAG"),
        ("ERASE FROM plain WHERE time = '2026-01-01'", "does not fit"),
        ("ERASE FROM plain WHERE nothing = 1", "nothing"),
        ("ERASE FROM nowhere WHERE n = 1", "nowhere"),
        ("ERASE SUBJECT 'x' FROM plain", "no SUBJECT"),
        ("ERASE SUBJECT 'x' FROM MODEL plain", "is a table"),
        ("ERASE FROM fraud WHERE label = 'ok'", "labels"),
        ("ERASE FROM \"fraud$labels\" WHERE id = 'a'", "$"),
    ] {
        let error = error(&db, sql).await.to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    assert_eq!(count(&db, "plain").await, "2");
    assert!(!path.join("ledger").exists());
}

#[tokio::test]
async fn erase_is_said_over_the_network_too_and_only_when_it_is_run() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE calls (person TEXT SUBJECT); INSERT INTO calls VALUES ('2026-01-01', 'a')")
        .await
        .unwrap();
    let prepared = db.prepare("ERASE SUBJECT 'a'", Access::Network).await.unwrap();
    assert!(prepared.is_query());
    assert_eq!(count(&db, "calls").await, "1");
    let rows: Vec<_> = prepared.execute(&[]).await.unwrap().try_collect().await.unwrap();
    assert!(!texts(&rows).is_empty());
    assert_eq!(count(&db, "calls").await, "0");
    let denied = db.prepare("BACKUP TO 'x'", Access::Network).await;
    assert!(matches!(denied, Err(QueryError::Denied(_))));
}

#[tokio::test]
async fn a_backup_from_before_is_restored_without_it() {
    let (path, backup) = (directory("erase-backup"), directory("erase-backup-to"));
    let (target, db) = (directory("erase-backup-restored"), model(&path).await);
    db.sql(&format!("BACKUP TO '{}'", backup.display())).await.unwrap();
    let report =
        rows(&db, "ERASE SUBJECT 'Zq7#xW-pk91v'; ERASE FROM fraud WHERE country = 'Zq7#xW-pk91v'").await;
    let told = report.iter().find(|row| row[0] == "backup").unwrap();
    assert_eq!((told[1].as_str(), told[3].as_str()), (&*backup.to_string_lossy(), "done"), "{told:?}");
    restore(&disk(&backup), &disk(&target), &RestoreLedger::default(), &mut |_| ()).unwrap();
    let db = Database::open(&target).unwrap();
    assert_eq!(rows(&db, "SELECT id FROM fraud").await, [["k-b"]]);
    assert_eq!(count(&db, "calls").await, "1");
    assert_eq!(count(&db, "plain").await, "2");
}
