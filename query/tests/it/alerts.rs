//! Alerts: judged window by window, told to whom it concerns, and never lost.

use std::sync::Arc;

use driftline_query::alert::{Message, Status};
use driftline_query::storage::ManualClock;
use driftline_query::{Database, Settled};

use crate::continuous::{NEW_YEAR, SECOND, in_memory, options};
use crate::dice::{Dice, seed};
use crate::support::{directory, error, one, rows};

const MINUTE: i64 = 60 * SECOND;

const SLOW: &str = "
    CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE);
    CREATE NOTIFIER hook TYPE webhook WITH (url = 'http://127.0.0.1:1/', allow_private = 'true');
    CREATE ALERT slow SEVERITY high EVERY '1 minute' BY (model) WHEN p95 > 500 FOR 2 WINDOWS NOTIFY hook
      ANNOTATIONS (summary = '{{ model }} takes {{ p95 }} ms')
      AS SELECT model, percentile(ms, 0.95) AS p95, count(*) AS n FROM requests
         WHERE time >= now() - INTERVAL '1 minute' GROUP BY model";

/// A database at the beginning of a year, whose minutes go by as requests come.
struct House {
    clock: Arc<ManualClock>,
    db: Database,
    minute: i64,
}

impl House {
    async fn new(setup: &str) -> Self {
        let clock = Arc::new(ManualClock::at(NEW_YEAR));
        let db = in_memory(&clock);
        db.sql(setup).await.unwrap_or_else(|error| panic!("{error}"));
        Self { clock, db, minute: 0 }
    }

    /// A minute of requests that take so long; then it is over.
    async fn minute(&mut self, model: &str, ms: u32) {
        let at = NEW_YEAR + self.minute * MINUTE;
        for second in [1, 20, 59] {
            let time = format!("to_timestamp_nanos({})", at + second * SECOND);
            self.db.sql(&format!("INSERT INTO requests VALUES ({time}, '{model}', {ms})")).await.unwrap();
        }
        self.minute += 1;
        self.clock.advance(MINUTE);
        let time = format!("to_timestamp_nanos({})", at + MINUTE);
        self.db.sql(&format!("INSERT INTO requests VALUES ({time}, 'clock', 1)")).await.unwrap();
        self.db.settle().await.unwrap();
    }

    /// Minutes without any request.
    async fn silence(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.minute += 1;
            self.clock.advance(MINUTE);
            self.db.settle().await.unwrap();
        }
    }

    /// Messages that wait, as if they were sent now.
    async fn sent(&self) -> Vec<Message> {
        let (due, _) = self.db.due_messages(i64::MAX, 100).unwrap();
        for message in &due {
            self.db.settle_message(&message.message.id, Settled::Sent).await.unwrap();
        }
        due.into_iter().map(|due| due.message).collect()
    }

    async fn said(&self) -> Vec<(Status, String)> {
        let all = self.sent().await;
        let alerts = all.iter().flat_map(|message| &message.alerts);
        let text =
            |name: &str, notice: &driftline_query::alert::Notice| notice.annotations.get(name).cloned();
        alerts.map(|notice| (notice.status, text("summary", notice).unwrap_or_default())).collect()
    }
}

#[tokio::test]
async fn a_latency_that_rises_is_told_once_and_its_end_too() {
    let mut house = House::new(SLOW).await;
    house.minute("fraud", 20).await;
    house.minute("fraud", 900).await;
    assert_eq!(one(&house.db, "SELECT state FROM system.alerts").await, "pending");
    assert_eq!(house.said().await, []);
    house.minute("fraud", 800).await;
    let shown =
        "SELECT alert, severity, state, status, labels, statistic, value, threshold FROM system.alerts";
    let expected = [["slow", "high", "firing", "open", r#"{"model":"fraud"}"#, "p95", "800.0", "500.0"]];
    assert_eq!(rows(&house.db, shown).await, expected);
    assert_eq!(house.said().await, [(Status::Firing, "fraud takes 800 ms".to_owned())]);
    house.minute("fraud", 900).await;
    assert_eq!(house.said().await, []);
    house.minute("fraud", 30).await;
    assert_eq!(house.said().await, [(Status::Resolved, "fraud takes 30 ms".to_owned())]);
    assert_eq!(rows(&house.db, "SHOW ALERTS").await.len(), 0);
    let history = "SELECT what, from_state, to_state, value, CAST(window_end AS TEXT) FROM system.alert_history ORDER BY time, what DESC";
    let expected = [
        ["pending", "normal", "pending", "900.0", "2026-01-01T00:02:00Z"],
        ["fired", "pending", "firing", "800.0", "2026-01-01T00:03:00Z"],
        ["ended", "firing", "normal", "30.0", "2026-01-01T00:05:00Z"],
    ];
    assert_eq!(rows(&house.db, history).await, expected);
    assert_eq!(one(&house.db, "SELECT count(*) FROM system.outbox WHERE state = 'sent'").await, "2");
}

#[tokio::test]
async fn late_rows_revise_nothing_that_was_told() {
    let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "")).await;
    house.minute("fraud", 900).await;
    assert_eq!(house.said().await.len(), 1);
    // Rows of a minute that was judged well: too late to fire.
    house.minute("fraud", 10).await;
    assert_eq!(house.said().await.len(), 1);
    house.db.sql("INSERT INTO requests VALUES ('2026-01-01T00:01:30Z', 'fraud', 5000)").await.unwrap();
    house.db.settle().await.unwrap();
    assert_eq!(house.said().await, []);
    assert_eq!(one(&house.db, "SELECT count(*) FROM system.alert_history").await, "2");
}

#[tokio::test]
async fn without_data_it_is_not_well_but_unknown_and_in_the_end_over() {
    let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "EXPIRE AFTER '5 minutes'")).await;
    house.minute("fraud", 900).await;
    assert_eq!(house.said().await, [(Status::Firing, "fraud takes 900 ms".to_owned())]);
    house.silence(3).await;
    assert_eq!(one(&house.db, "SELECT state FROM system.alerts").await, "no_data");
    // The group gathers news for five minutes: by then it is over, and the end is told.
    house.silence(8).await;
    let told: Vec<Status> = house.said().await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(told.last(), Some(&Status::Resolved), "{told:?}");
    let reason = "SELECT reason FROM system.alert_history WHERE what = 'ended'";
    assert_eq!(one(&house.db, reason).await, "expired");
}

#[tokio::test]
async fn people_acknowledge_comment_and_resolve() {
    let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "")).await;
    house.minute("fraud", 900).await;
    let id = one(&house.db, "SELECT id FROM system.alerts").await;
    house.db.sql(&format!("ACKNOWLEDGE ALERT '{id}' AS 'anna' COMMENT 'looking'")).await.unwrap();
    assert_eq!(
        rows(&house.db, "SELECT status, acknowledged_by FROM system.alerts").await,
        [["acknowledged", "anna"]]
    );
    house.db.sql(&format!("COMMENT ON ALERT '{id}' 'it is the cache'")).await.unwrap();
    house.db.sql(&format!("RESOLVE ALERT '{id}' AS 'anna'")).await.unwrap();
    assert_eq!(rows(&house.db, "SHOW ALERTS").await.len(), 0);
    let said = "SELECT what, who, reason FROM system.alert_history WHERE who IS NOT NULL ORDER BY what";
    let expected = [
        ["acknowledged", "anna", "looking"],
        ["commented", "anonymous", "it is the cache"],
        ["ended", "anna", "resolved by anna"],
    ];
    assert_eq!(rows(&house.db, said).await, expected);
    let said = error(&house.db, "ACKNOWLEDGE ALERT 'nobody'").await.to_string();
    assert!(said.contains("SHOW ALERTS"), "{said}");
}

#[tokio::test]
async fn what_is_dropped_altered_or_switched_off_ends_and_says_so() {
    for (change, reason) in [
        ("DROP ALERT slow", "dropped"),
        ("ALTER ALERT slow DISABLE", "switched off"),
        ("ALTER ALERT slow WHEN p95 > 600", "altered"),
    ] {
        let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "")).await;
        house.minute("fraud", 900).await;
        assert_eq!(house.said().await.len(), 1);
        house.db.sql(change).await.unwrap();
        house.db.settle().await.unwrap();
        let said = house.said().await;
        assert_eq!(said.len(), 1, "{change}: {said:?}");
        assert_eq!(said[0].0, Status::Resolved, "{change}");
        let ended = "SELECT reason FROM system.alert_history WHERE what = 'ended'";
        assert_eq!(one(&house.db, ended).await, reason);
    }
}

#[tokio::test]
async fn after_a_stop_it_goes_on_and_what_still_holds_is_told_late() {
    let path = directory("alerts");
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.sql(&SLOW.replace("FOR 2 WINDOWS", "")).await.unwrap();
    let mut house = House { clock: clock.clone(), db, minute: 0 };
    house.minute("fraud", 20).await;
    // Written, but nobody looks before it stops.
    for (minute, ms) in [(1, 900), (2, 20), (3, 700), (4, 800)] {
        let at = NEW_YEAR + minute * MINUTE + 30 * SECOND;
        let insert = format!("INSERT INTO requests VALUES (to_timestamp_nanos({at}), 'fraud', {ms})");
        clock.advance(MINUTE);
        house.db.sql(&insert).await.unwrap();
    }
    drop(house);
    clock.advance(MINUTE);
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.settle().await.unwrap();
    let house = House { clock: clock.clone(), db, minute: 6 };
    let sent = house.sent().await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].late && sent[0].alerts[0].annotations["summary"] == "fraud takes 800 ms", "{sent:?}");
    let history = "SELECT what, value, late FROM system.alert_history ORDER BY time";
    let expected = [["fired", "900.0", "true"], ["ended", "20.0", "true"], ["fired", "700.0", "true"]];
    assert_eq!(rows(&house.db, history).await, expected);
    // What is not sent is still there after another stop.
    house.db.sql("TEST NOTIFIER hook").await.unwrap();
    drop(house);
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.settle().await.unwrap();
    let house = House { clock, db, minute: 6 };
    assert_eq!(house.said().await.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [Status::Test]);
}

#[tokio::test]
async fn rows_that_come_hours_late_are_judged_after_a_stop_as_before_it() {
    let path = directory("alerts-late");
    let clock = Arc::new(ManualClock::at(NEW_YEAR + 120 * MINUTE));
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.sql(&SLOW.replace("FOR 2 WINDOWS", "")).await.unwrap();
    let mut house = House { clock: clock.clone(), db, minute: 0 };
    for ms in [20, 30, 20] {
        house.minute("fraud", ms).await;
    }
    assert_eq!(house.said().await, []);
    drop(house);
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.settle().await.unwrap();
    let mut house = House { clock, db, minute: 3 };
    house.minute("fraud", 900).await;
    assert_eq!(house.said().await, [(Status::Firing, "fraud takes 900 ms".to_owned())]);
}

#[tokio::test]
async fn a_metric_of_all_models_is_judged_of_each_that_has_it() {
    let mut house = House::new(
        "CREATE MODEL a (id TEXT KEY, ms DOUBLE LATENCY, failed BOOLEAN ERROR);
         CREATE MODEL b (id TEXT KEY, x DOUBLE FEATURE);
         CREATE NOTIFIER hook TYPE slack WITH (url = 'https://hooks.example.com/x');
         CREATE ALERT errors ON ALL MODELS METRIC error_rate > '5%' MIN ROWS 10 SEVERITY critical NOTIFY hook",
    )
    .await;
    let insert = |db: &Database, from: i64, failed: bool| {
        let rows = (0..20).map(|n| {
            let at = from + n * SECOND;
            format!("(to_timestamp_nanos({at}), '{at}', 10, {})", failed && n < 5)
        });
        let sql =
            format!("INSERT INTO a (time, id, ms, failed) VALUES {}", rows.collect::<Vec<_>>().join(", "));
        let db = db.clone();
        async move { db.sql(&sql).await.unwrap() }
    };
    insert(&house.db, NEW_YEAR, true).await;
    house.clock.advance(90 * SECOND);
    insert(&house.db, NEW_YEAR + 70 * SECOND, false).await;
    house.db.settle().await.unwrap();
    let shown = "SELECT alert, model, severity, value, threshold FROM system.alerts";
    assert_eq!(rows(&house.db, shown).await, [["errors", "a", "critical", "0.25", "0.05"]]);
    assert_eq!(house.sent().await[0].alerts[0].labels["model"], "a");
    house.silence(1).await;
}

const CLAUSES: [&str; 6] = [
    "WHEN p95 > 500",
    "WHEN p95 > 500 FOR 2 WINDOWS",
    "WHEN p95 > 500 RESOLVE WHEN p95 < 200",
    "WHEN p95 > 500 FOR '2 minutes' KEEP FIRING FOR '1 minute'",
    "WHEN p95 > 500 RESOLVE WHEN p95 < 200 FOR 2 WINDOWS EXPIRE AFTER '3 minutes'",
    "WHEN p95 > 500 AND n > 1 NO DATA AFTER '3 minutes'",
];

#[tokio::test]
async fn a_rule_that_ran_live_and_its_backtest_say_the_same() {
    let seed = seed();
    println!("DRIFTLINE_SEED={seed}");
    for (life, clause) in CLAUSES.iter().enumerate() {
        let mut dice = Dice::new(seed + life as u64);
        let mut house = House::new(&SLOW.replace("WHEN p95 > 500 FOR 2 WINDOWS", clause)).await;
        for _ in 0..30 {
            for model in ["a", "b"] {
                let at = NEW_YEAR + house.minute * MINUTE + dice.roll(60) as i64 * SECOND;
                let ms = dice.pick(&["10", "300", "600", "900"]);
                if dice.roll(4) > 0 {
                    let insert =
                        format!("INSERT INTO requests VALUES (to_timestamp_nanos({at}), '{model}', {ms})");
                    house.db.sql(&insert).await.unwrap();
                }
            }
            house.minute("c", 100 + dice.roll(800) as u32).await;
            if dice.roll(6) == 0 {
                house.db.flush().await.unwrap();
            }
        }
        let live =
            "SELECT what, labels, value, CAST(window_end AS TEXT), episode, reason FROM system.alert_history";
        let mut live = rows(&house.db, live).await;
        let replay = "BACKTEST ALERT slow FROM '2026-01-01T00:00:00Z' TO '2026-01-01T00:30:00Z'";
        let mut replay: Vec<Vec<String>> = rows(&house.db, replay)
            .await
            .into_iter()
            .filter(|row| row[3] != "total")
            .map(|row| [3, 6, 7, 9, 12, 11].map(|at: usize| row[at].clone()).to_vec())
            .collect();
        live.sort();
        replay.sort();
        assert_eq!(live, replay, "DRIFTLINE_SEED={seed}, {clause}");
        assert!(!live.is_empty(), "DRIFTLINE_SEED={seed}, {clause}");
    }
}

#[tokio::test]
async fn a_threshold_is_proposed_from_the_past() {
    let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "")).await;
    for minute in 0..60 {
        // 1000 twice, 700 four times, else about 100.
        let ms = match minute % 30 {
            10 => 1000,
            5 | 20 => 700,
            n => 90 + n,
        };
        house.minute("fraud", ms).await;
    }
    let asked = "CALIBRATE ALERT slow FALSE ALARMS 1 PER '15 minutes'";
    let found = rows(&house.db, asked).await;
    let proposed: Vec<&Vec<String>> = found.iter().filter(|row| row[8] == "true").collect();
    assert_eq!(proposed.len(), 1, "{found:?}");
    // Two firings in an hour at 700, six at what lies below.
    let firings: i64 = proposed[0][3].parse().unwrap();
    assert!(firings <= 4 && proposed[0][9] == "null", "{found:?}");
    let short = rows(&house.db, "CALIBRATE ALERT slow FALSE ALARMS 1 PER '30 days'").await;
    assert!(short.iter().all(|row| row[9] == "not enough history"), "{short:?}");
    let text = one(&house.db, "SHOW CREATE ALERT slow").await;
    assert!(text.starts_with("CREATE ALERT slow") && text.contains("p95 > 500"), "{text}");
}
