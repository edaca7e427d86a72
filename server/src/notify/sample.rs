//! Messages and notifiers for tests.

use std::collections::BTreeMap;

use driftline_query::alert::{Message, Notice, Notifier, NotifierKind, Severity, Status};
use serde_json::{Value, json};

use super::request::{Context, Request};

/// 2026-01-01 00:00 UTC.
pub(super) const DAY: i64 = 1_767_225_600_000_000_000;
pub(super) const HOUR: i64 = 3_600_000_000_000;
/// 2026-01-01 06:30:05 UTC.
pub(super) const NOW: i64 = DAY + 6 * HOUR + HOUR / 2 + 5_000_000_000;

pub(super) fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn notifier(kind: NotifierKind, options: &[(&str, &str)]) -> Notifier {
    let options = texts(options);
    assert_eq!(driftline_query::alert::options::check(kind, &options), Ok(()));
    Notifier { name: "risk".to_owned(), kind, options, enabled: true, created_at: 0 }
}

/// Drift of the feature `amount` of `fraud`, seen from 3 to 4, firing since 4.
pub(super) fn notice() -> Notice {
    Notice {
        status: Status::Firing,
        alert: "amount_drift".to_owned(),
        id: "episode-1".to_owned(),
        fingerprint: "f00dfeed".to_owned(),
        model: Some("fraud".to_owned()),
        severity: Severity::High,
        labels: texts(&[
            ("alertname", "amount_drift"),
            ("feature", "amount"),
            ("model", "fraud"),
            ("severity", "high"),
        ]),
        annotations: texts(&[
            ("action", "Retrain"),
            ("action_url", "https://ci.example.com/retrain?model=fraud&go=1"),
            ("description", "Orders <100 EUR & more"),
            ("runbook_url", "https://wiki.example.com/drift"),
            ("summary", "amount drifts"),
        ]),
        value: Some(0.312_345_678),
        threshold: Some(0.2),
        statistic: Some("psi".to_owned()),
        window_start: DAY + 3 * HOUR,
        window_end: DAY + 4 * HOUR,
        starts_at: DAY + 4 * HOUR,
        ends_at: None,
        query: "SELECT feature, psi FROM drift('fraud')".to_owned(),
        evidence: vec![json!({"feature": "amount", "psi": 0.312_345_678, "n": 1200})],
        reason: None,
    }
}

/// The same, over since 6.
pub(super) fn resolved() -> Notice {
    Notice {
        status: Status::Resolved,
        ends_at: Some(DAY + 6 * HOUR),
        reason: Some("resolved".to_owned()),
        ..notice()
    }
}

/// Each state an instance can be told in.
pub(super) fn in_state(status: Status) -> Notice {
    match status {
        Status::Resolved => resolved(),
        Status::Error => Notice { status, reason: Some("no column psi".to_owned()), value: None, ..notice() },
        Status::NoData => Notice { status, value: None, ..notice() },
        Status::Firing | Status::Test => Notice { status, ..notice() },
    }
}

/// So many instances of the alert.
pub(super) fn instances(n: usize) -> Vec<Notice> {
    (0..n)
        .map(|i| {
            let mut notice = notice();
            notice.fingerprint = format!("{i:08x}");
            notice.labels.insert("feature".to_owned(), format!("f{i}"));
            notice
        })
        .collect()
}

pub(super) fn message(alerts: Vec<Notice>) -> Message {
    Message {
        id: "msg_1".to_owned(),
        notifier: "risk".to_owned(),
        group: texts(&[("alertname", "amount_drift"), ("model", "fraud")]),
        status: alerts[0].status,
        alerts,
        late: false,
        created_at: DAY + 6 * HOUR,
    }
}

pub(super) fn context<'a>(notifier: &'a Notifier, message: &'a Message) -> Context<'a> {
    Context { notifier, message, external_url: None, now: NOW }
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The value of a header; it must be there once.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    let mut found = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = &found.next().unwrap_or_else(|| panic!("no header {name}")).1;
    assert!(found.next().is_none(), "header {name} twice");
    value
}

/// Texts of any length with whatever breaks markup, and characters of every width.
pub(super) fn nasty(chars: usize, seed: u64) -> String {
    const PIECES: [char; 16] =
        ['a', '&', '<', '>', '"', '\'', '\n', '\r', '`', '|', 'ä', '漢', '🙂', '\u{301}', ' ', ']'];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..chars).map(|_| PIECES[usize::try_from(next() % 16).unwrap()]).collect()
}

/// A message whose every text is nasty and far too long.
pub(super) fn monster(alerts: usize, seed: u64) -> Message {
    let text = |chars, salt| nasty(chars, seed ^ salt);
    let monster = |i: usize| {
        let mut notice = in_state(if i.is_multiple_of(2) { Status::Firing } else { Status::NoData });
        notice.alert = text(400, 1);
        notice.model = Some(text(700, 2));
        notice.fingerprint = text(900, 3);
        notice.labels.extend((0..12).map(|i| (format!("{i}{}", text(300, 4)), text(5000, 5))));
        for (name, salt) in [("summary", 6), ("description", 7), ("action", 8)] {
            notice.annotations.insert(name.to_owned(), text(9000, salt));
        }
        if !i.is_multiple_of(2) {
            notice.annotations.remove("action_url");
        }
        notice.reason = Some(text(4000, 9));
        notice.query = text(2000, 10);
        notice.evidence = vec![json!({"a": text(3000, 11), "b": f64::MAX}); 8];
        notice
    };
    message((0..alerts).map(monster).collect())
}
