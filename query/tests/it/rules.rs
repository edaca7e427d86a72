//! What statements about alerts leave in the catalog, and what they say where they are refused.

use std::sync::Arc;

use driftline_query::storage::ManualClock;
use driftline_query::{Access, Database};

use crate::continuous::{NEW_YEAR, SECOND, in_memory};
use crate::support::{error, one, rows};

const TABLES: &str = "
    CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, Version TEXT TAG, ms DOUBLE);
    CREATE MODEL Fraud (id TEXT KEY, amount DOUBLE FEATURE, score DOUBLE SCORE, took_ms DOUBLE LATENCY,
                        decision TEXT PREDICTION, label TEXT LABEL) WITH (positive = 'fraud', label_delay = '2 hours');
    CREATE MODEL prices (id TEXT KEY, size DOUBLE FEATURE, price DOUBLE PREDICTION, paid DOUBLE LABEL)
      WITH (type = 'regression');
    INSERT INTO requests VALUES ('2026-01-01T00:00:10Z', 'a', '1', 10), ('2026-01-01T00:00:20Z', 'a', '2', 20),
                                ('2026-01-01T00:00:30Z', 'b', '1', 30);
    CREATE NOTIFIER Slack TYPE slack WITH (url = 'https://hooks.slack.com/services/T/B/secret');
    CREATE NOTIFIER mail TYPE email WITH (smtp = 'mail.example.com', from = 'd@example.com', recipients = 'a@example.com')";

const SLOW: &str = "SELECT model, version, avg(ms) AS mean FROM requests GROUP BY model, version";

/// A minute and a half into the year: the last closed window of a minute has the three requests.
async fn database() -> Database {
    let db = in_memory(&Arc::new(ManualClock::at(NEW_YEAR + 90 * SECOND)));
    db.sql(TABLES).await.unwrap();
    db
}

/// Each is refused with a text that has each of these parts.
async fn refused(db: &Database, all: &[(&str, &[&str])]) {
    for (sql, parts) in all {
        let text = error(db, sql).await.to_string();
        for part in *parts {
            assert!(text.contains(part), "{sql}\nsays: {text}\nwithout: {part}");
        }
    }
}

#[tokio::test]
async fn an_alert_is_kept_with_names_as_they_are_spelled_and_what_follows_from_the_query() {
    let db = database().await;
    let made = [
        // The groups of the query, but not the bucket of time.
        (
            "a WHEN mean > 1 AS SELECT avg(ms) AS mean, version AS v, model FROM requests GROUP BY model, version",
            "v, model",
        ),
        (
            "b WHEN n > 1 AS SELECT date_bin(INTERVAL '1 hour', time) AS time, model, count(*) AS n FROM requests GROUP BY 1, 2",
            "model",
        ),
        ("c WHEN mean > 1 AS SELECT avg(ms) AS mean FROM requests", ""),
        (
            "d BY (MODEL, version) WHEN Mean > 1 AS SELECT model, Version, avg(ms) AS mean FROM requests GROUP BY model, version",
            "model, Version",
        ),
        (
            "e WHEN n > 1 AS SELECT upper(model) AS m, count(*) AS n FROM requests GROUP BY 1 HAVING count(*) > 0 ORDER BY n LIMIT 9",
            "m",
        ),
        // Nothing groups: as long as it answers one row.
        ("f WHEN ms > 25 AS SELECT model, ms FROM requests WHERE model = 'b'", ""),
        (
            "g WHEN n > 1 AS WITH per AS (SELECT model, count(*) AS n FROM requests GROUP BY model) SELECT * FROM per",
            "model",
        ),
        ("h ON MODEL fraud NOTIFY slack, MAIL, slack WHEN n > 1 AS SELECT count(*) AS n FROM fraud", ""),
    ];
    for (rest, by) in made {
        db.sql(&format!("CREATE ALERT {rest}")).await.unwrap_or_else(|error| panic!("{rest}: {error}"));
        let name = &rest[..1];
        assert_eq!(
            one(&db, &format!("SELECT by FROM system.rules WHERE name = '{name}'")).await,
            by,
            "{rest}"
        );
    }
    let h = rows(&db, "SELECT model, notify, created_at = now() FROM system.rules WHERE name = 'h'").await;
    assert_eq!(h, [["Fraud", "Slack, mail", "true"]]);
    db.sql("CREATE ALERT IF NOT EXISTS A WHEN nonsense > 1 AS SELECT 1").await.unwrap();
    refused(&db, &[("CREATE ALERT A WHEN x > 1 AS SELECT 1 AS x", &["alert a exists already"])]).await;
}

#[tokio::test]
async fn a_statement_that_is_shown_makes_the_same_alert_again() {
    let db = database().await;
    let made = [
        &format!(
            "CREATE ALERT slow SEVERITY high EVERY '5 minutes' DELAY '10 s' BY (model, version) WHEN mean > 20
             RESOLVE WHEN mean < 15 FOR '10 minutes' KEEP FIRING FOR '1 minute' NO DATA AFTER '1 hour' REPEAT EVERY '4 hours'
             NOTIFY slack LABELS (team = 'risk') ANNOTATIONS (summary = '{{{{ model }}}} of {{{{ team }}}}: {{{{ mean }}}}')
             DISABLED AS {SLOW}"
        ),
        "CREATE ALERT quality ON MODEL fraud METRIC accuracy < 0.9 OVER '1 day' RESOLVE WHEN value > 0.95
         ANNOTATIONS (summary = '{{ value }} of {{ rows }}, {{ coverage }}')",
        "CREATE ALERT anything ON ALL MODELS METRIC latency_p95 > '500ms' FOR 3 WINDOWS",
    ];
    let all = "SELECT name, model, severity, enabled, every_ms, delay_ms, by, \"when\", resolve_when, \"for\", keep_firing_ms,
                      no_data_after_ms, expire_after_ms, repeat_every_ms, notify, labels, annotations, metric, condition,
                      threshold, query FROM system.rules";
    for sql in made {
        db.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (before, statement) =
            (rows(&db, all).await, one(&db, "SELECT statement FROM system.rules").await);
        let name = &before[0][0];
        db.sql(&format!("DROP ALERT {name}")).await.unwrap();
        db.sql(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert_eq!(rows(&db, all).await, before, "{statement}");
        db.sql(&format!("DROP ALERT {name}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_metric_has_the_query_of_its_model_and_none_of_all_models() {
    let db = database().await;
    db.sql("CREATE ALERT one ON MODEL FRAUD METRIC latency_p95 > '2 s'; CREATE ALERT all_ ON ALL MODELS METRIC mae > 3")
        .await
        .unwrap();
    let shown = "SELECT name, model, query LIKE '%percentile(\"took_ms\"%', threshold, \"when\" FROM system.rules ORDER BY 1 DESC";
    let expected =
        [["one", "Fraud", "true", "2000.0", "value > 2000"], ["all_", "null", "null", "3.0", "value > 3"]];
    assert_eq!(rows(&db, shown).await, expected);
    db.sql("CREATE ALERT late ON MODEL fraud METRIC recall < 0.5").await.unwrap();
    assert_eq!(
        one(&db, "SELECT query LIKE '%- INTERVAL ''2 hours''%' FROM system.rules WHERE name = 'late'").await,
        "true"
    );
    refused(
        &db,
        &[
            ("CREATE ALERT x ON MODEL fraud METRIC mae > 3", &["model Fraud is for classification", "the metric for regression"]),
            ("CREATE ALERT x ON MODEL prices METRIC latency_p95 > 3", &["model prices has no LATENCY column"]),
            ("CREATE ALERT x ON MODEL frued METRIC accuracy < 0.5", &["model frued does not exist", "did you mean Fraud?"]),
            ("CREATE ALERT x ON ALL MODELS METRIC accuracy < 0.5 RESOLVE WHEN values > 1", &["RESOLVE WHEN: ", "value"]),
            (
                "CREATE ALERT x ON ALL MODELS METRIC latency_p95 > 3 ANNOTATIONS (summary = '{{ coverage }}')",
                &["annotation summary speaks of {{ coverage }}", "there are value, rows, "],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_alert_that_could_not_be_judged_is_refused_with_what_to_write() {
    let db = database().await;
    let of_slow = |rest: &str| format!("CREATE ALERT x {rest} AS {SLOW}");
    let bad: [(String, &[&str]); 13] = [
        (
            "CREATE ALERT x WHEN n > 1 AS SELECT count(*) AS n FROM request".into(),
            &["its query: ", "request"],
        ),
        (
            "CREATE ALERT x WHEN n > 1 AS SELECT count(*) AS n FROM requests WHERE ms > INTERVAL '1 day'"
                .into(),
            &["its query: "],
        ),
        (of_slow("WHEN mead > 1"), &["WHEN: ", "No field named mead", "mean"]),
        (of_slow("WHEN mean > INTERVAL '1 day'"), &["WHEN: "]),
        (of_slow("WHEN mean > 1 RESOLVE WHEN n < 1"), &["RESOLVE WHEN: ", "No field named n"]),
        (of_slow("BY (mode) WHEN mean > 1"), &["BY column mode", "which has model, Version, mean"]),
        (of_slow("NOTIFY slac WHEN mean > 1"), &["notifier slac does not exist", "did you mean Slack?"]),
        (of_slow("NOTIFY pager WHEN mean > 1"), &["CREATE NOTIFIER"]),
        (
            of_slow("WHEN mean > 1 ANNOTATIONS (summary = '{{ meen }}')"),
            &["{{ meen }}", "there are model, Version, mean, "],
        ),
        (
            of_slow("WHEN mean > 1 ANNOTATIONS (summary = '{{ mean | flor }}')"),
            &["annotation summary: ", "flor"],
        ),
        (of_slow("ON MODEL fruad WHEN mean > 1"), &["model fruad does not exist", "did you mean Fraud?"]),
        (
            of_slow("BY (model) WHEN mean > 1"),
            &["2026-01-01T00:01:00Z", "2 rows with model = \"a\"", "BY (..), of model, Version, mean"],
        ),
        (
            "CREATE ALERT x WHEN ms > 1 AS SELECT ms FROM requests".into(),
            &["answers 3 rows, ", "BY (..), of ms", "GROUP BY nothing"],
        ),
    ];
    for (sql, parts) in &bad {
        refused(&db, &[(sql, parts)]).await;
    }
    assert_eq!(one(&db, "SELECT count(*) FROM system.rules").await, "0");
    // Rows of a window that is not closed yet are no rows of the window that is.
    db.sql("INSERT INTO requests VALUES ('2026-01-01T00:01:05Z', 'c', '1', 1), ('2026-01-01T00:01:06Z', 'c', '1', 1)")
        .await
        .unwrap();
    db.sql("CREATE ALERT x BY (model) WHEN ms > 1 AS SELECT model, ms FROM requests WHERE model = 'c'")
        .await
        .unwrap();
}

/// The kind, name and action of each line of an answer to APPLY, and the differences.
async fn applied(db: &Database, dry: &str, statements: &str) -> Vec<Vec<String>> {
    let sql = format!("APPLY {dry}'{}'", statements.replace('\'', "''"));
    rows(db, &sql).await
}

const APPLIED: &str = "
    CREATE ALERT slow ON MODEL Fraud WHEN mean > 20 NOTIFY pager LABELS (team = 'risk')
      AS SELECT model, avg(mean) AS mean FROM by_minute WHERE time >= now() - INTERVAL '1 minute' GROUP BY model;
    CREATE ROUTE night WHERE severity >= 'high' NOTIFY pager ESCALATE AFTER '5 minutes' TO Slack;
    CREATE INHIBITION quiet SOURCE slow TARGET low EQUAL (model);
    CREATE SILENCE party FOR ALERT slow FROM '2026-01-01' TO '2026-01-02' COMMENT 'new year';
    CREATE ALERT low ON MODEL fraud METRIC accuracy < 0.9;
    CREATE NOTIFIER pager TYPE webhook WITH (url = 'https://example.com/hook', secret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3');
    CREATE CONTINUOUS QUERY minutes INTO by_minute AS
      SELECT date_bin(INTERVAL '1 minute', time) AS time, model, avg(ms) AS mean FROM requests GROUP BY 1, 2;
    CREATE TABLE IF NOT EXISTS requests (time TIMESTAMP TIME, ms DOUBLE);
    CREATE TABLE notes (time TIMESTAMP TIME, text TEXT)";

#[tokio::test]
async fn statements_are_applied_in_an_order_that_fits_and_again_change_nothing() {
    let db = database().await;
    let told = |rows: &[Vec<String>]| rows.iter().map(|row| row[..3].join(" ")).collect::<Vec<_>>();
    let expected = |action: &str| {
        let tables = ["table requests unchanged".to_owned(), format!("table notes {action}")];
        let others = [
            "notifier pager",
            "continuous query minutes",
            "alert slow",
            "alert low",
            "route night",
            "silence party",
            "inhibition quiet",
        ];
        tables.into_iter().chain(others.map(|it| format!("{it} {action}"))).collect::<Vec<_>>()
    };
    assert_eq!(told(&applied(&db, "DRY RUN ", APPLIED).await), expected("create"));
    assert_eq!(one(&db, "SELECT count(*) FROM system.rules").await, "0");
    assert_eq!(told(&applied(&db, "", APPLIED).await), expected("create"));
    assert_eq!(told(&applied(&db, "", APPLIED).await), expected("unchanged"));
    assert_eq!(one(&db, "SELECT by FROM system.rules WHERE name = 'slow'").await, "model");

    let changed = APPLIED
        .replace("mean > 20", "mean > 25")
        .replace("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "MTIyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
        .replace("INTO by_minute AS", "INTO by_minute DELAY '5 s' AS")
        .replace("'5 minutes' TO", "'10 minutes' TO");
    let found = applied(&db, "DRY RUN ", &changed).await;
    let differences: Vec<(&str, &str)> =
        found.iter().filter(|row| row[2] == "change").map(|row| (row[1].as_str(), row[3].as_str())).collect();
    assert_eq!(differences.len(), 4, "{differences:?}");
    assert_eq!(differences[0], ("pager", "a value that is not shown"));
    assert_eq!(differences[1], ("minutes", "- delay 0 s\n+ delay 5 s"));
    assert_eq!(differences[2], ("slow", "- WHEN mean > 20\n+ WHEN mean > 25"));
    let before = one(&db, "SELECT created_at FROM system.rules WHERE name = 'slow'").await;
    applied(&db, "", &changed).await;
    assert_eq!(told(&applied(&db, "", &changed).await), expected("unchanged"));
    assert_eq!(one(&db, "SELECT created_at FROM system.rules WHERE name = 'slow'").await, before);
    assert_eq!(one(&db, "SELECT delay_ms FROM system.continuous_queries").await, "5000.0");
}

#[tokio::test]
async fn where_one_statement_cannot_be_applied_none_is() {
    let db = database().await;
    let bad: [(&str, &[&str]); 6] = [
        ("CREATE NOTIFIER p TYPE webhook WITH (url = 'nonsense')", &["notifier p: ", "url"]),
        ("CREATE ALERT a WHEN mead > 1 AS SELECT avg(ms) AS mean FROM requests", &["alert a: WHEN", "mead"]),
        ("CREATE ROUTE r WHERE team = 'x' NOTIFY nobody", &["route r: ", "notifier nobody does not exist"]),
        ("CREATE SILENCE FROM '2026-01-01' TO '2026-01-02' COMMENT 'x'", &["needs a name"]),
        ("DROP TABLE requests", &["DROP TABLE requests", "cannot be applied"]),
        (
            "CREATE ALERT ok DISABLED WHEN n > 1 AS SELECT count(*) AS n FROM requests",
            &["alert ok is there twice"],
        ),
    ];
    for (sql, parts) in bad {
        let all = format!("CREATE ALERT ok WHEN n > 1 AS SELECT count(*) AS n FROM requests; {sql}");
        refused(&db, &[(&format!("APPLY '{}'", all.replace('\'', "''")), parts)]).await;
    }
    assert_eq!(one(&db, "SELECT count(*) FROM system.rules").await, "0");
}

#[tokio::test]
async fn the_network_reaches_no_more_by_an_alert_than_by_a_query() {
    let db = database().await;
    let path = crate::support::directory("rules_network");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("t.csv"), "x\n1\n").unwrap();
    let file = path.join("t.csv");
    db.sql(&format!(
        "CREATE EXTERNAL TABLE outside STORED AS CSV LOCATION '{}' OPTIONS ('format.has_header' 'true')",
        file.display()
    ))
    .await
    .unwrap();
    let sql = "CREATE ALERT x WHEN x > 1 AS SELECT x FROM outside";
    // For the network there is no such table: the alert waits for one, and this one does not do.
    db.prepare(sql, Access::Network).await.unwrap().execute(&[]).await.unwrap();
    db.settle().await.unwrap();
    let state = "SELECT state, error FROM system.rules WHERE name = 'x'";
    let found = rows(&db, state).await;
    assert!(found[0][0] == "dormant" && found[0][1].contains("outside"), "{found:?}");
    db.sql("DROP ALERT x").await.unwrap();
    db.sql(sql).await.unwrap();
    db.settle().await.unwrap();
    assert_ne!(rows(&db, state).await[0][0], "dormant");
}

#[tokio::test]
async fn an_alert_is_changed_and_looked_at_again_only_where_it_asks_otherwise() {
    let db = database().await;
    db.sql(&format!("CREATE ALERT slow WHEN mean > 20 AS {SLOW}")).await.unwrap();
    db.sql("ALTER ALERT SLOW DISABLE SET (severity = critical, for = '2 windows') NOTIFY MAIL")
        .await
        .unwrap();
    let shown = "SELECT enabled, severity, \"for\", notify, by FROM system.rules";
    assert_eq!(rows(&db, shown).await, [["false", "critical", "2 windows", "mail", "model, Version"]]);
    refused(
        &db,
        &[
            ("ALTER ALERT slow WHEN mead > 1", &["WHEN: ", "mead"]),
            ("ALTER ALERT slow RESOLVE WHEN mead < 1", &["RESOLVE WHEN: "]),
            ("ALTER ALERT slow BY (version)", &["2 rows with Version = \"1\"", "BY (..)"]),
            ("ALTER ALERT slow NOTIFY pager", &["notifier pager does not exist"]),
            ("ALTER ALERT slow ANNOTATIONS (a = '{{ b }}')", &["{{ b }}"]),
            ("ALTER ALERT slow SET (threshold = 3)", &["a threshold goes with METRIC"]),
            ("ALTER ALERT slo ENABLE", &["alert slo does not exist", "did you mean slow?"]),
            ("DROP ALERT slo", &["did you mean slow?"]),
        ],
    )
    .await;
    db.sql("ALTER ALERT IF EXISTS slo ENABLE; DROP ALERT IF EXISTS slo").await.unwrap();
    db.sql("CREATE ALERT quick ON MODEL fraud METRIC latency_p95 > '1 s'; ALTER ALERT quick SET (threshold = '2 s') OVER '1 hour'")
        .await
        .unwrap();
    let quick = "SELECT threshold, \"when\", query LIKE '%INTERVAL ''1 hour''%' FROM system.rules WHERE name = 'quick'";
    assert_eq!(rows(&db, quick).await, [["2000.0", "value > 2000", "true"]]);
    db.sql("DROP TABLE requests; ALTER ALERT slow ENABLE SET (every = '1 hour')").await.unwrap();
    assert_eq!(rows(&db, shown).await[1][..1], ["true"]);
    refused(&db, &[("ALTER ALERT slow WHEN mean > 3", &["its query: ", "requests"])]).await;
    db.sql("DROP ALERT slow").await.unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM system.rules").await, "1");
}

#[tokio::test]
async fn notifiers_are_made_changed_and_dropped_and_tell_no_secret() {
    let db = database().await;
    let shown = "SELECT name, kind, enabled, options, statement FROM system.notifiers WHERE name = 'Slack'";
    let made = rows(&db, shown).await;
    assert_eq!(made[0][..4], ["Slack", "slack", "true", "{\"url\":\"***\"}"]);
    assert!(made[0][4].starts_with("CREATE NOTIFIER Slack") && !made[0][4].contains("secret"), "{made:?}");
    db.sql("CREATE NOTIFIER IF NOT EXISTS SLACK TYPE teams; ALTER NOTIFIER slack SET (mention = '@here', timeout = '5s')")
        .await
        .unwrap();
    db.sql("ALTER NOTIFIER slack DISABLE; ALTER NOTIFIER slack RESET (timeout)").await.unwrap();
    let made = rows(&db, shown).await;
    assert_eq!(made[0][1..4], ["slack", "false", "{\"mention\":\"@here\",\"url\":\"***\"}"]);
    db.sql("ALTER NOTIFIER slack ENABLE").await.unwrap();
    refused(
        &db,
        &[
            (
                "CREATE NOTIFIER slack TYPE slack WITH (url = 'https://x.example')",
                &["notifier Slack exists already"],
            ),
            ("CREATE NOTIFIER y TYPE slack", &["notifier slack needs url", "WITH (url ="]),
            ("CREATE NOTIFIER y TYPE slack WITH (chanel = 'x')", &["has no option \"chanel\"", "channel"]),
            ("ALTER NOTIFIER slack SET (mention = 'ada')", &["option mention"]),
            ("ALTER NOTIFIER slack RESET (url)", &["needs url"]),
            ("ALTER NOTIFIER slack RESET (mentio)", &["did you mean mention?"]),
            ("ALTER NOTIFIER slak ENABLE", &["did you mean Slack?"]),
            ("DROP NOTIFIER slak", &["did you mean Slack?"]),
        ],
    )
    .await;
    db.sql(&format!("CREATE ALERT slow NOTIFY slack WHEN mean > 20 AS {SLOW}; CREATE ROUTE all_ NOTIFY mail ESCALATE AFTER '1 hour' TO slack"))
        .await
        .unwrap();
    refused(
        &db,
        &[
            (
                "DROP NOTIFIER slack",
                &["notifier Slack is told by alert slow, route all_", "ALTER NOTIFIER Slack DISABLE"],
            ),
            ("DROP NOTIFIER mail", &["route all_"]),
        ],
    )
    .await;
    db.sql("DROP ROUTE all_; DROP ALERT slow; DROP NOTIFIER slack; DROP NOTIFIER mail; DROP NOTIFIER IF EXISTS mail")
        .await
        .unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM system.notifiers").await, "0");
}

#[tokio::test]
async fn silences_routes_and_inhibitions_are_kept_under_names_and_dropped() {
    let db = database().await;
    for name in ["Slow", "drift", "down"] {
        db.sql(&format!("CREATE ALERT {name} WHEN x > 1 AS SELECT 1 AS x")).await.unwrap();
    }
    db.sql(
        "CREATE SILENCE FOR ALERT slow FROM '2026-01-01' TO '2026-01-02' COMMENT 'release';
         CREATE SILENCE WHERE team = 'risk' AND team != 'x' AND severity != 'low' FROM '2025-12-25T00:00:00Z' TO '2025-12-25T00:01:00Z' EVERY WEEK;
         CREATE SILENCE night FROM '2025-01-01' TO '2025-01-02';
         DROP SILENCE \"silence-1\";
         CREATE SILENCE FOR ALERT drift FROM '2026-01-01' TO '2026-01-02'",
    )
    .await
    .unwrap();
    let silences =
        rows(&db, "SELECT name, state, alert, conditions, weekly FROM system.silences ORDER BY name").await;
    let expected = [
        ["night", "over", "null", "", "false"],
        ["silence-1", "active", "drift", "", "false"],
        ["silence-2", "waiting", "null", "team = 'risk' AND team != 'x' AND severity != 'low'", "true"],
    ];
    assert_eq!(silences, expected);
    db.sql("CREATE ROUTE urgent WHERE severity > 'medium' AND severity < 'critical' AND team = 'risk' NOTIFY SLACK
              ESCALATE AFTER '15 minutes' TO mail ESCALATE AFTER '1 hour' TO slack, mail")
        .await
        .unwrap();
    let routes = rows(&db, "SELECT * FROM system.routes").await;
    let escalations = "ESCALATE AFTER '15 minutes' TO mail ESCALATE AFTER '1 hour' TO Slack, mail";
    assert_eq!(
        routes,
        [["urgent", "severity >= 'high' AND severity <= 'high' AND team = 'risk'", "Slack", escalations]]
    );
    db.sql("CREATE INHIBITION SOURCE down TARGET slow EQUAL (host, region); CREATE INHIBITION i SOURCE slow TARGET drift EQUAL (host)")
        .await
        .unwrap();
    let inhibitions = rows(&db, "SELECT * FROM system.inhibitions ORDER BY name DESC").await;
    assert_eq!(
        inhibitions,
        [["inhibition-1", "down", "Slow", "host, region"], ["i", "Slow", "drift", "host"]]
    );
    refuses_what_names_nothing(&db).await;
    db.sql("DROP ROUTE urgent; DROP SILENCE night; DROP INHIBITION i; DROP INHIBITION IF EXISTS i")
        .await
        .unwrap();
    let left = "SELECT (SELECT count(*) FROM system.routes) AS routes, (SELECT count(*) FROM system.silences) AS silences,
                       (SELECT count(*) FROM system.inhibitions) AS inhibitions";
    assert_eq!(rows(&db, left).await, [["0", "2", "1"]]);
}

async fn refuses_what_names_nothing(db: &Database) {
    refused(
        db,
        &[
            ("CREATE SILENCE NIGHT FROM '2025-01-01' TO '2025-01-02'", &["silence night exists already"]),
            (
                "CREATE SILENCE FOR ALERT slo FROM '2025-01-01' TO '2025-01-02'",
                &["alert slo does not exist", "did you mean Slow?"],
            ),
            ("CREATE ROUTE urgent NOTIFY mail", &["route urgent exists already"]),
            ("CREATE ROUTE r NOTIFY pager", &["notifier pager does not exist"]),
            (
                "CREATE ROUTE r NOTIFY mail ESCALATE AFTER '1 hour' TO pager",
                &["notifier pager does not exist"],
            ),
            ("CREATE ROUTE r WHERE severity > 'critical' NOTIFY mail", &["no severity is above critical"]),
            ("CREATE ROUTE r WHERE severity < 'low' NOTIFY mail", &["no severity is below low"]),
            (
                "CREATE INHIBITION SOURCE drift TARGET down EQUAL (host)",
                &["Slow -> drift -> down -> Slow", "Drop one"],
            ),
            ("CREATE INHIBITION SOURCE drift TARGET DRIFT EQUAL (host)", &["cannot explain itself"]),
            ("CREATE INHIBITION SOURCE drift TARGET dawn EQUAL (host)", &["did you mean down?"]),
            ("CREATE INHIBITION i SOURCE drift TARGET slow EQUAL (host)", &["inhibition i exists already"]),
            ("DROP ROUTE urgen", &["did you mean urgent?"]),
            ("DROP SILENCE nigh", &["did you mean night?"]),
            ("DROP INHIBITION j", &["inhibition j does not exist"]),
        ],
    )
    .await;
}
