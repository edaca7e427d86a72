//! Continuous queries: their tables equal their queries.

use std::path::Path;
use std::sync::Arc;

use driftline_query::storage::{EngineOptions, ManualClock};
use driftline_query::{Database, DatabaseOptions};

use crate::dice::{Dice, seed};
use crate::support::{directory, error, one, rows};

pub const SECOND: i64 = 1_000_000_000;
/// 2026-01-01T00:00:00Z.
pub const NEW_YEAR: i64 = 1_767_225_600 * SECOND;

/// A database whose clock stands still, and which does what is due when it is told.
pub fn options(clock: &Arc<ManualClock>) -> DatabaseOptions {
    let engine = EngineOptions { clock: clock.clone(), ..EngineOptions::default() };
    DatabaseOptions { engine, settle_by_hand: true, ..DatabaseOptions::default() }
}

pub fn in_memory(clock: &Arc<ManualClock>) -> Database {
    Database::open_in_memory_with(options(clock)).unwrap()
}

const REQUESTS: &str = "CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)";
const BY_MINUTE: &str =
    "SELECT date_bin(INTERVAL '1 minute', time) AS time, model, count(*) AS n, avg(ms) AS mean
                         FROM requests GROUP BY 1, 2";

#[tokio::test]
async fn a_window_is_there_when_it_is_closed_and_again_when_late_rows_come() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let db = in_memory(&clock);
    db.sql(REQUESTS).await.unwrap();
    db.sql(&format!("CREATE CONTINUOUS QUERY latency INTO latency_1m AS {BY_MINUTE}")).await.unwrap();
    let insert =
        |time: &str, ms: u32| format!("INSERT INTO requests VALUES ('2026-01-01T00:{time}Z', 'a', {ms})");
    db.sql(&insert("00:10", 10)).await.unwrap();
    db.sql(&insert("00:50", 20)).await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM latency_1m").await, "0");
    clock.advance(70 * SECOND);
    db.sql(&insert("01:05", 1)).await.unwrap();
    db.settle().await.unwrap();
    let all = "SELECT CAST(time AS TEXT) AS at, model, n, mean FROM latency_1m ORDER BY time";
    assert_eq!(rows(&db, all).await, [["2026-01-01T00:00:00Z", "a", "2", "15.0"]]);
    db.sql(&insert("00:59", 60)).await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(rows(&db, all).await, [["2026-01-01T00:00:00Z", "a", "3", "30.0"]]);
    db.sql("DELETE FROM requests WHERE time < '2026-01-01T00:01:00Z'").await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(rows(&db, all).await, Vec::<Vec<String>>::new());
    // Data stop: the clock closes the window after a pause.
    clock.advance(300 * SECOND);
    db.settle().await.unwrap();
    assert_eq!(rows(&db, all).await, [["2026-01-01T00:01:00Z", "a", "1", "1.0"]]);
}

#[tokio::test]
async fn months_and_days_of_a_zone_are_windows_too() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR + 110 * 86_400 * SECOND));
    let db = in_memory(&clock);
    db.sql(REQUESTS).await.unwrap();
    let local = "date_trunc('day', time AT TIME ZONE 'America/New_York')";
    for (name, bucket) in [("monthly", "date_trunc('month', time)"), ("daily", local)] {
        let query = format!("SELECT {bucket} AS time, count(*) AS n FROM requests GROUP BY 1");
        db.sql(&format!("CREATE CONTINUOUS QUERY {name} INTO by_{name} AS {query}")).await.unwrap();
    }
    // Rows that a query finds when it is made are long over by this clock; those to come are not.
    db.settle().await.unwrap();
    let insert = |times: &[&str]| {
        let rows: Vec<String> = times.iter().map(|time| format!("('{time}Z', 'a', 1)")).collect();
        format!("INSERT INTO requests VALUES {}", rows.join(", "))
    };
    // The last two by the clock of New York: the evening before clocks are moved, and 23 hours later.
    let times = ["2026-01-31T23:59:59", "2026-02-01T00:00:00", "2026-03-08T04:59:59", "2026-03-09T03:59:59"];
    db.sql(&insert(&times)).await.unwrap();
    db.sql(&insert(&["2026-04-15T00:00:00"])).await.unwrap();
    db.settle().await.unwrap();
    let all = |name: &str| format!("SELECT CAST(time AS TEXT) AS at, n FROM by_{name} ORDER BY at");
    let months =
        [["2026-01-01T00:00:00Z", "1"], ["2026-02-01T00:00:00Z", "1"], ["2026-03-01T00:00:00Z", "2"]];
    assert_eq!(rows(&db, &all("monthly")).await, months);
    let days = [["2026-01-31T05:00:00Z", "2"], ["2026-03-07T05:00:00Z", "1"], ["2026-03-08T05:00:00Z", "1"]];
    assert_eq!(rows(&db, &all("daily")).await, days);
    db.sql(&insert(&["2026-02-28T23:00:00"])).await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(one(&db, "SELECT n FROM by_monthly WHERE time = '2026-02-01T00:00:00Z'").await, "2");
    assert_eq!(one(&db, "SELECT count(*) FROM by_daily").await, "4");
}

#[tokio::test]
async fn its_state_is_shown_with_lag_and_cost() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR + 300 * SECOND));
    let db = in_memory(&clock);
    db.sql(REQUESTS).await.unwrap();
    db.sql("INSERT INTO requests VALUES ('2026-01-01T00:00:30Z', 'a', 1), ('2026-01-01T00:05:00Z', 'a', 1)")
        .await
        .unwrap();
    let create = format!(
        "CREATE CONTINUOUS QUERY latency INTO latency_1m DELAY '10 s' RETENTION '90 days' AS {BY_MINUTE}"
    );
    db.sql(&create).await.unwrap();
    db.settle().await.unwrap();
    let shown = "SELECT name, state, source, into_table, bucket_ms, delay_ms, CAST(closed_until AS TEXT), pending_windows,
                 lag_ms, windows > 0, rows, error FROM system.continuous_queries";
    let expected = [[
        "latency",
        "running",
        "requests",
        "latency_1m",
        "60000.0",
        "10000.0",
        "2026-01-01T00:04:00Z",
        "0",
        "0.0",
        "true",
        "1",
        "null",
    ]];
    assert_eq!(rows(&db, shown).await, expected);
    db.sql("PAUSE CONTINUOUS QUERY latency").await.unwrap();
    db.sql("INSERT INTO requests VALUES ('2026-01-01T00:00:31Z', 'a', 1)").await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(one(&db, "SELECT state FROM system.continuous_queries").await, "paused");
    assert_eq!(one(&db, "SELECT n FROM latency_1m").await, "1");
    db.sql("RESUME CONTINUOUS QUERY latency").await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(one(&db, "SELECT n FROM latency_1m").await, "2");
    let error = error(&db, "INSERT INTO latency_1m (time) VALUES ('2026-01-01')").await.to_string();
    assert!(error.contains("kept by continuous query latency"), "{error}");
    db.sql("DROP CONTINUOUS QUERY latency").await.unwrap();
    db.sql("INSERT INTO latency_1m (time) VALUES ('2026-01-01')").await.unwrap();
    assert_eq!(rows(&db, "SHOW CONTINUOUS QUERIES").await.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_what_would_do() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let db = in_memory(&clock);
    db.sql(REQUESTS).await.unwrap();
    let cases = [
        ("SELECT count(*) AS n FROM requests", "group by date_bin"),
        ("SELECT time, ms FROM requests", "no GROUP BY"),
        (
            "SELECT date_bin(INTERVAL '1 minute', time) AS minute, count(*) FROM requests GROUP BY 1",
            "named time",
        ),
        (
            "SELECT date_trunc('hour', time AT TIME ZONE 'Asia/Tokyo') AS time, count(*) FROM requests GROUP BY 1",
            "date_trunc of days or longer of time AT TIME ZONE",
        ),
        (
            "SELECT date_bin(INTERVAL '1 minute', time) AS time, count(*) AS n FROM requests GROUP BY 1 ORDER BY 1",
            "ORDER BY",
        ),
        (
            "SELECT date_bin(INTERVAL '1 minute', a.time) AS time, count(*) AS n FROM requests a JOIN requests b ON a.model = b.model GROUP BY 1",
            "joins tables",
        ),
        (
            "SELECT date_bin(INTERVAL '1 minute', time) AS time, count(nothing) AS n FROM requests GROUP BY 1",
            "nothing",
        ),
        (
            "SELECT date_bin(INTERVAL '1 minute', started) AS time, count(*) AS n FROM system.queries GROUP BY 1",
            "date_bin",
        ),
        (
            "SELECT date_bin(INTERVAL '1 minute', time) AS time, count(*) AS n FROM kept GROUP BY 1",
            "would feed itself",
        ),
    ];
    for (query, says) in cases {
        let error = error(&db, &format!("CREATE CONTINUOUS QUERY q INTO kept AS {query}")).await.to_string();
        assert!(error.contains(says), "{query}: {error}");
    }
    db.sql(&format!("CREATE CONTINUOUS QUERY q INTO kept AS {BY_MINUTE}")).await.unwrap();
    let again = format!("CREATE CONTINUOUS QUERY q2 INTO kept AS {BY_MINUTE}");
    assert!(error(&db, &again).await.to_string().contains("kept by continuous query q"));
    assert!(error(&db, "DROP TABLE requests").await.to_string().contains("DROP CONTINUOUS QUERY q first"));
    let circle = "CREATE CONTINUOUS QUERY c INTO requests AS
                  SELECT date_bin(INTERVAL '1 hour', time) AS time, sum(n) AS n FROM kept GROUP BY 1";
    let said = error(&db, circle).await.to_string();
    assert!(said.contains("would feed itself"), "{said}");
}

#[tokio::test]
async fn the_newest_window_of_one_that_is_exposed_is_shown_outside() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR + 300 * SECOND));
    let db = in_memory(&clock);
    db.sql(REQUESTS).await.unwrap();
    let create = format!(
        "CREATE CONTINUOUS QUERY latency INTO latency_1m WITH (expose = 'prometheus') AS {BY_MINUTE}"
    );
    db.sql(&create).await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(db.exposed().await.unwrap(), []);
    for (time, model, ms) in [("00:10", "a", 10), ("01:10", "a", 20), ("01:20", "b", 30), ("02:30", "c", 1)] {
        let insert = format!("INSERT INTO requests VALUES ('2026-01-01T00:{time}Z', '{model}', {ms})");
        db.sql(&insert).await.unwrap();
    }
    db.settle().await.unwrap();
    let [exposed] = db.exposed().await.unwrap().try_into().unwrap();
    assert_eq!((exposed.table.as_str(), exposed.window_start), ("latency_1m", NEW_YEAR + 60 * SECOND));
    let mut shown: Vec<String> =
        exposed.values.iter().map(|it| format!("{} {:?} {}", it.column, it.labels, it.value)).collect();
    shown.sort();
    let expected = [
        r#"mean [("model", "a")] 20"#,
        r#"mean [("model", "b")] 30"#,
        r#"n [("model", "a")] 1"#,
        r#"n [("model", "b")] 1"#,
    ];
    assert_eq!(shown, expected);
    db.sql("ALTER CONTINUOUS QUERY latency SET (expose = 'none')").await.unwrap();
    assert_eq!(db.exposed().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_erased_goes_from_tables_that_are_kept_too() {
    let clock = Arc::new(ManualClock::at(NEW_YEAR + 300 * SECOND));
    let db = in_memory(&clock);
    db.sql("CREATE TABLE visits (time TIMESTAMP TIME, who TEXT SUBJECT, page TEXT TAG);
            CREATE CONTINUOUS QUERY q INTO pages AS
              SELECT date_bin(INTERVAL '1 minute', time) AS time, page, count(*) AS n FROM visits GROUP BY 1, 2;
            INSERT INTO visits VALUES ('2026-01-01T00:00:10Z', 'anna', 'a'), ('2026-01-01T00:00:20Z', 'bert', 'b'),
              ('2026-01-01T00:04:00Z', 'carl', 'c')").await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(rows(&db, "SELECT page FROM pages ORDER BY page").await, [["a"], ["b"]]);
    db.sql("ERASE SUBJECT 'anna'").await.unwrap();
    db.settle().await.unwrap();
    assert_eq!(rows(&db, "SELECT page FROM pages ORDER BY page").await, [["b"]]);
}

/// The queries of the property: one by key, one over that one, one of a model with labels, one with a condition; and some
/// that share groups or rows with others, so that they are asked together.
const QUERIES: [(&str, &str, &str); 10] = [
    (
        "by_ten",
        "ten",
        "SELECT date_bin(INTERVAL '10 seconds', time) AS time, grp, count(*) AS n, sum(v) AS s, max(v) AS most FROM events GROUP BY 1, 2",
    ),
    (
        "by_minute",
        "minute",
        "SELECT date_bin(INTERVAL '1 minute', time) AS time, sum(n) AS n, sum(s) AS s FROM ten GROUP BY 1",
    ),
    (
        "quality",
        "hits",
        "SELECT date_bin(INTERVAL '20 seconds', time) AS time, version, count(*) AS n, count(label) AS labels, sum(CASE WHEN label = decision THEN 1 ELSE 0 END) AS hits FROM m GROUP BY 1, 2",
    ),
    (
        "big",
        "big",
        "SELECT date_bin(INTERVAL '15 seconds', time, TIMESTAMP '2026-01-01T00:00:05Z') AS time, count(*) AS n FROM events WHERE v > 50 GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "by_ten_too",
        "ten_too",
        "SELECT date_bin(INTERVAL '10 seconds', time) AS time, grp, min(v) + 1 AS least, count(*) * 2 AS twice FROM events GROUP BY 1, 2 HAVING max(v) > 20",
    ),
    (
        "by_ten_of_some",
        "ten_of_some",
        "SELECT date_bin(INTERVAL '10 seconds', time) AS time, count(*) AS n, count(DISTINCT id) AS ids FROM events WHERE grp <> 'g1' GROUP BY 1",
    ),
    (
        "by_ten_of_others",
        "ten_of_others",
        "SELECT date_bin(INTERVAL '10 seconds', time) AS time, sum(v) AS s FROM events WHERE v < 70 AND grp = 'g1' GROUP BY 1",
    ),
    (
        "decisions",
        "decided",
        "SELECT date_bin(INTERVAL '20 seconds', time) AS time, decision, count(*) AS n FROM m GROUP BY 1, 2",
    ),
    (
        "months",
        "monthly",
        "SELECT date_bin(INTERVAL '1 month', time) AS time, grp, count(*) AS n FROM events GROUP BY 1, 2",
    ),
    // A clock that is that of UTC, so that the beginning of a month is one of a day.
    (
        "days",
        "daily",
        "SELECT date_trunc('day', time AT TIME ZONE 'Africa/Abidjan') AS time, sum(v) AS s FROM events GROUP BY 1",
    ),
];

async fn make(db: &Database) {
    db.sql(
        "CREATE TABLE events (time TIMESTAMP TIME, grp TEXT TAG, id TEXT KEY, v BIGINT);
            CREATE MODEL m (id TEXT KEY, decision TEXT PREDICTION, label TEXT LABEL, version TEXT TAG)",
    )
    .await
    .unwrap();
    for (name, into, query) in QUERIES {
        db.sql(&format!("CREATE CONTINUOUS QUERY {name} INTO {into} DELAY '2 s' LATENESS '30 s' AS {query}"))
            .await
            .unwrap();
    }
}

/// Each table equals its query over what is closed, and nothing waits.
async fn compare(db: &Database, seed: u64) {
    let behind = "SELECT name, state, pending_windows, error FROM system.continuous_queries WHERE pending_windows > 0 OR error IS NOT NULL";
    assert_eq!(rows(db, behind).await, Vec::<Vec<String>>::new(), "seed {seed}");
    for (name, into, query) in QUERIES {
        let until =
            format!("SELECT CAST(closed_until AS TEXT) FROM system.continuous_queries WHERE name = '{name}'");
        let until = one(db, &until).await;
        let closed =
            if until == "null" { "WHERE false".to_owned() } else { format!("WHERE time < '{until}'") };
        let kept = sorted(rows(db, &format!("SELECT * FROM {into}")).await);
        let asked = sorted(rows(db, &format!("SELECT * FROM ({query}) {closed}")).await);
        assert_eq!(kept, asked, "seed {seed}, {name} up to {until}");
    }
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

const LIVES: u64 = 6;

struct Life<'a> {
    dice: Dice,
    clock: Arc<ManualClock>,
    path: &'a Path,
    now: i64,
}

impl Life<'_> {
    fn time(&mut self) -> String {
        let ago = if self.dice.roll(4) == 0 { self.dice.roll(240) } else { self.dice.roll(12) };
        let nanos = self.now - ago as i64 * SECOND - self.dice.roll(SECOND as u64) as i64;
        format!("to_timestamp_nanos({})", nanos.max(NEW_YEAR))
    }

    fn insert(&mut self) -> String {
        let rows = (0..1 + self.dice.roll(5)).map(|_| {
            let (grp, id, v) = (self.dice.roll(3), self.dice.roll(12), self.dice.roll(100));
            format!("({}, 'g{grp}', 'k{id}', {v})", self.time())
        });
        format!("INSERT INTO events VALUES {}", rows.collect::<Vec<_>>().join(", "))
    }

    fn predict(&mut self) -> String {
        let (id, decision, version) = (self.dice.roll(20), self.dice.roll(2), self.dice.roll(2));
        format!(
            "INSERT INTO m (time, id, decision, version) VALUES ({}, 'p{id}', 'd{decision}', 'v{version}')",
            self.time()
        )
    }

    fn label(&mut self) -> String {
        let (id, label) = (self.dice.roll(20), self.dice.roll(2));
        match self.dice.roll(4) {
            0 => format!("UPDATE m SET label = NULL WHERE id = 'p{id}'"),
            _ => format!("INSERT INTO m (id, label) VALUES ('p{id}', 'd{label}')"),
        }
    }

    fn delete(&mut self) -> String {
        match self.dice.roll(3) {
            0 => format!("DELETE FROM events WHERE id = 'k{}'", self.dice.roll(12)),
            1 => {
                format!("DELETE FROM events WHERE time < {} AND grp = 'g{}'", self.time(), self.dice.roll(3))
            }
            _ => format!("DELETE FROM m WHERE id = 'p{}'", self.dice.roll(20)),
        }
    }

    async fn step(&mut self, db: Database) -> Database {
        let forward = self.dice.roll(9) as i64 * SECOND;
        self.clock.advance(forward);
        self.now += forward;
        let statement = match self.dice.roll(20) {
            0..8 => self.insert(),
            8..12 => self.predict(),
            12..15 => self.label(),
            15 => self.delete(),
            16 => {
                db.flush().await.unwrap();
                return db;
            }
            17 => {
                db.settle().await.unwrap();
                return db;
            }
            18 => "COMPACT".to_owned(),
            _ => return self.open_again(db).await,
        };
        db.sql(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        db
    }

    /// With a checkpoint or, as after a crash, without.
    async fn open_again(&mut self, db: Database) -> Database {
        if self.dice.roll(2) == 0 {
            db.close().await.unwrap();
        }
        drop(db);
        Database::open_with(self.path, options(&self.clock)).unwrap()
    }
}

#[tokio::test]
async fn once_nothing_waits_each_table_equals_its_query() {
    let path = directory("continuous");
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    for life in 0..LIVES {
        let seed = seed + life;
        // Every other life sees the end of January.
        let now = NEW_YEAR + if life % 2 == 0 { 300 } else { 31 * 86_400 - 120 } * SECOND;
        let clock = Arc::new(ManualClock::at(now));
        let _ = std::fs::remove_dir_all(&path);
        let mut db = Database::open_with(&path, options(&clock)).unwrap();
        make(&db).await;
        let mut life = Life { dice: Dice::new(seed), clock, path: &path, now };
        for step in 0..60 {
            db = life.step(db).await;
            if step % 15 == 14 {
                db.settle().await.unwrap();
                compare(&db, seed).await;
            }
        }
        db.close().await.unwrap();
    }
}
