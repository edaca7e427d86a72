//! Plans that are kept answer as plans made anew.

use std::sync::Arc;

use driftline_query::datafusion::scalar::ScalarValue;
use driftline_query::storage::{EngineOptions, ManualClock};
use driftline_query::{Access, Database, DatabaseOptions, Prepared};
use futures::TryStreamExt;

use crate::support::{fraud, rows, texts};

const LIVES: u64 = 4;
const STEPS: usize = 60;

/// Asked again and again, as they stand.
const QUERIES: [&str; 16] = [
    "SELECT count(*), sum(x), max(s) FROM t",
    "SELECT * FROM t",
    "SELECT T.x + 1 AS y FROM T WHERE X > 3 AND s LIKE 'a%'",
    "SELECT host, count(*), avg(x) FROM t GROUP BY host",
    "SELECT date_bin(INTERVAL '1 hour', time) AS h, count(*) FROM t WHERE time > now() - INTERVAL '90 minutes' GROUP BY 1",
    "SELECT extract(epoch FROM now()), current_date",
    "SELECT a.x FROM t a JOIN u b ON a.x = b.x WHERE b.x IN (SELECT x FROM t WHERE x < 50)",
    "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.x = t.x) UNION ALL SELECT x FROM u",
    "WITH best AS (SELECT max(x) AS m FROM u) SELECT t.x FROM t, best WHERE t.x < best.m",
    "SELECT x, (SELECT min(x) FROM u) FROM t WHERE time >= '1970-01-01T00:30:00Z'",
    "SELECT name, kind, rows FROM system.tables",
    "SELECT id, score, label FROM m",
    "SELECT count(*) FROM as_of('m', at => now() - INTERVAL '30 minutes') WHERE label IS NOT NULL",
    "SELECT feature, n_reference, n_current FROM drift('m')",
    "SELECT host, max(time) FROM t GROUP BY host",
    "SELECT count(value), (SELECT count(*) FROM t) FROM generate_series(1, 10)",
];

/// What happens between.
const CHANGES: [&str; 18] = [
    "INSERT INTO t (time, host, x, s) SELECT now(), 'h' || value, value, 'a' || value FROM generate_series(1, 20)",
    "INSERT INTO t (time, host, x, s) VALUES (now() - INTERVAL '1 hour', 'old', 7, 'abc')",
    "INSERT INTO u (time, x) SELECT now(), value * 2 FROM generate_series(1, 30)",
    "DELETE FROM t WHERE x < 5",
    "ALTER TABLE t ADD COLUMN z BIGINT",
    "ALTER TABLE t DROP COLUMN z",
    "ALTER TABLE t DROP COLUMN s",
    "ALTER TABLE t ADD COLUMN s TEXT",
    "ALTER TABLE t RENAME COLUMN x TO w",
    "ALTER TABLE t RENAME COLUMN w TO x",
    "ALTER TABLE u ALTER COLUMN x TYPE DOUBLE",
    "DROP TABLE u",
    "CREATE TABLE u (x BIGINT)",
    "INSERT INTO m (time, id, score) VALUES (now(), 'p', 0.5)",
    "INSERT INTO m (id, label) VALUES ('p', 'yes')",
    "CREATE BASELINE b FOR MODEL m AS SELECT * FROM m",
    "DROP BASELINE b FOR MODEL m",
    "SET driftline.summaries = false",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }
}

fn seed() -> u64 {
    let given = std::env::var("DRIFTLINE_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_nanos() as u64
    })
}

fn in_order(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

/// Rows in order, or the error.
async fn answer(db: &Database, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let rows = db.sql(sql).await.map_err(|error| error.to_string())?;
    Ok(in_order(texts(&rows)))
}

async fn run(prepared: &Prepared, values: &[ScalarValue]) -> Result<Vec<Vec<String>>, String> {
    let rows = prepared.execute(values).await.map_err(|error| error.to_string())?;
    let rows: Vec<_> = rows.try_collect().await.map_err(|error| error.to_string())?;
    Ok(in_order(texts(&rows)))
}

async fn start(clock: &Arc<ManualClock>) -> Database {
    let engine = EngineOptions { clock: Arc::clone(clock) as _, ..EngineOptions::default() };
    let db = Database::open_in_memory_with(DatabaseOptions { engine, ..DatabaseOptions::default() }).unwrap();
    db.sql(
        "CREATE TABLE t (host TEXT TAG, x BIGINT, s TEXT); CREATE TABLE u (x BIGINT);
         CREATE MODEL m (id TEXT KEY, score DOUBLE SCORE, label TEXT LABEL) WITH (positive = 'yes')",
    )
    .await
    .unwrap();
    db
}

#[tokio::test]
async fn kept_plans_answer_as_plans_made_anew_whatever_happens_between() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    let mut reused = 0_i64;
    for life in 0..LIVES {
        let mut dice = Dice(seed ^ (life << 32));
        let clock = Arc::new(ManualClock::at(3_600_000_000_000));
        let db = start(&clock).await;
        let sql = "SELECT x, s FROM t WHERE x > $1 AND time <= now()";
        let prepared = db.prepare(sql, Access::Embedded).await.unwrap();
        let write = "INSERT INTO t (time, host, x) VALUES (now(), 'prepared', $1)";
        let write = db.prepare(write, Access::Embedded).await.unwrap();
        let delete = db.prepare("DELETE FROM t WHERE x = $1", Access::Embedded).await.unwrap();
        let label = "UPDATE m SET label = $1 WHERE score < 0.9";
        let label = db.prepare(label, Access::Embedded).await.unwrap();
        for step in 0..STEPS {
            let at = format!("DRIFTLINE_SEED={seed}, life {life}, step {step}");
            match dice.roll(6) {
                0 => drop(db.sql(CHANGES[dice.roll(CHANGES.len())]).await),
                1 => drop(db.flush().await),
                2 => clock.advance(dice.roll(3_600) as i64 * 1_000_000_000),
                3 => drop(run(&delete, &[ScalarValue::from(dice.roll(20) as i64)]).await),
                4 => drop(run(&label, &[ScalarValue::from(["yes", "no"][dice.roll(2)])]).await),
                _ => drop(run(&write, &[ScalarValue::from(dice.roll(100) as i64)]).await),
            }
            for _ in 0..6 {
                let sql = QUERIES[dice.roll(QUERIES.len())];
                // A text that nobody asked before has no plan.
                let anew = format!("{sql} -- {step} {}", dice.roll(usize::MAX));
                assert_eq!(answer(&db, sql).await, answer(&db, &anew).await, "{at}: {sql}");
            }
            let above = dice.roll(20);
            let anew = format!("SELECT x, s FROM t WHERE x > {above} AND time <= now() -- {step}");
            let again = run(&prepared, &[ScalarValue::from(above as i64)]).await;
            assert_eq!(again, answer(&db, &anew).await, "{at}: prepared");
        }
        let count = "SELECT count(*) FROM system.queries WHERE plan_reused";
        reused += rows(&db, count).await[0][0].parse::<i64>().unwrap();
    }
    assert!(reused > 100, "{reused} plans were used again");
}

#[tokio::test]
async fn prepared_changes_change_what_is_there_each_time() {
    let db = fraud().await;
    let label = db.prepare("UPDATE fraud SET label = $1 WHERE score > $2", Access::Network).await.unwrap();
    let delete = db.prepare("DELETE FROM fraud WHERE id = $1", Access::Network).await.unwrap();
    let set = |label: &str, above: f64| [ScalarValue::from(label), ScalarValue::from(above)];
    assert_eq!(run(&label, &set("fraud", 0.5)).await.unwrap(), [["1"]]);
    assert_eq!(run(&delete, &[ScalarValue::from("a")]).await.unwrap(), [["1"]]);
    db.sql("INSERT INTO fraud (time, id, score) VALUES ('2026-01-02', 'd', 0.7)").await.unwrap();
    assert_eq!(run(&label, &set("ok", 0.5)).await.unwrap(), [["2"]]);
    assert_eq!(run(&delete, &[ScalarValue::from("a")]).await.unwrap(), [["0"]]);
    let labels = "SELECT id, label FROM fraud ORDER BY id";
    assert_eq!(rows(&db, labels).await, [["b", "ok"], ["c", "null"], ["d", "ok"]]);
}

async fn reuse(db: &Database, sql: &str) -> Vec<String> {
    let sql = sql.replace('\'', "''");
    rows(db, &format!("SELECT plan_reused FROM system.queries WHERE sql = '{sql}'")).await.concat()
}

#[tokio::test]
async fn a_plan_is_made_once_until_the_catalog_changes() {
    let db = fraud().await;
    let sql = "SELECT count(*) FROM fraud WHERE score > 0.2";
    for _ in 0..3 {
        db.sql(sql).await.unwrap();
    }
    db.sql("ALTER MODEL fraud ADD COLUMN more DOUBLE").await.unwrap();
    db.sql(sql).await.unwrap();
    db.sql("INSERT INTO fraud (time, id, score) VALUES ('2026-01-02', 'z', 1)").await.unwrap();
    assert_eq!(rows(&db, sql).await, [["3"]]);
    assert_eq!(reuse(&db, sql).await, ["false", "true", "true", "false", "true"]);

    let sql = "SELECT id FROM fraud WHERE id = 'a'";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    run(&prepared, &[]).await.unwrap();
    let same = db.prepare(sql, Access::Network).await.unwrap();
    assert_eq!(
        (prepared.schema(), run(&same, &[]).await.unwrap()),
        (same.schema(), vec![vec!["a".to_owned()]])
    );
    db.sql(sql).await.unwrap();
    assert_eq!(reuse(&db, sql).await, ["true", "true", "false"], "the network's is not the program's");
    db.sql("UPDATE fraud SET label = 'ok' WHERE id = 'a'").await.unwrap();
    let known = "SELECT count(label) FROM as_of('fraud', at => '2026-01-02')";
    for _ in 0..3 {
        assert_eq!(rows(&db, known).await, [["0"]]);
    }
    let system = "SELECT name FROM system.tables";
    db.sql(system).await.unwrap();
    db.sql(system).await.unwrap();
    assert_eq!(reuse(&db, system).await, ["false", "false"], "its rows are made by the plan");
}

#[tokio::test]
async fn plans_that_are_kept_hold_no_files() {
    let db = fraud().await;
    db.flush().await.unwrap();
    let sql = "SELECT count(*) FROM fraud";
    let prepared = db.prepare(sql, Access::Network).await.unwrap();
    run(&prepared, &[]).await.unwrap();
    run(&prepared, &[]).await.unwrap();
    let segments = || async {
        let snapshot = db.engine().snapshot();
        let table = snapshot.table("fraud").unwrap().id;
        snapshot.segments(table).iter().map(Arc::downgrade).collect::<Vec<_>>()
    };
    let before = segments().await;
    assert_eq!(before.len(), 1);
    db.sql("DROP MODEL fraud").await.unwrap();
    db.flush().await.unwrap();
    db.sql("SELECT 1").await.unwrap();
    assert!(before.iter().all(|segment| segment.upgrade().is_none()), "a dropped table's segment is held");
}
