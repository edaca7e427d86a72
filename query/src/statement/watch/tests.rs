use proptest::prelude::*;

use super::change::Changes;
use super::*;
use crate::alert::dispatch::Escalation;
use crate::alert::{Hold, NotifierKind, Rule, Severity};
use crate::statement::parser::{parse as parse_all, parse_one};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2026-01-01.
const NEW_YEAR: i64 = 1_767_225_600 * SECOND;

fn one(sql: &str) -> Watch {
    match parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}")) {
        Statement::Watch(watch) => *watch,
        other => panic!("{sql}: {other:?}"),
    }
}

fn rule(sql: &str) -> Rule {
    match one(sql) {
        Watch::CreateAlert(create) => create.rule,
        other => panic!("{other:?}"),
    }
}

/// Each statement is refused with a text that holds the words and, but at its end, the place.
fn refused(cases: &[(&str, &str)]) {
    for (sql, words) in cases {
        let error = parse_one(sql).map(|read| panic!("{sql}: {read:?}")).unwrap_err().to_string();
        assert!(error.contains(words), "{sql}: {error}");
        let placed = error.to_lowercase().contains("line") || error.contains("the end of the statement");
        assert!(placed, "{sql}: {error}");
    }
}

#[test]
fn a_continuous_query_is_read_with_its_clauses_in_any_order() {
    let create = one(
        "create continuous query if not exists \"latency 1m\" delay '10 seconds' WITH (expose = 'prometheus', \
         retention = '90 days') into Lat EVERY '1m' LATENESS '1 hour' AS\n SELECT 'é' AS x, 1 -- why\n FROM t -- end",
    );
    let options = ContinuousOptions {
        every: Some(MINUTE),
        delay: Some(10 * SECOND),
        lateness: Some(HOUR),
        retention: Some(90 * DAY),
        expose_prometheus: Some(true),
    };
    let (name, into) = ("latency 1m".into(), "Lat".into());
    let query = "SELECT 'é' AS x, 1 -- why\n FROM t".into();
    assert_eq!(
        create,
        Watch::CreateContinuous(CreateContinuous { name, if_not_exists: true, into, options, query })
    );
}

#[test]
fn a_continuous_query_is_told_what_to_do() {
    assert_eq!(one("PAUSE CONTINUOUS QUERY q"), Watch::Pause("q".into()));
    assert_eq!(one("resume continuous query q;"), Watch::Resume("q".into()));
    assert_eq!(
        one("ALTER CONTINUOUS QUERY q SET (Every = '5 minutes', delay = '0 s', expose = none)"),
        Watch::AlterContinuous(AlterContinuous {
            name: "q".into(),
            if_exists: false,
            options: ContinuousOptions {
                every: Some(5 * MINUTE),
                delay: Some(0),
                expose_prometheus: Some(false),
                ..ContinuousOptions::default()
            },
        })
    );
    assert_eq!(
        one("BACKFILL CONTINUOUS QUERY q"),
        Watch::Backfill(Backfill { name: "q".into(), range: None })
    );
    assert_eq!(
        one("BACKFILL CONTINUOUS QUERY q FROM '2026-01-01' TO '2026-01-01T02:00:00+01:00'"),
        Watch::Backfill(Backfill {
            name: "q".into(),
            range: Some(Range { from: NEW_YEAR, to: NEW_YEAR + HOUR })
        })
    );
}

#[test]
fn what_is_wrong_with_a_continuous_query_is_told_with_its_place() {
    refused(&[
        ("CREATE CONTINUOUS QUERY q AS SELECT 1", "INTO"),
        ("CREATE CONTINUOUS QUERY q INTO t SELECT 1", "expected INTO table, EVERY"),
        ("CREATE CONTINUOUS QUERY q INTO t INTO u AS SELECT 1", "INTO is there twice (line 1, column 34)"),
        ("CREATE CONTINUOUS QUERY q INTO t RETENTION '1 d' WITH (retention = '1 d') AS SELECT 1", "twice"),
        ("CREATE CONTINUOUS QUERY q INTO t EVERY 5 AS SELECT 1", "'1 minute'"),
        ("CREATE CONTINUOUS QUERY q INTO t EVERY '5' AS SELECT 1", "no duration"),
        ("CREATE CONTINUOUS QUERY q INTO t EVERY '1 ms' AS SELECT 1", "at least '1 second'"),
        (
            "CREATE CONTINUOUS QUERY q INTO t\n WITH (x = 1) AS SELECT 1",
            "unknown option x of a continuous query",
        ),
        ("CREATE CONTINUOUS QUERY q INTO t WITH (expose = 'graphite') AS SELECT 1", "'prometheus'"),
        ("CREATE CONTINUOUS QUERY q INTO t AS\n SELECT (1, 2 FROM t", "Line: 2"),
        ("CREATE CONTINUOUS QUERY q INTO t AS DELETE FROM t", "only reads (line 1, column 37)"),
        ("CREATE CONTINUOUS QUERY q INTO t AS SELECT * FROM (DELETE FROM t)", "only reads"),
        ("CREATE CONTINUOUS QUERY q INTO t AS WITH d AS (DELETE FROM t) SELECT 1", "only reads"),
        ("ALTER CONTINUOUS QUERY q PAUSE", "expected SET"),
        ("BACKFILL CONTINUOUS QUERY q FROM 'noon' TO '2026-01-01'", "\"noon\" is no time"),
        ("BACKFILL CONTINUOUS QUERY q FROM '2026-01-01' TO '2026-01-01'", "ends where it begins"),
        ("BACKFILL CONTINUOUS QUERY q FROM '2026-01-01'", "expected TO"),
    ]);
}

#[test]
fn a_notifier_is_made_changed_and_tried() {
    let Watch::CreateNotifier(made) = one(
        "CREATE NOTIFIER IF NOT EXISTS risk TYPE PagerDuty WITH (Routing_Key = 'k', port = 1, allow_private = true)",
    ) else {
        panic!()
    };
    assert_eq!((made.kind, made.if_not_exists, made.enabled), (NotifierKind::PagerDuty, true, true));
    assert_eq!(made.options["routing_key"], "k");
    assert_eq!(made.options["allow_private"], "true");
    assert!(!format!("{made:?}").contains("\"k\""), "{made:?}");
    assert_eq!(one("TEST NOTIFIER risk"), Watch::TestNotifier("risk".into()));
    for (sql, change) in [
        ("SET (url = 'u')", NotifierChange::Set([("url".into(), "u".into())].into())),
        ("RESET (Url, channel)", NotifierChange::Reset(vec!["url".into(), "channel".into()])),
        ("ENABLE", NotifierChange::Enable),
        ("disable", NotifierChange::Disable),
    ] {
        let wanted = AlterNotifier { name: "risk".into(), if_exists: false, change };
        assert_eq!(one(&format!("ALTER NOTIFIER risk {sql}")), Watch::AlterNotifier(wanted));
    }
    refused(&[
        (
            "CREATE NOTIFIER n TYPE pigeon WITH (url = 'u')",
            "pigeon is no type of a notifier; there are slack, email",
        ),
        ("CREATE NOTIFIER n WITH (url = 'u')", "expected TYPE"),
        ("CREATE NOTIFIER n TYPE slack WITH (url = 'u', URL = 'v')", "url is there twice"),
        ("ALTER NOTIFIER n OFF", "ENABLE or DISABLE"),
    ]);
}

#[test]
fn an_alert_is_read_whole() {
    let Watch::CreateAlert(create) = one(
        "CREATE ALERT IF NOT EXISTS drift ON MODEL fraud SEVERITY high EVERY '1 hour' DELAY '10s' BY (feature, \"V\")
         WHEN psi > 0.2 RESOLVE WHEN psi < 0.1 FOR 2 WINDOWS KEEP FIRING FOR '5 minutes' NO DATA AFTER '3 hours'
         EXPIRE AFTER '2 days' REPEAT EVERY '4 hours' NOTIFY risk, ops LABELS (team = 'ml', Tier = 1)
         ANNOTATIONS (summary = '{{ feature }}: PSI {{ psi }}') AS SELECT feature, psi FROM t",
    ) else {
        panic!()
    };
    let rule = Rule {
        name: "drift".into(),
        model: Some("fraud".into()),
        severity: Severity::High,
        enabled: true,
        every: HOUR,
        delay: 10 * SECOND,
        by: vec!["feature".into(), "V".into()],
        when: "psi > 0.2".into(),
        resolve_when: Some("psi < 0.1".into()),
        hold: Hold::Windows(2),
        keep_firing: 5 * MINUTE,
        no_data_after: Some(3 * HOUR),
        expire_after: 2 * DAY,
        repeat_every: Some(4 * HOUR),
        notify: vec!["risk".into(), "ops".into()],
        labels: [("team".into(), "ml".into()), ("Tier".into(), "1".into())].into(),
        annotations: [("summary".into(), "{{ feature }}: PSI {{ psi }}".into())].into(),
        query: "SELECT feature, psi FROM t".into(),
        metric: None,
        created_at: 0,
        altered_at: None,
        unchecked: false,
    };
    assert_eq!(*create, CreateAlert { if_not_exists: true, rule });
}

#[test]
fn what_an_alert_leaves_out_is_as_usual() {
    let made = rule("CREATE ALERT a WHEN x > 1 -- high\n AS SELECT 1 AS x;");
    assert_eq!((made.when.as_str(), made.severity, made.every), ("x > 1", Severity::Medium, MINUTE));
    assert_eq!((made.hold, made.expire_after, made.keep_firing), (Hold::Windows(1), DAY, 0));
    assert_eq!((made.no_data_after, made.repeat_every, made.delay), (None, None, 0));
    assert!(made.enabled && !rule("CREATE ALERT a DISABLED WHEN x AS SELECT true AS x").enabled);
}

#[test]
fn a_metric_is_short_for_a_query() {
    let made = rule("CREATE ALERT low ON MODEL Fraud METRIC accuracy < 0.85 FOR '1 day' SEVERITY high");
    assert_eq!((made.model.as_deref(), made.hold, made.every), (Some("Fraud"), Hold::Time(DAY), HOUR));
    assert_eq!((made.when.as_str(), made.query.as_str()), ("value < 0.85", ""));
    let made = rule(
        "CREATE ALERT slow MIN ROWS 0 METRIC 'Latency p95' gt '0.5 s' OVER '10 minutes' ON ALL MODELS \
         RESOLVE WHEN value < 400 EVERY '5 minutes'",
    );
    let of = made.metric.unwrap();
    assert_eq!((of.metric.as_str(), of.condition.as_str(), of.threshold), ("latency_p95", ">", 500.0));
    assert_eq!((of.threshold_text.as_str(), of.over, of.min_rows), ("0.5 s", Some(10 * MINUTE), Some(0)));
    assert_eq!((made.model, made.every, made.when.as_str()), (None, 5 * MINUTE, "value > 500"));
    assert_eq!(rule("CREATE ALERT a ON MODEL m METRIC r2 >= -0.5").when, "value >= -0.5");
    assert_eq!(rule("CREATE ALERT a ON MODEL m METRIC \"Error Rate\" != '5%'").when, "value != 0.05");
}

#[test]
fn what_is_wrong_with_an_alert_is_told_with_its_place() {
    refused(&[
        ("CREATE ALERT a", "expected ON MODEL name"),
        ("CREATE ALERT a WHEN x > 1", "AS SELECT"),
        ("CREATE ALERT a WHEN x > 1 AND AS SELECT 1", "found SELECT (line 1, column 34)"),
        (
            "CREATE ALERT a WHEN x > 1 SEVERITY high WHEN y AS SELECT 1",
            "WHEN is there twice (line 1, column 41)",
        ),
        ("CREATE ALERT a FOR 1 WINDOW WHEN x FOR '1 h' AS SELECT 1", "FOR is there twice"),
        ("CREATE ALERT a AS SELECT 1", "WHEN is missing"),
        (
            "CREATE ALERT a WHEN x > (WITH d AS (DELETE FROM t) SELECT 1) AS SELECT 1",
            "only reads (line 1, column 21)",
        ),
        ("CREATE ALERT a WHEN x AS SELECT 1 UNION SELECT 2 INTO t", "only reads"),
        ("CREATE ALERT a SEVERITY awful WHEN x AS SELECT 1", "critical, high"),
        ("CREATE ALERT a WHEN x FOR 0 WINDOWS AS SELECT 1", "2 WINDOWS"),
        ("CREATE ALERT a WHEN x FOR 2 AS SELECT 1", "expected WINDOWS"),
        ("CREATE ALERT a WHEN x EVERY '500 ms' AS SELECT 1", "at least '1 second'"),
        ("CREATE ALERT a WHEN x NOTIFY AS SELECT 1 WHERE", ""),
        (
            "CREATE ALERT a WHEN x LABELS (a = 'b', a = 'c') AS SELECT 1",
            "a is there twice (line 1, column 40)",
        ),
        ("CREATE ALERT a ON ALL MODELS WHEN x AS SELECT 1", "goes with METRIC"),
        ("CREATE ALERT a ON MODELS WHEN x AS SELECT 1", "ALL MODELS"),
        ("CREATE ALERT a WHEN x OVER '1 day' AS SELECT 1", "OVER goes with METRIC"),
        ("CREATE ALERT a METRIC accuracy < 0.5", "ON MODEL name or ON ALL MODELS"),
        ("CREATE ALERT a ON MODEL m METRIC accuracy < 0.5 AS SELECT 1", "leave AS SELECT out"),
        ("CREATE ALERT a ON MODEL m METRIC accuracy < 0.5 WHEN x", "leave WHEN out"),
        ("CREATE ALERT a ON MODEL m METRIC accuracy < 0.5 BY (x)", "leave BY out"),
        (
            "CREATE ALERT a ON MODEL m\n METRIC accuracy < '500ms'",
            "write 0.05 or '5%', not \"500ms\" (line 2, column 9)",
        ),
        ("CREATE ALERT a ON MODEL m METRIC speed < 3", "is no metric; there are accuracy"),
        ("CREATE ALERT a ON MODEL m METRIC accuracy ~ 3", "expected >, <"),
        ("CREATE ALERT a ON MODEL m METRIC accuracy < 0.5 SOMETIMES", "AS SELECT .., found SOMETIMES"),
        ("CREATE OR REPLACE ALERT a WHEN x AS SELECT 1", ""),
    ]);
}

#[test]
fn an_alert_is_changed_by_the_clauses_that_make_it() {
    let sql = "CREATE ALERT a WHEN x > 1 RESOLVE WHEN x < 1 NO DATA AFTER '1 h' AS SELECT 1 AS x";
    let change = |sql: &str, on: &str| {
        let Watch::AlterAlert(alter) = one(&format!("ALTER ALERT a {sql}")) else { panic!("{sql}") };
        let mut changed = rule(on);
        alter.changes.apply(&mut changed).map(|()| changed)
    };
    assert!(!change("DISABLE", sql).unwrap().enabled);
    assert!(change("ENABLE", "CREATE ALERT a WHEN x DISABLED AS SELECT 1").unwrap().enabled);
    assert_eq!(change("WHEN x > 2", sql).unwrap(), rule(&sql.replace("x > 1", "x > 2")));
    assert_eq!(change("NOTIFY b, c", sql).unwrap().notify, ["b", "c"]);
    let all = "SET (severity = high, every = '5 minutes', delay = '0 s', for = '3 windows', keep_firing = '1 m', \
               no_data_after = none, expire_after = '2 days', repeat_every = '1 h', resolve_when = none)";
    let same = "CREATE ALERT a WHEN x > 1 SEVERITY high EVERY '5 m' FOR 3 WINDOWS KEEP FIRING FOR '1 m' \
                EXPIRE AFTER '2 d' REPEAT EVERY '1 h' AS SELECT 1 AS x";
    assert_eq!(change(all, sql).unwrap(), rule(same));
    let metric = "CREATE ALERT a ON MODEL m METRIC latency_p95 > 500";
    let same = "CREATE ALERT a ON MODEL m METRIC latency_p95 > '2 s' OVER '1 h' MIN ROWS 5 SEVERITY low";
    assert_eq!(
        change("SET (threshold = '2 s', over = '1 h', min_rows = 5) SEVERITY low", metric).unwrap(),
        rule(same)
    );
    assert!(change("SET (threshold = '5%')", metric).unwrap_err().contains("'500ms'"));
    assert!(change("WHEN x > 2", metric).unwrap_err().contains("leave WHEN out"));
    assert!(change("SET (threshold = 5)", sql).unwrap_err().contains("a threshold goes with METRIC"));
    refused(&[
        ("ALTER ALERT a", "ENABLE, DISABLE, SET"),
        ("ALTER ALERT a ENABLE DISABLE", "write one of them"),
        ("ALTER ALERT a SET (colour = red)", "unknown option colour of an alert; there are severity"),
        ("ALTER ALERT a SET (for = '0 windows')", "2 windows"),
        ("ALTER ALERT a ENABLE AS SELECT 1", "ANNOTATIONS (name = 'text'), found AS"),
    ]);
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let Watch::AlterAlert(alter) = one("ALTER ALERT a SEVERITY low DISABLE SET (threshold = 'fast')") else {
        panic!()
    };
    assert_ne!(alter.changes, Changes::default());
    let mut changed = rule("CREATE ALERT a ON MODEL m METRIC latency_p95 > 500");
    let before = changed.clone();
    assert!(alter.changes.apply(&mut changed).is_err());
    assert_eq!(changed, before);
}

#[test]
fn people_answer_an_alert() {
    let response = |kind, by: Option<&str>, comment: Option<&str>| {
        let (by, comment) = (by.map(str::to_owned), comment.map(str::to_owned));
        Watch::Respond(Response { kind, id: "7f".into(), by, comment })
    };
    use ResponseKind::{Acknowledge, Comment, Resolve};
    for (sql, wanted) in [
        ("ACKNOWLEDGE ALERT '7f'", response(Acknowledge, None, None)),
        (
            "acknowledge alert '7f' COMMENT 'mine' AS 'anna'",
            response(Acknowledge, Some("anna"), Some("mine")),
        ),
        ("RESOLVE ALERT '7f' AS 'anna'", response(Resolve, Some("anna"), None)),
        ("COMMENT ON ALERT '7f' 'upstream'", response(Comment, None, Some("upstream"))),
        ("COMMENT ON ALERT '7f' AS 'anna' 'upstream'", response(Comment, Some("anna"), Some("upstream"))),
        (
            "COMMENT ON ALERT '7f' COMMENT 'upstream' AS 'anna'",
            response(Comment, Some("anna"), Some("upstream")),
        ),
    ] {
        assert_eq!(one(sql), wanted, "{sql}");
    }
    refused(&[
        ("ACKNOWLEDGE ALERT seven", "the id of an alert in single quotes"),
        ("ACKNOWLEDGE ALERT '7f' AS anna", "'anna'"),
        ("COMMENT ON ALERT '7f' AS 'anna'", "the comment in single quotes"),
        ("RESOLVE ALERT '7f' 'no'", "; or the end"),
    ]);
}

#[test]
fn a_silence_says_when_and_of_what() {
    let range = Range { from: NEW_YEAR, to: NEW_YEAR + DAY };
    let when = "FROM '2026-01-01' TO '2026-01-02'";
    let empty = CreateSilence {
        name: None,
        alert: None,
        matchers: Vec::new(),
        range,
        every_week: false,
        comment: None,
    };
    assert_eq!(one(&format!("CREATE SILENCE {when}")), Watch::CreateSilence(empty.clone()));
    let matcher = |label: &str, by, value: &str| Matcher { label: label.into(), by, value: value.into() };
    assert_eq!(
        one(&format!(
            "CREATE SILENCE night FOR ALERT a WHERE model = 'fraud' AND Severity != error {when} EVERY WEEK COMMENT 'x'"
        )),
        Watch::CreateSilence(CreateSilence {
            name: Some("night".into()),
            alert: Some("a".into()),
            matchers: vec![
                matcher("model", Compare::Equal, "fraud"),
                matcher("severity", Compare::NotEqual, "high")
            ],
            every_week: true,
            comment: Some("x".into()),
            ..empty
        })
    );
    refused(&[
        ("CREATE SILENCE s FOR ALERT a", "FROM '2026-01-01'"),
        ("CREATE SILENCE s WHERE severity >= 'high' FROM '2026-01-01' TO '2026-01-02'", "= and != only"),
        ("CREATE SILENCE s FROM '2026-01-01' TO '2026-01-09' EVERY WEEK", "at most a week"),
        (
            "CREATE SILENCE s FROM '2026-01-01' TO '2026-01-02' FROM '2026-01-01' TO '2026-01-02'",
            "; or the end",
        ),
    ]);
}

#[test]
fn a_route_says_who_is_told_and_who_later() {
    let Watch::CreateRoute(route) =
        one("CREATE ROUTE r WHERE severity >= 'high' AND owner = 'risk' AND x != 'y' NOTIFY x, z \
         ESCALATE AFTER '15 minutes' TO y ESCALATE AFTER '1 h' TO y, boss")
    else {
        panic!()
    };
    assert_eq!(route.notify, ["x", "z"]);
    let by: Vec<Compare> = route.matchers.iter().map(|matcher| matcher.by).collect();
    assert_eq!(by, [Compare::AtLeast, Compare::Equal, Compare::NotEqual]);
    let later = Escalation { after: HOUR, notify: vec!["y".into(), "boss".into()] };
    assert_eq!(route.escalations, [Escalation { after: 15 * MINUTE, notify: vec!["y".into()] }, later]);
    refused(&[
        ("CREATE ROUTE r", "NOTIFY"),
        ("CREATE ROUTE r WHERE owner > 'a' NOTIFY x", "owner has no order"),
        ("CREATE ROUTE r WHERE severity > 'awful' NOTIFY x", "no severity"),
        ("CREATE ROUTE r NOTIFY x ESCALATE AFTER '1 h' TO y ESCALATE AFTER '1 h' TO z", "later than"),
    ]);
}

#[test]
fn an_inhibition_names_two_alerts_and_what_they_share() {
    let wanted = CreateInhibition {
        name: None,
        source: "a".into(),
        target: "b".into(),
        equal: vec!["model".into(), "host".into()],
    };
    assert_eq!(
        one("CREATE INHIBITION SOURCE a TARGET b EQUAL (model, host)"),
        Watch::CreateInhibition(wanted.clone())
    );
    let named = CreateInhibition { name: Some("i".into()), ..wanted };
    assert_eq!(
        one("CREATE INHIBITION i SOURCE a TARGET b EQUAL (model, host)"),
        Watch::CreateInhibition(named)
    );
    refused(&[
        ("CREATE INHIBITION i SOURCE a TARGET b", "EQUAL"),
        ("CREATE INHIBITION i TARGET b", "SOURCE"),
    ]);
}

#[test]
fn an_alert_is_held_against_the_past() {
    let (range, name) = (Range { from: NEW_YEAR, to: NEW_YEAR + DAY }, || "a".to_owned());
    assert_eq!(
        one("BACKTEST ALERT a FROM '2026-01-01' TO '2026-01-02'"),
        Watch::Backtest(Backtest { name: name(), range })
    );
    assert_eq!(
        one("CALIBRATE ALERT a FALSE ALARMS 1 PER '30 days'"),
        Watch::Calibrate(Calibrate {
            name: name(),
            false_alarms: 1.0,
            per: 30 * DAY,
            range: None,
            except: vec![]
        })
    );
    let Watch::Calibrate(calibrate) =
        one("CALIBRATE ALERT a FALSE ALARMS 0.5 PER '1 w' FROM '2026-01-01' TO '2026-02-01' \
         EXCEPT (FROM '2026-01-01' TO '2026-01-02'), (FROM '2026-01-05' TO '2026-01-06')")
    else {
        panic!()
    };
    assert_eq!((calibrate.false_alarms, calibrate.except.len(), calibrate.except[0]), (0.5, 2, range));
    refused(&[
        ("BACKTEST ALERT a", "FROM '2026-01-01'"),
        ("CALIBRATE ALERT a FALSE ALARMS 0 PER '1 d'", "above 0"),
        ("CALIBRATE ALERT a FALSE ALARMS 1", "PER"),
        ("CALIBRATE ALERT a FALSE ALARMS 1 PER '1 d' EXCEPT FROM '2026-01-01' TO '2026-01-02'", "expected ("),
    ]);
}

#[test]
fn each_kind_is_dropped_and_shown() {
    for (words, kind) in [
        ("CONTINUOUS QUERY", WatchKind::ContinuousQuery),
        ("NOTIFIER", WatchKind::Notifier),
        ("ALERT", WatchKind::Alert),
        ("SILENCE", WatchKind::Silence),
        ("ROUTE", WatchKind::Route),
        ("INHIBITION", WatchKind::Inhibition),
    ] {
        for (exists, if_exists) in [("", false), ("if exists", true)] {
            let wanted = DropWatch { kind, name: "x".into(), if_exists };
            assert_eq!(one(&format!("DROP {words} {exists} x")), Watch::Drop(wanted));
        }
    }
    for (sql, table) in [
        ("SHOW CONTINUOUS QUERIES", "continuous_queries"),
        ("show alerts", "alerts"),
        ("SHOW ALERT RULES", "rules"),
        ("SHOW NOTIFIERS", "notifiers"),
        ("SHOW SILENCES", "silences"),
        ("SHOW ROUTES", "routes"),
        ("SHOW INHIBITIONS", "inhibitions"),
    ] {
        let Statement::Sql(query) = parse_one(sql).unwrap() else { panic!("{sql}") };
        assert!(query.to_string().contains(&format!("system.{table}")), "{query}");
    }
    assert_eq!(one("SHOW CREATE ALERT \"My Alert\""), Watch::ShowCreateAlert("My Alert".into()));
}

#[test]
fn words_of_these_statements_are_names_elsewhere() {
    for sql in [
        "SELECT alert, notifier, silence, route, severity, metric FROM alerts",
        "WITH show AS (SELECT 1 AS alerts) SELECT alerts FROM show",
        "SHOW TABLES",
        "COMMENT ON TABLE t IS 'x'",
    ] {
        assert!(matches!(parse_one(sql).unwrap(), Statement::Sql(_)), "{sql}");
    }
}

#[test]
fn a_text_holds_many_of_them() {
    let sql = "CREATE ALERT a WHEN x AS SELECT true AS x;\nDROP ALERT a; ACKNOWLEDGE ALERT '1' COMMENT 'y'";
    let texts: Vec<&str> = parse_all(sql).unwrap().into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        texts,
        ["CREATE ALERT a WHEN x AS SELECT true AS x", "DROP ALERT a", "ACKNOWLEDGE ALERT '1' COMMENT 'y'"]
    );
}

const STARTS: [&str; 12] = [
    "CREATE ALERT a ",
    "ALTER ALERT a ",
    "CREATE ALERT a ON MODEL m METRIC ",
    "CREATE CONTINUOUS QUERY q ",
    "ALTER CONTINUOUS QUERY q SET ",
    "CREATE NOTIFIER n ",
    "CREATE SILENCE ",
    "CREATE ROUTE r ",
    "CREATE INHIBITION ",
    "CALIBRATE ALERT a ",
    "ACKNOWLEDGE ALERT '1' ",
    "COMMENT ON ALERT ",
];

const WORDS: [&str; 34] = [
    "ON",
    "MODEL",
    "ALL",
    "MODELS",
    "METRIC",
    "accuracy",
    "<",
    "0.5",
    "'5%'",
    "WHEN",
    "x",
    ">",
    "1",
    "-",
    "FOR",
    "2",
    "WINDOWS",
    "'1 hour'",
    "EVERY",
    "BY",
    "(",
    ")",
    ",",
    "=",
    "NOTIFY",
    "LABELS",
    "AS",
    "SELECT",
    "FROM",
    "'2026-01-01'",
    "TO",
    "INTO",
    "SET",
    "é",
];

const CLAUSES: [&str; 9] = [
    "SEVERITY low",
    "EVERY '2 minutes'",
    "DELAY '1 s'",
    "BY (x)",
    "WHEN x > 1",
    "RESOLVE WHEN x < 1",
    "FOR 3 WINDOWS",
    "NOTIFY a, b",
    "LABELS (k = 'v')",
];

proptest! {
    #[test]
    fn clauses_may_stand_in_any_order(order in Just(CLAUSES.to_vec()).prop_shuffle()) {
        let alert = |clauses: &[&str]| rule(&format!("CREATE ALERT a {} AS SELECT 1 AS x", clauses.join(" ")));
        prop_assert_eq!(alert(&order), alert(&CLAUSES));
    }

    #[test]
    fn a_clause_written_twice_is_refused(order in Just(CLAUSES.to_vec()).prop_shuffle(), again in 0..CLAUSES.len()) {
        let sql = format!("CREATE ALERT a {} {} AS SELECT 1 AS x", order.join(" "), CLAUSES[again]);
        let error = parse_one(&sql).unwrap_err().to_string();
        prop_assert!(error.contains("is there twice"), "{}: {}", sql, error);
    }

    #[test]
    fn any_words_are_read_or_refused_and_never_crash(
        start in prop::sample::select(&STARTS[..]), words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..16)
    ) {
        let _ = parse_one(&format!("{start}{}", words.join(" ")));
    }

    #[test]
    fn any_text_is_read_or_refused_and_never_crashes(start in prop::sample::select(&STARTS[..]), text in "\\PC{0,40}") {
        let _ = parse_one(&format!("{start}{text}"));
    }
}
