use driftline_query::alert::{Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{body, context, header, in_state, message, monster, notice, notifier, resolved};

fn opsgenie(more: &[(&str, &str)]) -> Notifier {
    notifier(NotifierKind::OpsGenie, &[&[("api_key", "k3y")], more].concat())
}

#[test]
fn a_firing_alert_field_by_field() {
    let responders = "team:ops, user:ada@example.com, schedule:night";
    let (opsgenie, message) =
        (opsgenie(&[("responders", responders), ("tags", "ml, prod")]), message(vec![notice()]));
    let request = &requests(&context(&opsgenie, &message)).unwrap()[0];
    assert_eq!(request.url.as_str(), "https://api.opsgenie.com/v2/alerts");
    assert_eq!(header(request, "authorization"), "GenieKey k3y");
    let expected = json!({
        "message": "HIGH: amount_drift on fraud (feature=amount)",
        "alias": "f00dfeed",
        "description": "amount drifts\nOrders <100 EUR & more\nSeverity: high\nModel: fraud\n\
                        Seen: psi 0.312346, threshold 0.2\nWindow: 2026-01-01 03:00 to 04:00 UTC\n\
                        Instance: feature=amount\nSince: 2026-01-01 04:00 UTC\n\
                        Runbook: https://wiki.example.com/drift\n\
                        Retrain: https://ci.example.com/retrain?model=fraud&go=1\n\
                        feature=amount, n=1200, psi=0.312346",
        "responders": [
            {"type": "team", "name": "ops"},
            {"type": "user", "username": "ada@example.com"},
            {"type": "schedule", "name": "night"},
        ],
        "tags": ["ml", "prod", "high", "firing"],
        "details": {
            "alert_id": "episode-1",
            "window": "2026-01-01T03:00:00Z/2026-01-01T04:00:00Z",
            "query": "SELECT feature, psi FROM drift('fraud')",
            "alertname": "amount_drift", "feature": "amount", "model": "fraud", "severity": "high",
        },
        "entity": "fraud",
        "source": "Driftline",
        "priority": "P2",
    });
    assert_eq!(body(request), expected);
}

#[test]
fn what_is_over_is_closed_by_its_alias() {
    let mut over = resolved();
    over.fingerprint = "a/b ?c".to_owned();
    let (opsgenie, message) = (opsgenie(&[("url", "https://api.eu.opsgenie.com/")]), message(vec![over]));
    let request = &requests(&context(&opsgenie, &message)).unwrap()[0];
    let url = "https://api.eu.opsgenie.com/v2/alerts/a%2Fb%20%3Fc/close?identifierType=alias";
    assert_eq!(request.url.as_str(), url);
    assert_eq!(header(request, "authorization"), "GenieKey k3y");
    let close = body(request);
    assert_eq!(close["source"], json!("Driftline"));
    assert!(close["note"].as_str().unwrap().contains("Lasted: 2 h"));
}

#[test]
fn priorities_follow_severities() {
    let priority = |severity| super::priority(&Notice { severity, ..notice() });
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    assert_eq!(all.map(priority), ["P1", "P2", "P3", "P4"]);
    assert_eq!(super::priority(&in_state(Status::Test)), "P5");
}

#[test]
fn lateness_is_a_note() {
    let (opsgenie, mut message) = (opsgenie(&[]), message(vec![notice()]));
    message.late = true;
    let alert = body(&requests(&context(&opsgenie, &message)).unwrap()[0]);
    assert!(alert["note"].as_str().unwrap().starts_with("Sent late"));
    assert!(alert.get("responders").is_none());
}

#[test]
fn whatever_is_in_it_opsgenie_takes_it() {
    let tags: Vec<String> = (0..40).map(|i| format!("tag-{i}-{}", "x".repeat(80))).collect();
    let opsgenie = opsgenie(&[("tags", &tags[..20].join(","))]);
    for seed in 0..10 {
        let message = monster(1, seed);
        let alert = body(&requests(&context(&opsgenie, &message)).unwrap()[0]);
        let chars = |name: &str| alert[name].as_str().unwrap().chars().count();
        assert!((1..=130).contains(&chars("message")), "seed {seed}");
        assert!(
            chars("alias") <= 250 && chars("description") <= 15_000 && chars("entity") <= 512,
            "seed {seed}"
        );
        let tags = alert["tags"].as_array().unwrap();
        assert!(tags.len() <= 20 && tags.iter().all(|tag| tag.as_str().unwrap().chars().count() <= 50));
        let details = alert["details"].as_object().unwrap();
        let size: usize =
            details.iter().map(|(k, v)| k.chars().count() + v.as_str().unwrap().chars().count()).sum();
        assert!(size <= 8000, "seed {seed}");
    }
}
