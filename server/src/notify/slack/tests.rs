use driftline_query::alert::{Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{
    body as json_of, context, header, in_state, instances, message, monster, notice, notifier, resolved,
};

fn webhook(more: &[(&str, &str)]) -> Notifier {
    notifier(NotifierKind::Slack, &[&[("url", "https://hooks.slack.com/services/T/B/x")], more].concat())
}

fn sent(notifier: &Notifier, message: &Message) -> (Request, Value) {
    let [request] = <[Request; 1]>::try_from(requests(&context(notifier, message)).unwrap()).unwrap();
    let body = json_of(&request);
    (request, body)
}

#[test]
fn a_firing_alert_field_by_field() {
    let (request, body) = sent(&webhook(&[("mention", "U012, S034, here")]), &message(vec![notice()]));
    assert_eq!(request.method, hyper::Method::POST);
    assert_eq!(request.url.as_str(), "https://hooks.slack.com/services/T/B/x");
    assert_eq!(header(&request, "content-type"), "application/json");
    assert_eq!(request.taken, Taken::Status);
    let expected = json!({
        "text": "<@U012> <!subteam^S034> <!here> HIGH: amount_drift on fraud (feature=amount). \
                 psi 0.312346, threshold 0.2. amount drifts",
        "blocks": [
            {"type": "header", "text": {
                "type": "plain_text", "text": "HIGH: amount_drift on fraud (feature=amount)", "emoji": false,
            }},
            {"type": "section", "text": {"type": "mrkdwn", "text": "<@U012> <!subteam^S034> <!here>"}},
            {"type": "section",
             "text": {"type": "mrkdwn", "text": "amount drifts\nOrders &lt;100 EUR &amp; more\n\
                <https://wiki.example.com/drift|Runbook>  \
                <https://ci.example.com/retrain?model=fraud&amp;go=1|Retrain>"},
             "fields": [
                {"type": "mrkdwn", "text": "*Severity*\nhigh"},
                {"type": "mrkdwn", "text": "*Model*\nfraud"},
                {"type": "mrkdwn", "text": "*Seen*\npsi 0.312346, threshold 0.2"},
                {"type": "mrkdwn", "text": "*Window*\n2026-01-01 03:00 to 04:00 UTC"},
                {"type": "mrkdwn", "text": "*Instance*\nfeature=amount"},
                {"type": "mrkdwn", "text": "*Since*\n2026-01-01 04:00 UTC"},
             ]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "feature=amount, n=1200, psi=0.312346"}]},
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn a_bot_chooses_the_channel() {
    let bot = notifier(NotifierKind::Slack, &[("token", "xoxb-1"), ("channel", "#ml")]);
    let (request, body) = sent(&bot, &message(vec![notice()]));
    assert_eq!(request.url.as_str(), "https://slack.com/api/chat.postMessage");
    assert_eq!(header(&request, "authorization"), "Bearer xoxb-1");
    assert_eq!(header(&request, "content-type"), "application/json; charset=utf-8");
    assert_eq!(request.taken, Taken::SlackOk);
    assert_eq!((&body["channel"], &body["unfurl_links"]), (&json!("#ml"), &json!(false)));
    let own = [("token", "xoxb-1"), ("channel", "#ml"), ("api_url", "https://slack.example.com/post")];
    let (request, _) = sent(&notifier(NotifierKind::Slack, &own), &message(vec![notice()]));
    assert_eq!(request.url.as_str(), "https://slack.example.com/post");
}

#[test]
fn nobody_is_called_for_what_is_over() {
    let (_, body) = sent(&webhook(&[("mention", "here")]), &message(vec![resolved()]));
    assert!(!body.to_string().contains("<!here>"));
    assert!(body.to_string().contains("*Lasted*\\n2 h"));
}

#[test]
fn states_and_lateness_are_told() {
    for (status, text) in [
        (Status::NoData, "No data came in"),
        (Status::Error, "no column psi"),
        (Status::Test, "This is a test"),
        (Status::Resolved, "RESOLVED"),
    ] {
        let mut message = message(vec![in_state(status)]);
        message.late = true;
        let body = sent(&webhook(&[]), &message).1.to_string();
        assert!(body.contains(text) && body.contains("Sent late"), "{body}");
    }
}

#[test]
fn data_cannot_call_or_link() {
    let mut notice = notice();
    notice.annotations.insert("summary".to_owned(), "<!channel> <https://evil|ok>".to_owned());
    notice.annotations.insert("runbook_url".to_owned(), "https://wiki.example.com/?q=a|b>c".to_owned());
    let body = sent(&webhook(&[]), &message(vec![notice])).1.to_string();
    assert!(body.contains("&lt;!channel&gt; &lt;https://evil|ok&gt;"), "{body}");
    assert!(!body.contains("<!channel>") && !body.contains("<https://evil"), "{body}");
    assert!(body.contains("<https://wiki.example.com/?q=a%7Cb%3Ec|Runbook>"), "{body}");
}

#[test]
fn whatever_is_in_it_slack_takes_it() {
    for seed in 0..20 {
        let n = [1, 2, 10, 13][usize::try_from(seed).unwrap() % 4];
        let (_, body) = sent(&webhook(&[("mention", "here")]), &monster(n, seed));
        let blocks = body["blocks"].as_array().unwrap();
        assert!((1..=50).contains(&blocks.len()), "seed {seed}");
        let chars = |value: &Value| value.as_str().unwrap().chars().count();
        assert!((1..=3000).contains(&chars(&body["text"])), "seed {seed}");
        for block in blocks {
            match block["type"].as_str().unwrap() {
                "header" => assert!((1..=150).contains(&chars(&block["text"]["text"])), "seed {seed}"),
                "section" => {
                    assert!((1..=3000).contains(&chars(&block["text"]["text"])), "seed {seed}");
                    let fields: &[Value] = block["fields"].as_array().map_or(&[], |fields| fields);
                    assert!(fields.len() <= 10, "seed {seed}");
                    assert!(fields.iter().all(|field| chars(&field["text"]) <= 2000), "seed {seed}");
                }
                "context" => {
                    assert!((1..=10).contains(&block["elements"].as_array().unwrap().len()));
                    assert!((1..=3000).contains(&chars(&block["elements"][0]["text"])), "seed {seed}");
                }
                other => panic!("seed {seed}: {other}"),
            }
        }
    }
}

#[test]
fn several_alerts_have_titles_and_an_end() {
    let (_, body) = sent(&webhook(&[]), &message(instances(13)));
    let text = body.to_string();
    assert!(text.contains("*HIGH: amount_drift on fraud (feature=f9)*") && !text.contains("feature=f10"));
    assert!(text.contains("3 more alerts are not shown."));
}

#[test]
fn a_notice_without_texts_has_a_section_all_the_same() {
    let bare = Notice { annotations: Default::default(), ..notice() };
    let (_, body) = sent(&webhook(&[]), &message(vec![bare]));
    assert!(body["blocks"][1]["text"]["text"].as_str().unwrap().starts_with("HIGH: amount_drift"));
}
