use driftline_query::alert::{Message, Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{
    DAY, HOUR, body as json_of, context, header, in_state, instances, message, nasty, notice, notifier,
    resolved,
};

fn alertmanager(more: &[(&str, &str)]) -> Notifier {
    notifier(NotifierKind::Alertmanager, &[&[("url", "http://am.example.com:9093/prefix")], more].concat())
}

fn pushes(message: &Message) -> Vec<Value> {
    let notifier = alertmanager(&[]);
    requests(&context(&notifier, message)).unwrap().iter().map(json_of).collect()
}

fn webhook_body(message: &Message) -> Value {
    let notifier = notifier(NotifierKind::Webhook, &[("url", "https://example.com")]);
    body(&context(&notifier, message))
}

#[test]
fn a_push_field_by_field() {
    let notifier = alertmanager(&[("username", "u"), ("password", "p")]);
    let message = message(vec![notice()]);
    let request = &requests(&context(&notifier, &message)).unwrap()[0];
    assert_eq!(request.method, hyper::Method::POST);
    assert_eq!(request.url.as_str(), "http://am.example.com:9093/prefix/api/v2/alerts");
    assert_eq!(header(request, "authorization"), "Basic dTpw");
    let expected = json!([{
        "labels": {"alertname": "amount_drift", "feature": "amount", "model": "fraud", "severity": "high"},
        "annotations": {
            "action": "Retrain",
            "action_url": "https://ci.example.com/retrain?model=fraud&go=1",
            "description": "Orders <100 EUR & more",
            "driftline_status": "firing",
            "driftline_value": "psi 0.312346, threshold 0.2",
            "driftline_window": "2026-01-01 03:00 to 04:00 UTC",
            "runbook_url": "https://wiki.example.com/drift",
            "summary": "amount drifts",
        },
        "startsAt": "2026-01-01T04:00:00Z",
        "endsAt": "2026-01-01T06:35:05Z",
    }]);
    assert_eq!(json_of(request), expected);
}

#[test]
fn what_is_over_ends_when_it_ended() {
    let push = &pushes(&message(vec![resolved()]))[0][0];
    assert_eq!(push["endsAt"], json!("2026-01-01T06:00:00Z"));
    assert_eq!(push["annotations"]["driftline_status"], json!("resolved"));
}

#[test]
fn the_labels_are_the_same_in_every_state() {
    let labels = |status| pushes(&message(vec![in_state(status)]))[0][0]["labels"].clone();
    for status in [Status::Resolved, Status::NoData, Status::Error] {
        assert_eq!(labels(status), labels(Status::Firing));
    }
    let push = &pushes(&message(vec![in_state(Status::Error)]))[0][0];
    assert_eq!(push["annotations"]["driftline_reason"], json!("no column psi"));
}

#[test]
fn names_are_such_as_an_alertmanager_takes() {
    for seed in 0..50 {
        let mut notice = notice();
        notice.labels.insert(nasty(12, seed), nasty(9, seed));
        notice.labels.insert("empty".to_owned(), String::new());
        notice.annotations.insert(nasty(12, seed + 1), nasty(9, seed));
        let push = &pushes(&message(vec![notice]))[0][0];
        assert!(push["labels"].get("empty").is_none());
        let names = ["labels", "annotations"].map(|of| push[of].as_object().unwrap().keys());
        for name in names.into_iter().flatten() {
            let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            assert!(
                first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                "seed {seed}: {name}"
            );
        }
    }
    assert_eq!(label_name("9lives"), "_9lives");
    assert_eq!(label_name(""), "_");
}

#[test]
fn many_alerts_are_several_pushes() {
    let sizes: Vec<usize> = pushes(&message(instances(PUSHED_MAX + 1)))
        .iter()
        .map(|push| push.as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [PUSHED_MAX, 1]);
}

#[test]
fn an_alert_without_texts_has_a_name_and_a_summary() {
    let bare = Notice { labels: Default::default(), annotations: Default::default(), ..notice() };
    let push = &pushes(&message(vec![bare]))[0][0];
    assert_eq!(push["labels"], json!({"alertname": "amount_drift"}));
    assert!(push["annotations"]["summary"].as_str().unwrap().starts_with("HIGH: amount_drift"));
}

#[test]
fn a_webhook_body_field_by_field() {
    let mut other = resolved();
    other.labels.insert("feature".to_owned(), "country".to_owned());
    other.annotations.insert("summary".to_owned(), "country drifted".to_owned());
    other.fingerprint = "beef".to_owned();
    let mut body = webhook_body(&message(vec![notice(), other]));
    let own = body["driftline"].take();
    let common = json!({
        "action": "Retrain",
        "action_url": "https://ci.example.com/retrain?model=fraud&go=1",
        "description": "Orders <100 EUR & more",
        "runbook_url": "https://wiki.example.com/drift",
    });
    let with = |summary: &str| {
        let mut all = common.clone();
        all["summary"] = json!(summary);
        all
    };
    let expected = json!({
        "version": "4",
        "groupKey": "{}:{alertname=\"amount_drift\", model=\"fraud\"}",
        "truncatedAlerts": 0,
        "receiver": "risk",
        "status": "firing",
        "groupLabels": {"alertname": "amount_drift", "model": "fraud"},
        "commonLabels": {"alertname": "amount_drift", "model": "fraud", "severity": "high"},
        "commonAnnotations": common,
        "externalURL": "",
        "alerts": [
            {"status": "firing", "startsAt": "2026-01-01T04:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
             "labels": {"alertname": "amount_drift", "feature": "amount", "model": "fraud", "severity": "high"},
             "annotations": with("amount drifts"), "generatorURL": "", "fingerprint": "f00dfeed"},
            {"status": "resolved", "startsAt": "2026-01-01T04:00:00Z", "endsAt": "2026-01-01T06:00:00Z",
             "labels": {"alertname": "amount_drift", "feature": "country", "model": "fraud", "severity": "high"},
             "annotations": with("country drifted"), "generatorURL": "", "fingerprint": "beef"},
        ],
        "driftline": null,
    });
    assert_eq!(body, expected);
    assert_eq!(
        (&own["id"], &own["status"], &own["late"]),
        (&json!("msg_1"), &json!("firing"), &json!(false))
    );
    assert_eq!(own["created_at"], json!("2026-01-01T06:00:00Z"));
    assert_eq!(own["alerts"][0]["value"], json!(0.312_345_678));
    assert_eq!(own["alerts"][0]["evidence"], json!(notice().evidence));
    assert_eq!(own["alerts"][1]["reason"], json!("resolved"));
}

#[test]
fn states_that_alertmanager_does_not_know_fire_there_and_are_told_beside() {
    for (status, name) in [(Status::NoData, "no_data"), (Status::Error, "error"), (Status::Test, "test")] {
        let body = webhook_body(&message(vec![in_state(status)]));
        assert_eq!((&body["status"], &body["alerts"][0]["status"]), (&json!("firing"), &json!("firing")));
        assert_eq!(body["driftline"]["alerts"][0]["status"], json!(name));
    }
    assert_eq!(webhook_body(&message(vec![resolved()]))["status"], json!("resolved"));
}

#[test]
fn a_webhook_body_has_an_end_and_says_so() {
    let body = webhook_body(&message(instances(BODY_ALERTS_MAX + 7)));
    assert_eq!(body["alerts"].as_array().unwrap().len(), BODY_ALERTS_MAX);
    assert_eq!(body["truncatedAlerts"], json!(7));
}

#[test]
fn the_outside_address_is_linked() {
    let (notifier, message) = (alertmanager(&[]), message(vec![notice()]));
    let context = Context { external_url: Some("https://dl.example.com"), ..context(&notifier, &message) };
    assert_eq!(json_of(&requests(&context).unwrap()[0])[0]["generatorURL"], json!("https://dl.example.com"));
    assert_eq!(body(&context)["externalURL"], json!("https://dl.example.com"));
    assert_eq!(ends_at(&context, &resolved()), DAY + 6 * HOUR);
}
