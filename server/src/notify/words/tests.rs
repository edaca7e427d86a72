use serde_json::json;

use super::*;
use crate::notify::sample::{in_state, instances, message, notice, resolved};

#[test]
fn a_title_says_how_bad_what_and_where() {
    let title = |status| notice_title(&in_state(status));
    assert_eq!(title(Status::Firing), "HIGH: amount_drift on fraud (feature=amount)");
    assert_eq!(title(Status::Resolved), "RESOLVED: amount_drift on fraud (feature=amount)");
    assert_eq!(title(Status::NoData), "NO DATA: amount_drift on fraud (feature=amount)");
    assert_eq!(title(Status::Error), "CANNOT BE JUDGED: amount_drift on fraud (feature=amount)");
    assert_eq!(title(Status::Test), "TEST: amount_drift on fraud (feature=amount)");
    let bare = Notice { model: None, labels: Default::default(), ..notice() };
    assert_eq!(notice_title(&bare), "HIGH: amount_drift");
}

#[test]
fn a_title_counts_several_alerts() {
    let mut alerts = instances(3);
    alerts[1].severity = driftline_query::alert::Severity::Critical;
    alerts.push(resolved());
    let title = title(&message(alerts));
    assert_eq!(title, "CRITICAL: 4 alerts, alertname=amount_drift model=fraud (3 firing, 1 resolved)");
}

#[test]
fn one_line_says_it_all() {
    let line = "HIGH: amount_drift on fraud (feature=amount). psi 0.312346, threshold 0.2. amount drifts";
    assert_eq!(one_line(&notice()), line);
    assert_eq!(message_line(&message(vec![notice()])), line);
}

#[test]
fn facts_come_in_the_order_of_reading() {
    let expected = [
        ("Severity", "high"),
        ("Model", "fraud"),
        ("Seen", "psi 0.312346, threshold 0.2"),
        ("Window", "2026-01-01 03:00 to 04:00 UTC"),
        ("Instance", "feature=amount"),
        ("Since", "2026-01-01 04:00 UTC"),
    ];
    assert_eq!(facts(&notice()), expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn what_is_over_says_how_long_it_lasted_and_why_it_ended() {
    let facts = facts(&resolved());
    assert!(facts.contains(&("Lasted", "2 h, 2026-01-01 04:00 to 06:00 UTC".to_owned())), "{facts:?}");
    assert!(facts.contains(&("Reason", "resolved".to_owned())));
    assert!(!facts.iter().any(|(name, _)| *name == "Since"));
}

#[test]
fn states_have_texts_of_their_own() {
    let text = |status| texts(&in_state(status)).join("\n");
    assert!(text(Status::NoData).contains("No data came in"));
    assert!(text(Status::Error).contains("cannot be judged"));
    assert!(text(Status::Test).contains("This is a test"));
    assert_eq!(text(Status::Firing), "amount drifts\nOrders <100 EUR & more");
    assert!(facts(&in_state(Status::Error)).contains(&("Reason", "no column psi".to_owned())));
}

#[test]
fn what_to_do_is_a_link_or_a_text() {
    let all = links(&notice());
    assert_eq!(all[0], Link { text: "Runbook".to_owned(), url: "https://wiki.example.com/drift".to_owned() });
    assert_eq!(all[1].text, "Retrain");
    assert_eq!(all[1].url, "https://ci.example.com/retrain?model=fraud&go=1");
    let mut plain = notice();
    plain.annotations.remove("action_url");
    assert_eq!(links(&plain).len(), 1);
    assert!(texts(&plain).contains(&"What to do: Retrain".to_owned()));
}

#[test]
fn only_web_addresses_are_links() {
    let long = format!("https://example.com/{}", "x".repeat(URL_CHARS_MAX));
    for url in [
        &long,
        "javascript:alert(1)",
        "data:text/html,x",
        "not an address",
        "https://",
        "file:///etc/passwd",
        "",
    ] {
        let mut notice = notice();
        notice.annotations.insert("runbook_url".to_owned(), url.to_owned());
        assert_eq!(links(&notice).len(), 1, "{url}");
    }
}

#[test]
fn evidence_is_short() {
    let mut notice = notice();
    assert_eq!(evidence(&notice), ["feature=amount, n=1200, psi=0.312346"]);
    notice.evidence = vec![json!({"a": "x".repeat(500)}); 20];
    let rows = evidence(&notice);
    assert_eq!(rows.len(), EVIDENCE_ROWS_MAX);
    assert!(rows.iter().all(|row| row.chars().count() == EVIDENCE_CHARS_MAX));
}

#[test]
fn lateness_and_what_is_not_shown_are_noted() {
    let mut message = message(instances(ALERTS_SHOWN_MAX + 3));
    assert_eq!(notes(&message), ["3 more alerts are not shown."]);
    message.late = true;
    assert!(notes(&message)[0].starts_with("Sent late"));
    message.alerts.truncate(1);
    assert_eq!(notes(&message).len(), 1);
}

#[test]
fn numbers_have_six_digits_that_count() {
    let cases = [
        (0.0, "0"),
        (0.2, "0.2"),
        (0.312_345_678, "0.312346"),
        (1200.0, "1200"),
        (123_456_789.0, "123457000"),
        (-0.5, "-0.5"),
        (1e-7, "1.00000e-7"),
        (1e300, "1.00000e300"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text);
    }
}
