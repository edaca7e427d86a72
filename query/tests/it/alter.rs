//! ALTER TABLE: what is stored already, and what comes later.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use driftline_query::storage::{CatalogChange, EngineOptions, Role, StorageError, TableSchema, WriteBatch};
use driftline_query::{Database, DatabaseOptions, QueryError};

use crate::support::{batch, directory, error, one, rows, strings, times, to_table};

/// A table with two rows in a segment and one in memory.
async fn table(db: &Database) {
    db.sql(
        "CREATE TABLE t (region TEXT TAG, id TEXT KEY, n BIGINT, s TEXT);
         INSERT INTO t VALUES ('2026-01-01', 'eu', 'a', 1, 'x'), ('2026-01-02', 'us', 'b', NULL, 'y')",
    )
    .await
    .unwrap();
    db.flush().await.unwrap();
    db.sql("INSERT INTO t VALUES ('2026-01-03', NULL, 'c', -3, NULL)").await.unwrap();
}

async fn in_memory() -> Database {
    let db = Database::open_in_memory().unwrap();
    table(&db).await;
    db
}

fn texts(expected: &[&[&str]]) -> Vec<Vec<String>> {
    expected.iter().map(|row| row.iter().map(|value| (*value).to_owned()).collect()).collect()
}

/// The same answer at once, from segments, from compacted ones, and after opening the directory again.
async fn stays(db: Database, path: &std::path::Path, sql: &str, expected: &[&[&str]]) -> Database {
    let expected = texts(expected);
    assert_eq!(rows(&db, sql).await, expected, "at once");
    db.close().await.unwrap();
    let db = Database::open(path).unwrap();
    assert_eq!(rows(&db, sql).await, expected, "opened again, the log replayed");
    db.flush().await.unwrap();
    assert_eq!(rows(&db, sql).await, expected, "flushed");
    db.engine().compact().unwrap();
    assert_eq!(rows(&db, sql).await, expected, "compacted");
    db.close().await.unwrap();
    let db = Database::open(path).unwrap();
    assert_eq!(rows(&db, sql).await, expected, "opened again");
    db
}

#[tokio::test]
async fn an_added_column_is_null_in_the_rows_before_it() {
    let path = directory("alter-add");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("ALTER TABLE T ADD COLUMN x DOUBLE; ALTER TABLE t ADD COLUMN version TEXT TAG").await.unwrap();
    db.sql("ALTER TABLE t ADD COLUMN IF NOT EXISTS X TEXT; ALTER TABLE t ADD user_id TEXT FIELD INDEX")
        .await
        .unwrap();
    db.sql("INSERT INTO t VALUES ('2026-01-04', 'eu', 'd', 4, 'z', 0.5, 'v2', 'u')").await.unwrap();
    let sql = "SELECT id, region, x, version, user_id FROM t ORDER BY time";
    let expected: [&[&str]; 4] = [
        &["a", "eu", "null", "null", "null"],
        &["b", "us", "null", "null", "null"],
        &["c", "null", "null", "null", "null"],
        &["d", "eu", "0.5", "v2", "u"],
    ];
    let db = stays(db, &path, sql, &expected).await;
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE version = 'v2'").await, "1");
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE version IS NULL").await, "3");
}

#[tokio::test]
async fn a_dropped_column_is_gone_and_another_of_its_name_begins_empty() {
    let path = directory("alter-drop");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("ALTER TABLE t DROP COLUMN S; ALTER TABLE t DROP COLUMN IF EXISTS s; ALTER TABLE t DROP region")
        .await
        .unwrap();
    let gone = error(&db, "SELECT s FROM t").await;
    assert!(matches!(gone, QueryError::NotFound(_)), "{gone:?}");
    let db = stays(
        db,
        &path,
        "SELECT * FROM t ORDER BY time",
        &[
            &["2026-01-01T00:00:00Z", "a", "1"],
            &["2026-01-02T00:00:00Z", "b", "null"],
            &["2026-01-03T00:00:00Z", "c", "-3"],
        ],
    )
    .await;
    let before = db.engine().snapshot().table("t").unwrap().next_column_id;
    db.sql("ALTER TABLE t ADD COLUMN s BIGINT; INSERT INTO t (time, id, s) VALUES ('2026-01-04', 'd', 7)")
        .await
        .unwrap();
    assert_eq!(db.engine().snapshot().table("t").unwrap().column_named("s").unwrap().id, before);
    let expected: [&[&str]; 4] = [&["a", "null"], &["b", "null"], &["c", "null"], &["d", "7"]];
    stays(db, &path, "SELECT id, s FROM t ORDER BY time", &expected).await;
}

#[tokio::test]
async fn a_renamed_column_keeps_its_values() {
    let path = directory("alter-rename");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("ALTER TABLE t RENAME COLUMN n TO amount; ALTER TABLE t RENAME region TO Region").await.unwrap();
    db.sql("ALTER TABLE t RENAME s TO n").await.unwrap();
    db.sql("INSERT INTO t VALUES ('2026-01-04', 'eu', 'd', 4, 'z')").await.unwrap();
    let sql = "SELECT id, \"Region\", amount, n FROM t ORDER BY time";
    stays(
        db,
        &path,
        sql,
        &[
            &["a", "eu", "1", "x"],
            &["b", "us", "null", "y"],
            &["c", "null", "-3", "null"],
            &["d", "eu", "4", "z"],
        ],
    )
    .await;
}

#[tokio::test]
async fn a_widened_column_converts_what_is_stored() {
    let path = directory("alter-widen");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("ALTER TABLE t ALTER COLUMN n TYPE DOUBLE; ALTER TABLE t ALTER n SET DATA TYPE DOUBLE PRECISION")
        .await
        .unwrap();
    db.write(to_table(
        "t",
        batch([("time", times(&[4])), ("n", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef)]),
    ))
    .await
    .unwrap();
    let expected: [&[&str]; 4] = [&["0.5"], &["1.0"], &["null"], &["-3.0"]];
    let db = stays(db, &path, "SELECT n FROM t ORDER BY time", &expected).await;
    assert_eq!(one(&db, "SELECT sum(n) FROM t").await, "-1.5");
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE n < 0.75").await, "2");
}

#[tokio::test]
async fn a_value_that_no_double_is_keeps_its_column_from_becoming_one() {
    let largest = 1_i64 << 53;
    for (value, is_well) in
        [(largest, true), (-largest, true), (largest + 1, false), (-largest - 1, false), (i64::MIN, false)]
    {
        for flushed in [false, true] {
            let db = Database::open_in_memory().unwrap();
            db.sql("CREATE TABLE t (n BIGINT)").await.unwrap();
            let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(value)]));
            db.write(to_table("t", batch([("time", times(&[1, 2, 3])), ("n", values)]))).await.unwrap();
            if flushed {
                db.flush().await.unwrap();
            }
            match db.sql("ALTER TABLE t ALTER COLUMN n TYPE DOUBLE").await {
                Ok(_) => assert!(is_well, "{value} became a DOUBLE"),
                Err(error) => {
                    let place = if flushed { "in seg/" } else { "in memory" };
                    let text = error.to_string();
                    assert!(
                        !is_well && text.contains(&format!("holds {value},")) && text.contains(place),
                        "{text}"
                    );
                    assert!(
                        text.starts_with(
                            "column n of table t cannot become DOUBLE: the row of 1970-01-01T00:00:03Z"
                        ),
                        "{text}"
                    );
                }
            }
        }
    }
}

/// Cells of many rows have statistics, and one value out of bounds among them is found by reading.
#[tokio::test]
async fn statistics_tell_that_a_column_can_become_double() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE t (n BIGINT)").await.unwrap();
    let seconds: Vec<i64> = (0..5_000).collect();
    let write = |values: Vec<i64>| {
        to_table(
            "t",
            batch([("time", times(&seconds)), ("n", Arc::new(Int64Array::from(values)) as ArrayRef)]),
        )
    };
    db.write(write(seconds.clone())).await.unwrap();
    db.flush().await.unwrap();
    let column = db.engine().snapshot().table("t").unwrap().columns[1].id;
    let snapshot = db.engine().snapshot();
    let segment = &snapshot.segments(snapshot.table("t").unwrap().id)[0];
    assert!(segment.statistics(column).unwrap().is_some(), "else this tests nothing");
    let mut values = seconds.clone();
    values[4_321] = i64::MAX;
    db.write(write(values)).await.unwrap();
    db.flush().await.unwrap();
    let refused = error(&db, "ALTER TABLE t ALTER COLUMN n TYPE DOUBLE").await.to_string();
    assert!(
        refused.contains("the row of 1970-01-01T01:12:01Z") && refused.contains("9223372036854775807"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_renamed_table_takes_its_rows_with_it() {
    let path = directory("alter-name");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("ALTER TABLE t RENAME TO u; CREATE TABLE t (y DOUBLE)").await.unwrap();
    db.sql("INSERT INTO u (time, id) VALUES ('2026-01-04', 'd')").await.unwrap();
    let db = stays(db, &path, "SELECT id FROM u ORDER BY time", &[&["a"], &["b"], &["c"], &["d"]]).await;
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "0");
    let taken = error(&db, "ALTER TABLE u RENAME TO T").await;
    assert!(
        matches!(taken, QueryError::Exists(_)) && taken.to_string() == "table t exists already",
        "{taken:?}"
    );
    db.sql("DROP TABLE t; ALTER TABLE u RENAME TO U").await.unwrap();
    assert_eq!(rows(&db, "SELECT name FROM system.tables").await, [["U"]]);
}

#[tokio::test]
async fn options_are_set_and_reset() {
    let db = in_memory().await;
    let old = || to_table("t", batch([("time", times(&[1])), ("id", strings(["old"]))]));
    db.sql("ALTER TABLE t SET (retention = '30 days', description = 'x')").await.unwrap();
    let refused = db.write(old()).await.unwrap_err().to_string();
    assert!(refused.contains("older than the table's retention of 30 days"), "{refused}");
    db.sql("ALTER TABLE t RESET (retention)").await.unwrap();
    db.write(old()).await.unwrap();
    let table = db.engine().snapshot().table("t").unwrap().clone();
    assert_eq!(table.options.keys().collect::<Vec<_>>(), ["description"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let db = in_memory().await;
    db.sql("CREATE MODEL m (id TEXT KEY, k BIGINT FEATURE CATEGORICAL, l TEXT LABEL); CREATE TABLE b (who BIGINT KEY);
            CREATE TABLE d (x DOUBLE) WITH (dedup = 'last')")
        .await
        .unwrap();
    for (sql, expected) in [
        (
            "ALTER TABLE t DROP COLUMN time",
            "column time of table t cannot be dropped: every row has the time",
        ),
        ("ALTER TABLE t DROP COLUMN nothing", "table t: column nothing does not exist"),
        ("ALTER TABLE t DROP COLUMN reg", "table t: column reg does not exist"),
        (
            "ALTER TABLE t DROP COLUMN id",
            "column id of table t cannot be dropped: rows replace those of their KEY",
        ),
        (
            "ALTER TABLE d ADD COLUMN k TEXT KEY",
            "table d cannot get a KEY: rows replace those of their series and time",
        ),
        (
            "ALTER TABLE t SET (dedup = 'none')",
            "option dedup of table t cannot change: rows that were replaced",
        ),
        ("ALTER TABLE d RESET (dedup)", "option dedup of table d cannot change"),
        ("ALTER TABLE t ADD COLUMN N TEXT", "table t has a column n already"),
        (
            "ALTER TABLE t ADD COLUMN other TEXT KEY",
            "table t has 2 KEY columns, id and other; it can have one",
        ),
        ("ALTER TABLE t ADD COLUMN x DUBBLE", "unknown type DUBBLE"),
        ("ALTER TABLE t ADD COLUMN x DOUBLE FEETURE", "unknown role FEETURE"),
        ("ALTER TABLE t RENAME COLUMN n TO S", "table t has a column s already"),
        ("ALTER TABLE t RENAME COLUMN time TO t", "column time of table t cannot be renamed"),
        ("ALTER TABLE t RENAME TO m", "model m exists already"),
        ("ALTER TABLE t RENAME TO \"a$b\"", "cannot be a name"),
        (
            "ALTER TABLE t ALTER COLUMN s TYPE DOUBLE",
            "column s of table t is TEXT and cannot become DOUBLE: a BIGINT can",
        ),
        (
            "ALTER TABLE t ALTER COLUMN n TYPE TEXT",
            "column n of table t is BIGINT and cannot become TEXT: a BIGINT can",
        ),
        (
            "ALTER TABLE b ALTER COLUMN who TYPE DOUBLE",
            "cannot become DOUBLE: KEY and SUBJECT are of type TEXT or BIGINT",
        ),
        ("ALTER MODEL m ALTER COLUMN k TYPE DOUBLE", "cannot become DOUBLE: its values are categories"),
        ("ALTER TABLE t ALTER COLUMN s TYPE TEXT TAG", "the role of a column cannot change"),
        ("ALTER TABLE t ALTER COLUMN s TAG", "the role of a column cannot change"),
        ("ALTER TABLE t ALTER COLUMN s SET TAG", "the role of a column cannot change"),
        (
            "ALTER TABLE t ALTER COLUMN s DROP NOT NULL",
            "expected TYPE DOUBLE, SET RETENTION or DROP RETENTION, found DROP",
        ),
        ("ALTER TABLE t SET (owner = 'x')", "unknown option owner of a table; it has retention, description"),
        ("ALTER TABLE t RESET (owner)", "unknown option owner of a table; it has retention, description"),
        ("ALTER TABLE t FREEZE", "expected ADD COLUMN, DROP COLUMN"),
        ("ALTER TABLE m ADD COLUMN x DOUBLE", "m is a model; use ALTER MODEL m"),
        ("ALTER MODEL t ADD COLUMN x DOUBLE", "t is a table; use ALTER TABLE t"),
        ("ALTER TABLE nobody ADD COLUMN x DOUBLE", "table nobody does not exist"),
        ("ALTER TABLE \"m$labels\" ADD COLUMN x DOUBLE", "cannot be a name"),
    ] {
        let error = error(&db, sql).await;
        assert!(!matches!(error, QueryError::Storage(_) | QueryError::DataFusion(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
    }
    db.sql("ALTER TABLE IF EXISTS nobody ADD COLUMN x DOUBLE").await.unwrap();
    assert_eq!(db.engine().snapshot().table("t").unwrap().version, 1, "nothing changed");
}

#[tokio::test]
async fn a_version_made_from_an_old_one_is_refused() {
    let db = in_memory().await;
    let table = TableSchema::clone(db.engine().snapshot().table("t").unwrap());
    db.sql("ALTER TABLE t ADD COLUMN x DOUBLE").await.unwrap();
    let mut stale = TableSchema { version: table.version + 1, ..table };
    stale.columns.push(driftline_query::storage::Column::new(
        "y",
        driftline_query::storage::ColumnType::Text,
        Role::Field,
    ));
    let batch = WriteBatch { catalog: vec![CatalogChange::AlterTable(stale)], ..WriteBatch::default() };
    let refused = db.engine().write(batch).unwrap_err();
    assert!(matches!(refused, StorageError::SchemaChanged(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_go_on_while_columns_come_and_go() {
    let db = in_memory().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..4_i64 {
        let db = db.clone();
        tasks.spawn(async move {
            for i in 0..20 {
                let rows = batch([("time", times(&[n * 100 + i])), ("s", strings(["w"]))]);
                db.write(to_table("t", rows)).await.unwrap();
            }
        });
    }
    for n in 0..4 {
        let db = db.clone();
        tasks.spawn(async move {
            for i in 0..5 {
                db.sql(&format!("ALTER TABLE t ADD COLUMN c{n}_{i} DOUBLE")).await.unwrap();
                if i % 2 == 0 {
                    db.sql(&format!("ALTER TABLE t DROP COLUMN c{n}_{i}")).await.unwrap();
                }
            }
        });
    }
    let engine = Arc::clone(db.engine());
    tasks.spawn_blocking(move || {
        for _ in 0..6 {
            engine.flush().unwrap();
            engine.compact().unwrap();
        }
    });
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE s = 'w'").await, "80");
    let table = db.engine().snapshot().table("t").unwrap().clone();
    assert_eq!((table.columns.len(), table.version), (5 + 8, 1 + 32));
    let ids: std::collections::BTreeSet<u32> = table.columns.iter().map(|column| column.id).collect();
    assert_eq!(ids.len(), 13, "each id once");
}

#[tokio::test]
async fn what_was_deleted_by_a_column_stays_so_when_it_goes_or_changes() {
    let path = directory("alter-deleted");
    let db = Database::open(&path).unwrap();
    table(&db).await;
    db.sql("DELETE FROM t WHERE s = 'x'; ALTER TABLE t DROP COLUMN s").await.unwrap();
    db.sql("DELETE FROM t WHERE n = -3; ALTER TABLE t ALTER COLUMN n TYPE DOUBLE").await.unwrap();
    db.sql("INSERT INTO t (time, id, n) VALUES ('2026-01-04', 'd', -3)").await.unwrap();
    let db = stays(db, &path, "SELECT id, n FROM t ORDER BY time", &[&["b", "null"], &["d", "-3.0"]]).await;
    let rows_of = |n: f64| {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![n]));
        to_table("t", batch([("time", times(&[9])), ("m", values)]))
    };
    db.sql("ALTER TABLE t ADD COLUMN m BIGINT; INSERT INTO t (time, id, m) VALUES ('2026-01-05', 'e', 7)")
        .await
        .unwrap();
    db.sql("DELETE FROM t WHERE m = 7").await.unwrap();
    db.write(rows_of(0.5)).await.unwrap();
    stays(
        db,
        &path,
        "SELECT id, m FROM t ORDER BY time",
        &[&["null", "0.5"], &["b", "null"], &["d", "null"]],
    )
    .await;
}

#[tokio::test]
async fn a_deleted_value_is_in_nobodys_way() {
    for flushed in [false, true] {
        let db = Database::open_in_memory().unwrap();
        db.sql("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES ('2026-01-01', 9007199254740993), ('2026-01-02', 2)")
            .await
            .unwrap();
        if flushed {
            db.flush().await.unwrap();
        }
        error(&db, "ALTER TABLE t ALTER COLUMN n TYPE DOUBLE").await;
        db.sql("DELETE FROM t WHERE n > 2; ALTER TABLE t ALTER COLUMN n TYPE DOUBLE").await.unwrap();
        assert_eq!(rows(&db, "SELECT n FROM t").await, [["2.0"]]);
        db.engine().compact().unwrap();
        assert_eq!(rows(&db, "SELECT n FROM t").await, [["2.0"]]);
    }
}

/// The manifest may know of a change that came after a delete which only the log has.
#[tokio::test]
async fn a_delete_in_the_log_is_read_although_its_column_is_gone() {
    let path = directory("alter-log");
    let engine = EngineOptions { memtable_bytes_max: 1 << 20, ..EngineOptions::default() };
    let db = Database::open_with(&path, DatabaseOptions { engine, ..DatabaseOptions::default() }).unwrap();
    table(&db).await;
    db.sql("CREATE TABLE other (s TEXT)").await.unwrap();
    db.flush().await.unwrap();
    let other = |bytes: usize| {
        to_table("other", batch([("time", times(&[1])), ("s", strings([&*"x".repeat(bytes)]))]))
    };
    db.write(other(10)).await.unwrap();
    db.sql("DELETE FROM t WHERE s = 'x'; ALTER TABLE t DROP COLUMN s").await.unwrap();
    let flushes = async || one(&db, "SELECT flushes FROM system.storage").await;
    let before = flushes().await;
    db.write(other(4 << 20)).await.unwrap();
    while flushes().await == before {}
    db.close().await.unwrap();
    let db = Database::open(&path).unwrap();
    assert_eq!(rows(&db, "SELECT id FROM t ORDER BY time").await, [["b"], ["c"]]);
}

#[tokio::test]
async fn values_of_a_column_are_kept_for_as_long_as_said() {
    let db = Database::open_in_memory().unwrap();
    db.sql("CREATE TABLE p (id TEXT KEY, prompt TEXT RETENTION '30 days', n BIGINT) WITH (retention = '90 days')")
        .await
        .unwrap();
    let kept = |db: &Database, column: &str| {
        let table = db.engine().snapshot().table("p").unwrap().clone();
        table.options.get(&format!("retention.{column}")).cloned()
    };
    assert_eq!(kept(&db, "prompt").as_deref(), Some("30 days"));
    db.sql("ALTER TABLE p RENAME COLUMN prompt TO asked; ALTER TABLE p ALTER COLUMN n SET RETENTION '1 day'")
        .await
        .unwrap();
    assert_eq!((kept(&db, "prompt"), kept(&db, "asked").as_deref()), (None, Some("30 days")));
    assert_eq!(kept(&db, "n").as_deref(), Some("1 day"));
    db.sql("ALTER TABLE p ALTER COLUMN n DROP RETENTION; ALTER TABLE p DROP COLUMN asked").await.unwrap();
    assert_eq!((kept(&db, "n"), kept(&db, "asked")), (None, None));
    for (sql, why) in [
        ("ALTER TABLE p ALTER COLUMN n SET RETENTION '90 days'", "not shorter"),
        ("ALTER TABLE p ALTER COLUMN id SET RETENTION '1 day'", "has no RETENTION"),
        ("ALTER TABLE p ALTER COLUMN n SET RETENTION 'soon'", "RETENTION"),
        ("CREATE TABLE q (host TEXT TAG RETENTION '1 day')", "has no RETENTION"),
    ] {
        let error = db.sql(sql).await.unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
}
