use driftline_query::alert::{Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{
    body as json_of, context, in_state, instances, message, monster, notice, notifier,
};

fn teams() -> Notifier {
    notifier(NotifierKind::Teams, &[("url", "https://flow.example.com/x?sig=1")])
}

fn sent(message: &Message) -> (Request, Value) {
    let teams = teams();
    let [request] = <[Request; 1]>::try_from(requests(&context(&teams, message)).unwrap()).unwrap();
    let body = json_of(&request);
    (request, body)
}

#[test]
fn a_firing_alert_field_by_field() {
    let (request, body) = sent(&message(vec![notice()]));
    assert_eq!(request.url.as_str(), "https://flow.example.com/x?sig=1");
    let block = |text: &str| json!({"type": "TextBlock", "text": text, "wrap": true, "weight": "Default"});
    let expected = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "full"},
                "body": [
                    {"type": "TextBlock", "text": "HIGH: amount_drift on fraud (feature=amount)", "wrap": true,
                     "size": "Large", "weight": "Bolder", "color": "Attention"},
                    block("amount drifts"),
                    block("Orders <100 EUR & more"),
                    {"type": "FactSet", "facts": [
                        {"title": "Severity", "value": "high"},
                        {"title": "Model", "value": "fraud"},
                        {"title": "Seen", "value": "psi 0.312346, threshold 0.2"},
                        {"title": "Window", "value": "2026-01-01 03:00 to 04:00 UTC"},
                        {"title": "Instance", "value": "feature=amount"},
                        {"title": "Since", "value": "2026-01-01 04:00 UTC"},
                    ]},
                    {"type": "TextBlock", "text": "feature=amount, n=1200, psi=0.312346", "wrap": true,
                     "isSubtle": true, "size": "Small", "fontType": "Monospace"},
                ],
                "actions": [
                    {"type": "Action.OpenUrl", "title": "Runbook", "url": "https://wiki.example.com/drift"},
                    {"type": "Action.OpenUrl", "title": "Retrain",
                     "url": "https://ci.example.com/retrain?model=fraud&go=1"},
                ],
            },
        }],
    });
    assert_eq!(body, expected);
}

#[test]
fn states_have_colors_and_texts() {
    for (status, color, text) in [
        (Status::Resolved, "Good", "Lasted"),
        (Status::NoData, "Warning", "No data came in"),
        (Status::Error, "Warning", "no column psi"),
        (Status::Test, "Accent", "This is a test"),
    ] {
        let (_, body) = sent(&message(vec![in_state(status)]));
        assert_eq!(body["attachments"][0]["content"]["body"][0]["color"], json!(color));
        assert!(body.to_string().contains(text), "{body}");
    }
}

#[test]
fn data_cannot_hide_where_a_link_leads() {
    let mut notice = notice();
    notice.annotations.insert("summary".to_owned(), "[our bank](https://evil.example)".to_owned());
    assert!(!sent(&message(vec![notice])).1.to_string().contains("](https"));
}

#[test]
fn whatever_is_in_it_teams_takes_it() {
    for seed in 0..10 {
        let (request, body) = sent(&monster([1, 10, 13][usize::try_from(seed).unwrap() % 3], seed));
        assert!(request.body.len() <= BODY_BYTES_MAX, "seed {seed}: {}", request.body.len());
        let blocks = body["attachments"][0]["content"]["body"].as_array().unwrap();
        assert!(!blocks.is_empty(), "seed {seed}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let (_, body) = sent(&message(instances(13)));
    assert!(body.to_string().contains("3 more alerts are not shown."));
    let (_, body) = sent(&monster(10, 1));
    assert!(body.to_string().contains("alerts are too long to be shown."));
}
