use driftline_query::alert::{Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{
    body, context, in_state, instances, message, monster, notice, notifier, resolved,
};

fn pagerduty() -> Notifier {
    notifier(NotifierKind::PagerDuty, &[("routing_key", "R0UTE")])
}

#[test]
fn a_firing_alert_field_by_field() {
    let (pagerduty, message) = (pagerduty(), message(vec![notice()]));
    let requests = requests(&context(&pagerduty, &message)).unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].url.as_str(), "https://events.pagerduty.com/v2/enqueue");
    assert_eq!(requests[0].method, hyper::Method::POST);
    let mut event = body(&requests[0]);
    let details = event["payload"]["custom_details"].take();
    let expected = json!({
        "routing_key": "R0UTE",
        "event_action": "trigger",
        "dedup_key": "f00dfeed",
        "payload": {
            "summary": "HIGH: amount_drift on fraud (feature=amount). psi 0.312346, threshold 0.2. amount drifts",
            "source": "fraud",
            "severity": "error",
            "timestamp": "2026-01-01T04:00:00Z",
            "component": "psi",
            "group": "fraud",
            "class": "amount_drift",
            "custom_details": null,
        },
        "client": "Driftline",
        "links": [
            {"href": "https://wiki.example.com/drift", "text": "Runbook"},
            {"href": "https://ci.example.com/retrain?model=fraud&go=1", "text": "Retrain"},
        ],
    });
    assert_eq!(event, expected);
    assert_eq!(details["value"], json!(0.312_345_678));
    assert_eq!(details["threshold"], json!(0.2));
    assert_eq!(details["window_start"], json!("2026-01-01T03:00:00Z"));
    assert_eq!(details["labels"]["feature"], json!("amount"));
    assert_eq!(details["evidence"][0]["n"], json!(1200));
    assert_eq!(details["late"], json!(false));
}

#[test]
fn an_event_an_alert_each_with_its_own_key() {
    let mut alerts = instances(3);
    alerts.push(resolved());
    let (pagerduty, message) = (pagerduty(), message(alerts));
    let events: Vec<Value> = requests(&context(&pagerduty, &message)).unwrap().iter().map(body).collect();
    let of =
        |i: usize| (events[i]["event_action"].as_str().unwrap(), events[i]["dedup_key"].as_str().unwrap());
    assert_eq!(of(0), ("trigger", "00000000"));
    assert_eq!(of(2), ("trigger", "00000002"));
    assert_eq!(of(3), ("resolve", "f00dfeed"));
}

#[test]
fn severities_are_those_of_pagerduty() {
    let severity = |status, severity| super::severity(&Notice { severity, ..in_state(status) });
    assert_eq!(severity(Status::Firing, Severity::Critical), "critical");
    assert_eq!(severity(Status::Firing, Severity::High), "error");
    assert_eq!(severity(Status::NoData, Severity::Medium), "warning");
    assert_eq!(severity(Status::Error, Severity::Low), "info");
    assert_eq!(severity(Status::Test, Severity::Critical), "info");
}

#[test]
fn states_are_told() {
    for (status, text) in [
        (Status::NoData, "NO DATA"),
        (Status::Error, "CANNOT BE JUDGED"),
        (Status::Test, "TEST"),
        (Status::Resolved, "RESOLVED"),
    ] {
        let (pagerduty, message) = (pagerduty(), message(vec![in_state(status)]));
        let event = body(&requests(&context(&pagerduty, &message)).unwrap()[0]);
        assert!(event["payload"]["summary"].as_str().unwrap().starts_with(text), "{event}");
    }
}

#[test]
fn whatever_is_in_it_pagerduty_takes_it() {
    let pagerduty = pagerduty();
    for seed in 0..10 {
        let mut message = monster(1, seed);
        if seed % 2 == 0 {
            message.alerts[0].evidence = vec![json!("x".repeat(60_000)); 10];
        }
        let request = &requests(&context(&pagerduty, &message)).unwrap()[0];
        assert!(request.body.len() <= 512 * 1024, "seed {seed}");
        let event = body(request);
        assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= 1024, "seed {seed}");
        assert!(event["dedup_key"].as_str().unwrap().chars().count() <= 255, "seed {seed}");
        let left_out = event["payload"]["custom_details"]["left_out"].is_string();
        assert_eq!(left_out, seed % 2 == 0, "seed {seed}");
    }
}

#[test]
fn other_addresses_and_the_console_are_linked() {
    let own = notifier(
        NotifierKind::PagerDuty,
        &[("routing_key", "k"), ("url", "https://events.eu.example.com/x")],
    );
    let message = message(vec![notice()]);
    let context = Context { external_url: Some("https://driftline.example.com"), ..context(&own, &message) };
    let request = &requests(&context).unwrap()[0];
    assert_eq!(request.url.as_str(), "https://events.eu.example.com/x");
    assert_eq!(body(request)["client_url"], json!("https://driftline.example.com"));
}
