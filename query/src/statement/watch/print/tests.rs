use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::alert::metric::{self, Metric};
use crate::alert::{NotifierKind, Severity};
use crate::statement::watch::Watch;
use crate::statement::{Statement, parse_one};

/// Read back, with the places where what is printed says less than what was there.
fn read_rule(text: &str) -> Rule {
    match parse_one(text).unwrap_or_else(|error| panic!("{error}:\n{text}")) {
        Statement::Watch(watch) => match *watch {
            Watch::CreateAlert(create) => create.rule,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn read_notifier(text: &str) -> Notifier {
    match parse_one(text).unwrap_or_else(|error| panic!("{error}:\n{text}")) {
        Statement::Watch(watch) => match *watch {
            Watch::CreateNotifier(create) => Notifier {
                name: create.name,
                kind: create.kind,
                options: create.options,
                enabled: create.enabled,
                created_at: 0,
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_]{0,8}",
        "[^/$\\pC]{1,8}",
        Just("select".to_owned()),
        Just("AS".to_owned())
    ]
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(any_name(), "[^\\x00]{0,12}", 0..4)
}

fn any_when() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "psi > 0.2",
        "a IS NULL AND NOT b",
        "x IN ('it''s', \"q\") OR -y < 1e3",
        "CASE WHEN a THEN 1 ELSE 0 END = 1",
        "CAST(n AS BIGINT) /* high */\n -- so\n >= 3",
        "a BETWEEN 1 AND 2",
    ])
    .prop_map(str::to_owned)
}

fn any_query() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "SELECT 1 AS psi",
        "WITH a AS (SELECT 'é;' AS x) SELECT *\n  FROM a",
        "SELECT feature, psi FROM drift('fraud', window => INTERVAL '1 hour') ORDER BY psi LIMIT 3",
    ])
    .prop_map(str::to_owned)
}

fn any_hold() -> impl Strategy<Value = Hold> {
    prop_oneof![(1u32..).prop_map(Hold::Windows), (1i64..).prop_map(Hold::Time)]
}

fn any_threshold() -> impl Strategy<Value = (Metric, String)> {
    let number = || prop_oneof![Just("0.85".to_owned()), Just("5%".to_owned()), Just("1e-3".to_owned())];
    prop_oneof![
        (Just(Metric::Accuracy), number()),
        (Just(Metric::DriftScore), number()),
        (Just(Metric::LatencyP95), (0u32..10_000).prop_map(|ms| format!("{ms} ms"))),
        (Just(Metric::Throughput), (0u32..100).prop_map(|n| format!("{n}.5/s"))),
        (Just(Metric::R2), any::<i16>().prop_map(|n| n.to_string())),
    ]
}

fn any_metric() -> impl Strategy<Value = MetricRule> {
    let condition = prop::sample::select(vec![">", "<", ">=", "<=", "=", "!="]);
    (any_threshold(), condition, of(1i64..), of(any::<u64>())).prop_map(
        |((of, text), condition, over, rows)| MetricRule {
            over,
            min_rows: rows,
            ..metric::read(of.name(), condition, &text).unwrap()
        },
    )
}

type Judged = (Option<String>, Vec<String>, String, Option<String>, String, Option<MetricRule>);
type Timed = (i64, i64, Hold, i64, Option<i64>, i64, Option<i64>);
type Told = (String, Severity, bool, Vec<String>, BTreeMap<String, String>, BTreeMap<String, String>);

fn make(judged: Judged, timed: Timed, told: Told) -> Rule {
    let (model, by, when, resolve_when, query, of) = judged;
    let (every, delay, hold, keep_firing, no_data_after, expire_after, repeat_every) = timed;
    let (name, severity, enabled, notify, labels, annotations) = told;
    Rule {
        name,
        model,
        severity,
        enabled,
        every,
        delay,
        // A metric brings its own.
        by: if of.is_some() { Vec::new() } else { by },
        when: of.as_ref().map_or(when, metric::when),
        resolve_when,
        hold,
        keep_firing,
        no_data_after,
        expire_after,
        repeat_every,
        notify,
        labels,
        annotations,
        query: if of.is_some() { String::new() } else { query },
        metric: of,
        created_at: 0,
        altered_at: None,
        unchecked: false,
    }
}

/// Secrets of some kinds or all, and what anybody may see.
const OPTIONS: [&str; 10] =
    ["url", "channel", "token", "smtp", "password", "timeout", "to", "body", "routing_key", "unheard_of"];

fn any_rule() -> impl Strategy<Value = Rule> {
    let judged =
        (of(any_name()), vec(any_name(), 0..3), any_when(), of(any_when()), any_query(), of(any_metric()));
    let timed = (1_000_000_000i64.., 0i64.., any_hold(), 0i64.., of(1i64..), 1i64.., of(1i64..));
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let told = (any_name(), severity, any::<bool>(), vec(any_name(), 0..3), texts(), texts());
    (judged, timed, told).prop_map(|(judged, timed, told)| make(judged, timed, told))
}

proptest! {
    #[test]
    fn any_rule_is_read_back_as_it_was_printed(made in any_rule()) {
        let text = rule(&made);
        prop_assert_eq!(read_rule(&text), made, "{}", text);
    }

    #[test]
    fn any_notifier_is_read_back_without_its_secrets(
        name in any_name(),
        kind in prop::sample::select(NotifierKind::ALL.to_vec()),
        options in btree_map(prop::sample::select(OPTIONS.to_vec()), "[^\\x00]{3,12}", 0..6),
        enabled in any::<bool>(),
    ) {
        let options: BTreeMap<_, _> = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let hidden = options.iter().map(|(name, value)| {
            let is_secret = crate::alert::options::is_secret(kind, name);
            (name.clone(), if is_secret { HIDDEN.to_owned() } else { value.clone() })
        });
        let wanted = Notifier { name, kind, options: hidden.collect(), enabled, created_at: 0 };
        let text = notifier(&Notifier { options, ..wanted.clone() });
        prop_assert!(read_notifier(&text) == wanted, "{}", text);
    }
}

#[test]
fn a_rule_reads_as_people_write_it() {
    let text = "CREATE ALERT low_accuracy\n  ON MODEL fraud\n  METRIC latency_p95 > '500ms' OVER '1 hour'\n  \
                SEVERITY high\n  EVERY '1 minute'\n  FOR 2 WINDOWS\n  NOTIFY anna, \"on call\"";
    assert_eq!(rule(&read_rule(text)), text);
    let text = "CREATE ALERT drift\n  SEVERITY medium\n  EVERY '1 hour'\n  FOR '1 day'\n  BY (feature)\n  \
                WHEN psi > 0.2\n  RESOLVE WHEN psi < 0.1\n  ANNOTATIONS (summary = 'it''s {{ psi }}')\n  \
                DISABLED\n  AS SELECT 1";
    assert_eq!(rule(&read_rule(text)), text);
}

#[test]
fn an_address_is_a_secret() {
    let made =
        read_notifier("CREATE NOTIFIER s TYPE Slack WITH (URL = 'https://hooks/T0/B0/x', channel = '#ml')");
    assert_eq!(notifier(&made), "CREATE NOTIFIER s TYPE slack\n  WITH (channel = '#ml', url = '***')");
}
