//! The power goes at every call to the disk, while continuous queries are computed, alerts judged and messages settled:
//! tables equal their queries afterwards, and what fired is told, under the same name whenever it is told again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driftline_query::storage::{EngineOptions, ManualClock, SimDisk};
use driftline_query::{Database, DatabaseOptions, Result, Settled};

use crate::continuous::{NEW_YEAR, SECOND};
use crate::dice::seed;
use crate::support::rows;

const MINUTE: i64 = 60 * SECOND;
const SETUP: &str = "
    CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, id TEXT KEY, ms DOUBLE);
    CREATE NOTIFIER hook TYPE webhook WITH (url = 'http://127.0.0.1:1/', allow_private = 'true');
    CREATE CONTINUOUS QUERY minutes INTO minutes AS
      SELECT date_bin(INTERVAL '1 minute', time) AS time, model, count(*) AS n, max(ms) AS most FROM requests GROUP BY 1, 2;
    CREATE ALERT slow EVERY '1 minute' BY (model) WHEN most > 500 NOTIFY hook EXPIRE AFTER '10 minutes'
      AS SELECT model, max(ms) AS most FROM requests WHERE time >= now() - INTERVAL '1 minute' GROUP BY model";
/// What each minute has: it rises, falls, rises, and is deleted.
const MINUTES: [u32; 5] = [20, 900, 30, 800, 700];
/// Of all calls to the disk, one in so many is cut in one run of this test, unless DRIFTLINE_EXHAUSTIVE is set; which
/// ones, the seed says.
const THINNED: u64 = 7;

fn options(clock: &Arc<ManualClock>) -> DatabaseOptions {
    let engine = EngineOptions {
        clock: clock.clone(),
        background_flush: false,
        background_compaction: false,
        threads: 1,
        reserve_bytes: 0,
        ..EngineOptions::default()
    };
    DatabaseOptions { engine, settle_by_hand: true, ..DatabaseOptions::default() }
}

/// What receivers saw: by name of the message, its episodes and their status.
type Seen = BTreeMap<String, BTreeSet<(String, &'static str)>>;

/// Sends what waits; what is sent but not settled is sent again later.
async fn deliver(db: &Database, seen: &mut Seen) -> Result<()> {
    let (due, _) = db.due_messages(i64::MAX, 100)?;
    for due in due {
        let told = due.message.alerts.iter().map(|it| (it.id.clone(), it.status.name())).collect();
        let before = seen.insert(due.message.id.clone(), told);
        let now: &BTreeSet<_> = &seen[&due.message.id];
        assert!(before.is_none_or(|before| before == *now), "one name, two messages");
        db.settle_message(&due.message.id, Settled::Sent).await?;
    }
    Ok(())
}

/// All of it, from wherever it ended: statements are repeated that may have been done, which changes nothing.
async fn live(db: &Database, clock: &ManualClock, at: &mut usize, seen: &mut Seen) -> Result<()> {
    use driftline_query::storage::Clock;
    if *at == 0 {
        if rows(db, "SELECT name FROM system.rules").await.is_empty() {
            let there =
                rows(db, "SELECT name FROM system.tables WHERE name IN ('requests', 'minutes')").await;
            for statement in SETUP.split(';').skip(there.len()) {
                let done = db.sql(statement).await;
                if let Err(error) = done
                    && !error.to_string().contains("exists already")
                {
                    return Err(error);
                }
            }
        }
        *at = 1;
    }
    while *at <= MINUTES.len() {
        let start = NEW_YEAR + (*at as i64 - 1) * MINUTE;
        let end = start + MINUTE;
        if clock.now_nanos() < end {
            clock.advance(end - clock.now_nanos());
        }
        let ms = MINUTES[*at - 1];
        let values = [(start + SECOND, "a", ms), (start + 30 * SECOND, "b", 10), (end, "c", 1)];
        let values =
            values.map(|(t, model, ms)| format!("(to_timestamp_nanos({t}), '{model}', '{t}', {ms})"));
        db.sql(&format!("INSERT INTO requests VALUES {}", values.join(", "))).await?;
        db.settle().await?;
        deliver(db, seen).await?;
        if *at == 3 {
            db.flush().await?;
            db.sql("DELETE FROM requests WHERE model = 'b'").await?;
        }
        *at += 1;
    }
    db.settle().await?;
    deliver(db, seen).await
}

/// Lives through it, the power going once or never; calls made, and what was seen.
async fn run(crash_at: Option<u64>, seed: u64) -> (u64, Seen, Vec<Vec<String>>) {
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let mut disk = SimDisk::new(seed);
    if let Some(call) = crash_at {
        disk.crash_at(call);
    }
    let (mut at, mut seen) = (0, Seen::new());
    loop {
        let opened = Database::open_disk(Arc::new(disk.clone()), options(&clock));
        let lived = match &opened {
            Ok(db) => live(db, &clock, &mut at, &mut seen).await.is_ok(),
            Err(_) => false,
        };
        if lived && !disk.crashed() {
            // What is looked at afterwards is not part of it.
            let calls = disk.calls();
            disk.crash_at(u64::MAX);
            let db = opened.unwrap();
            let mut kept = rows(&db, "SELECT * FROM minutes").await;
            let asked =
                "SELECT date_bin(INTERVAL '1 minute', time) AS time, model, count(*) AS n, max(ms) AS most
                         FROM requests WHERE time < '2026-01-01T00:05:00Z' GROUP BY 1, 2";
            let mut asked = rows(&db, asked).await;
            kept.sort();
            asked.sort();
            assert_eq!(kept, asked, "DRIFTLINE_SEED={seed}, call {crash_at:?}");
            let waiting = rows(&db, "SELECT id FROM system.outbox WHERE state = 'waiting'").await;
            assert_eq!(waiting, Vec::<Vec<String>>::new(), "DRIFTLINE_SEED={seed}, call {crash_at:?}");
            let history =
                "SELECT what, labels, CAST(window_end AS TEXT) FROM system.alert_history ORDER BY time, what";
            return (calls, seen, rows(&db, history).await);
        }
        assert!(disk.crashed(), "DRIFTLINE_SEED={seed}, call {crash_at:?}: {:?}", opened.err());
        drop(opened);
        disk = disk.restart(seed);
    }
}

#[tokio::test]
async fn no_alert_is_lost_wherever_the_power_goes() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    let (calls, whole, history) = run(None, seed).await;
    let fired = history.iter().filter(|row| row[0] == "fired").count();
    assert_eq!((fired, history.len()), (2, 3), "{history:?}");
    let thinned = if std::env::var_os("DRIFTLINE_EXHAUSTIVE").is_some() { 1 } else { THINNED };
    for call in (seed % thinned..calls).step_by(thinned as usize) {
        let (_, seen, after) = run(Some(call), seed).await;
        let context = format!("DRIFTLINE_SEED={seed}, call {call} of {calls}");
        assert_eq!(after, history, "{context}");
        let told =
            |seen: &Seen| -> BTreeSet<&'static str> { seen.values().flatten().map(|it| it.1).collect() };
        assert_eq!(told(&seen), told(&whole), "{context}: {seen:?}");
    }
}
