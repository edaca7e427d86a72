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
async fn what_a_window_has_by_rows_that_came_late_is_in_the_history() {
    let mut house = House::new(&SLOW.replace("FOR 2 WINDOWS", "")).await;
    let revised = "SELECT what, value, revised_value FROM system.alert_history ORDER BY time, what DESC";
    house.minute("fraud", 900).await;
    assert_eq!(rows(&house.db, revised).await, [["fired", "900.0", "null"]]);
    // Of another minute: nothing of this one changes.
    house.minute("fraud", 800).await;
    assert_eq!(rows(&house.db, revised).await, [["fired", "900.0", "null"]]);
    house.db.sql("INSERT INTO requests VALUES ('2026-01-01T00:00:30Z', 'fraud', 5000)").await.unwrap();
    house.db.settle().await.unwrap();
    let expected =
        "SELECT percentile(ms, 0.95) FROM requests WHERE time < '2026-01-01T00:01:00Z' AND model = 'fraud'";
    let expected = one(&house.db, expected).await;
    assert_ne!(expected, "900.0");
    assert_eq!(rows(&house.db, revised).await, [["fired", "900.0", expected.as_str()]]);
    house.db.sql("DELETE FROM requests WHERE time < '2026-01-01T00:01:00Z'").await.unwrap();
    house.db.settle().await.unwrap();
    assert_eq!(rows(&house.db, revised).await, [["fired", "900.0", "null"]]);
    // It was told once, and goes on.
    assert_eq!(house.said().await.len(), 1);
    assert_eq!(one(&house.db, "SELECT state FROM system.alerts").await, "firing");
}

#[tokio::test]
async fn an_alert_of_what_is_not_there_yet_lies_dormant_and_starts_by_itself() {
    let mut house = House::new("SELECT 1").await;
    let alert = SLOW.split(";").find(|sql| sql.contains("CREATE ALERT")).unwrap().replace("NOTIFY hook", "");
    house.db.sql(&alert.replace("BY (model)", "").replace("FOR 2 WINDOWS", "")).await.unwrap();
    house.db.sql("CREATE ALERT low ON MODEL later METRIC accuracy < 0.5 MIN ROWS 1").await.unwrap();
    house.db.settle().await.unwrap();
    let states = "SELECT name, state, by FROM system.rules ORDER BY name";
    assert_eq!(rows(&house.db, states).await, [["low", "dormant", ""], ["slow", "dormant", ""]]);
    let why = one(&house.db, "SELECT error FROM system.rules WHERE name = 'slow'").await;
    assert!(why.contains("requests"), "{why}");
    house.db.sql("CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)").await.unwrap();
    house
        .db
        .sql("CREATE MODEL later (id TEXT KEY, decision TEXT PREDICTION, label TEXT LABEL)")
        .await
        .unwrap();
    house.db.settle().await.unwrap();
    // By what the query groups, as if it were made now.
    assert_eq!(rows(&house.db, states).await, [["low", "waiting", ""], ["slow", "waiting", "model"]]);
    house.minute("fraud", 900).await;
    let firing = "SELECT alert, labels, state FROM system.alerts";
    assert_eq!(rows(&house.db, firing).await, [["slow", r#"{"model":"fraud"}"#, "firing"]]);
}

#[tokio::test]
async fn a_model_that_falls_silent_is_told_of_and_one_that_seldom_speaks_is_not() {
    const HOUR: i64 = 60 * MINUTE;
    let path = directory("alerts_silent");
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let mut db = Database::open_with(&path, options(&clock)).unwrap();
    db.sql("CREATE MODEL often (id TEXT KEY, a DOUBLE FEATURE); CREATE MODEL seldom (id TEXT KEY, a DOUBLE FEATURE);
            CREATE MODEL never (id TEXT KEY, a DOUBLE FEATURE); CREATE DEFAULT ALERTS; CREATE DEFAULT ALERTS")
        .await
        .unwrap();
    db.settle().await.unwrap();
    let silent =
        "SELECT labels FROM system.alerts WHERE alert = 'silent_model' AND state = 'firing' ORDER BY labels";
    // For 25 hours one speaks every five minutes, one every two hours, one not at all.
    for step in 1..=25 * 12 {
        clock.advance(5 * MINUTE);
        let time = format!("to_timestamp_nanos({})", NEW_YEAR + i64::from(step) * 5 * MINUTE);
        db.sql(&format!("INSERT INTO often VALUES ({time}, 'o{step}', 1)")).await.unwrap();
        if step % 24 == 0 {
            db.sql(&format!("INSERT INTO seldom VALUES ({time}, 's{step}', 1)")).await.unwrap();
        }
        if step % 60 == 0 || step > 24 * 12 {
            db.settle().await.unwrap();
            let expected: &[[&str; 1]] = if step > 24 * 12 { &[[r#"{"model":"never"}"#]] } else { &[] };
            let all = "SELECT * FROM system.activity, (SELECT state, judged_until, error FROM system.rules WHERE name = 'silent_model')";
            assert_eq!(rows(&db, silent).await, expected, "step {step}: {:?}", rows(&db, all).await);
        }
    }
    // While the database is down nobody can be heard.
    db.close().await.unwrap();
    clock.advance(3 * HOUR);
    db = Database::open_with(&path, options(&clock)).unwrap();
    db.settle().await.unwrap();
    clock.advance(14 * MINUTE);
    db.settle().await.unwrap();
    assert_eq!(rows(&db, silent).await, [[r#"{"model":"never"}"#]]);
    clock.advance(2 * MINUTE);
    db.settle().await.unwrap();
    assert_eq!(rows(&db, silent).await, [[r#"{"model":"never"}"#], [r#"{"model":"often"}"#]]);
    let now = format!("to_timestamp_nanos({})", NEW_YEAR + 28 * HOUR + 16 * MINUTE);
    db.sql(&format!("INSERT INTO often VALUES ({now}, 'again', 1)")).await.unwrap();
    clock.advance(MINUTE / 2);
    db.settle().await.unwrap();
    clock.advance(MINUTE);
    db.settle().await.unwrap();
    assert_eq!(rows(&db, silent).await, [[r#"{"model":"never"}"#]]);
    let said = error(&db, "BACKTEST ALERT silent_model FROM '2026-01-01' TO '2026-01-02'").await.to_string();
    assert!(said.contains("has no past"), "{said}");
}

#[tokio::test]
async fn what_is_erased_goes_from_histories_messages_and_what_alerts_remember() {
    let path = directory("alerts_erase");
    let clock = Arc::new(ManualClock::at(NEW_YEAR));
    let db = Database::open_with(&path, options(&clock)).unwrap();
    db.sql(
        "CREATE TABLE visits (time TIMESTAMP TIME, who TEXT SUBJECT, ms DOUBLE);
            CREATE TABLE other (time TIMESTAMP TIME, who TEXT, ms DOUBLE);
            CREATE NOTIFIER hook TYPE webhook WITH (url = 'http://127.0.0.1:1/', allow_private = 'true')",
    )
    .await
    .unwrap();
    for table in ["visits", "other"] {
        db.sql(&format!(
            "CREATE ALERT slow_{table} EVERY '1 minute' BY (who) WHEN ms > 500 NOTIFY hook
             ANNOTATIONS (summary = '{{{{ who }}}} waits') AS SELECT who, max(ms) AS ms FROM {table}
             WHERE time >= now() - INTERVAL '1 minute' GROUP BY who"
        ))
        .await
        .unwrap();
    }
    for (minute, ms) in [(0, 900), (1, 900), (2, 1)] {
        for table in ["visits", "other"] {
            let row = |who: &str| {
                format!("(to_timestamp_nanos({}), '{who}', {ms})", NEW_YEAR + minute * MINUTE + SECOND)
            };
            db.sql(&format!("INSERT INTO {table} VALUES {}, {}", row("anna-17"), row("bert"))).await.unwrap();
        }
        clock.advance(MINUTE);
        db.settle().await.unwrap();
    }
    let firing = "SELECT labels FROM system.alerts ORDER BY alert, labels";
    let [anna, bert] = [r#"{"who":"anna-17"}"#, r#"{"who":"bert"}"#];
    assert_eq!(rows(&db, firing).await, [[anna], [bert], [anna], [bert]]);
    let places = rows(&db, "ERASE SUBJECT 'anna-17'").await;
    assert!(places.iter().any(|place| place.join(" ").contains("$alert_history")), "{places:?}");
    assert_eq!(rows(&db, firing).await, [[anna], [bert], [bert]]);
    let history = "SELECT alert, labels FROM system.alert_history ORDER BY alert, labels";
    assert_eq!(rows(&db, history).await, [["slow_other", anna], ["slow_other", bert], ["slow_visits", bert]]);
    let told = "SELECT count(*) FROM system.outbox WHERE alert = 'slow_visits' AND body LIKE '%anna%'";
    assert_eq!(one(&db, told).await, "0");
    let (due, _) = db.due_messages(i64::MAX, 100).unwrap();
    let of_visits =
        due.iter().filter(|due| due.message.alerts.iter().any(|notice| notice.alert == "slow_visits"));
    assert!(of_visits.clone().all(|due| !format!("{due:?}").contains("anna")));
    clock.advance(2 * MINUTE);
    db.settle().await.unwrap();
    assert_eq!(
        rows(&db, history).await.iter().filter(|row| row[0] == "slow_visits" && row[1] == anna).count(),
        0
    );
    db.close().await.unwrap();
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
