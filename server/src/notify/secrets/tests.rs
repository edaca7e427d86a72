use driftline_query::alert::NotifierKind;

use super::*;
use crate::notify::sample::notifier;

#[test]
fn secrets_are_hidden_in_whatever_form_they_come_back() {
    let slack =
        notifier(NotifierKind::Slack, &[("url", "https://hooks.slack.com/services/T000/B000/hunter2")]);
    let hidden =
        Secrets::of(&slack).hide("no team for /services/T000/B000/hunter2 or hunter2 at hooks.slack.com");
    assert_eq!(hidden, "no team for /*** or *** at hooks.slack.com");
    let webhook = notifier(
        NotifierKind::Webhook,
        &[
            ("url", "https://example.com/hook?key=s3cr3t"),
            ("headers", "X-Key: hunter2; X-Other: t0psecret"),
            ("username", "ada"),
            ("password", "l0velace"),
            ("secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
        ],
    );
    let secrets = Secrets::of(&webhook);
    let basic = STANDARD.encode("ada:l0velace");
    for text in
        ["s3cr3t", "hunter2", "t0psecret", "l0velace", &basic, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"]
    {
        assert_eq!(secrets.hide(&format!("<{text}>")), "<***>", "{text}");
    }
    assert_eq!(secrets.hide("ada at example.com"), "ada at example.com");
}

#[test]
fn short_ones_leave_the_text_alone() {
    let webhook =
        notifier(NotifierKind::Webhook, &[("url", "https://example.com/a"), ("bearer_token", "abc")]);
    assert_eq!(Secrets::of(&webhook).hide("abc a"), "abc a");
}
