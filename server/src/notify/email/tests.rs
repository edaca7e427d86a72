use driftline_query::alert::{Message, Notifier, NotifierKind};

use super::*;
use crate::notify::sample::{
    context, in_state, instances, message, monster, notice, notifier, resolved, texts,
};

fn email(more: &[(&str, &str)]) -> Notifier {
    let least = [
        ("smtp", "mail.example.com"),
        ("from", "Driftline <driftline@example.com>"),
        ("recipients", "Ada L <ada@example.com>, oncall@example.org"),
    ];
    notifier(NotifierKind::Email, &[&least, more].concat())
}

fn formatted(notifier: &Notifier, message: &Message) -> String {
    String::from_utf8(mail(&context(notifier, message)).unwrap().formatted()).unwrap()
}

/// A header, unfolded.
fn header(mail: &str, name: &str) -> String {
    let head = mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let found: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect();
    assert_eq!(found.len(), 1, "{name} in {head}");
    found[0].to_owned()
}

#[test]
fn a_firing_alert_header_by_header() {
    let (email, message) = (email(&[]), message(vec![notice()]));
    let mail = mail(&context(&email, &message)).unwrap();
    let to: Vec<String> = mail.envelope().to().iter().map(ToString::to_string).collect();
    assert_eq!(to, ["ada@example.com", "oncall@example.org"]);
    assert_eq!(mail.envelope().from().unwrap().to_string(), "driftline@example.com");
    let text = formatted(&email, &message);
    let expected = [
        ("From", "Driftline <driftline@example.com>"),
        ("To", "\"Ada L\" <ada@example.com>, oncall@example.org"),
        ("Subject", "HIGH: amount_drift on fraud (feature=amount)"),
        ("Message-ID", "<msg_1.message@example.com>"),
        ("In-Reply-To", "<f00dfeed.alert@example.com>"),
        ("References", "<f00dfeed.alert@example.com>"),
        ("List-Id", "<risk.driftline.example.com>"),
        ("Auto-Submitted", "auto-generated"),
        ("Date", "Thu, 01 Jan 2026 06:30:05 +0000"),
        ("MIME-Version", "1.0"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&text, name), value);
    }
    assert!(header(&text, "Content-Type").starts_with("multipart/alternative"));
}

#[test]
fn the_same_message_is_the_same_mail() {
    let (email, message) = (email(&[]), message(vec![notice()]));
    assert_eq!(formatted(&email, &message), formatted(&email, &message));
}

#[test]
fn mails_about_one_alert_share_a_thread() {
    let email = email(&[]);
    let mut second = message(vec![resolved()]);
    second.id = "msg_2".to_owned();
    let (first, second) = (formatted(&email, &message(vec![notice()])), formatted(&email, &second));
    assert_eq!(header(&first, "References"), header(&second, "References"));
    assert_ne!(header(&first, "Message-ID"), header(&second, "Message-ID"));
    let many = formatted(&email, &message(instances(30)));
    assert_eq!(header(&many, "References").split(' ').count(), REFERENCES_MAX);
}

#[test]
fn the_text_says_all() {
    let (email, message) = (email(&[]), message(vec![notice()]));
    let expected = "HIGH: amount_drift on fraud (feature=amount)\n\namount drifts\nOrders <100 EUR & more\n\
                    Runbook: https://wiki.example.com/drift\nRetrain: https://ci.example.com/retrain?model=fraud&go=1\n\
                    Severity: high\nModel: fraud\nSeen: psi 0.312346, threshold 0.2\n\
                    Window: 2026-01-01 03:00 to 04:00 UTC\nInstance: feature=amount\nSince: 2026-01-01 04:00 UTC\n\
                    Evidence:\n  feature=amount, n=1200, psi=0.312346\n";
    assert_eq!(text(&context(&email, &message)), expected);
}

#[test]
fn details_are_left_out_where_nobody_wants_them() {
    let (email, message) = (email(&[("include_details", "false")]), message(vec![notice()]));
    let context = context(&email, &message);
    for body in [text(&context), html(&context)] {
        assert!(
            body.contains("amount drifts") && body.contains("Runbook") && !body.contains("n=1200"),
            "{body}"
        );
    }
}

#[test]
fn html_is_escaped() {
    let mut notice = notice();
    notice.annotations.insert("summary".to_owned(), "<script>alert('x')</script>\n\"&".to_owned());
    notice.annotations.insert("action".to_owned(), "<b>".to_owned());
    let (email, message) = (email(&[]), message(vec![notice]));
    let html = html(&context(&email, &message));
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;<br>&quot;&amp;"), "{html}");
    assert!(
        html.contains("href=\"https://ci.example.com/retrain?model=fraud&amp;go=1\">&lt;b&gt;</a>"),
        "{html}"
    );
    assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
}

#[test]
fn states_and_lateness_are_told() {
    for (status, words) in [
        (Status::Resolved, "Lasted"),
        (Status::NoData, "No data came in"),
        (Status::Error, "no column psi"),
        (Status::Test, "This is a test"),
    ] {
        let (email, mut message) = (email(&[]), message(vec![in_state(status)]));
        message.late = true;
        let context = context(&email, &message);
        for body in [text(&context), html(&context)] {
            assert!(body.contains(words) && body.contains("Sent late"), "{body}");
        }
    }
}

#[test]
fn the_subject_is_a_template_and_stays_one_line() {
    let subject = |template: &str, summary: &str| {
        let mut notice = notice();
        notice.annotations = texts(&[("summary", summary)]);
        subject(&context(&email(&[("subject", template)]), &message(vec![notice]))).unwrap()
    };
    assert_eq!(subject("[{{ severity }}] {{ alert }}", ""), "[high] amount_drift");
    assert_eq!(subject("{{ annotations.summary }}", "a\r\nBcc: eve@example.com"), "a  Bcc: eve@example.com");
    assert_eq!(subject("{{ nothing }}", ""), "HIGH: amount_drift on fraud (feature=amount)");
    assert_eq!(subject("{{ annotations.summary }}", &"x".repeat(900)).chars().count(), SUBJECT_CHARS_MAX);
    let wrong = email(&[("subject", "{{ x")]);
    let message = message(vec![notice()]);
    assert!(
        matches!(mail(&context(&wrong, &message)), Err(SendError::Refused(text)) if text.contains("option subject"))
    );
}

#[test]
fn whatever_is_in_it_it_is_a_mail() {
    for seed in 0..10 {
        let (mut email, mut message) = (email(&[]), monster(12, seed));
        email.name = crate::notify::sample::nasty(100, seed);
        message.id = crate::notify::sample::nasty(100, seed);
        let mail = formatted(&email, &message);
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(head.lines().all(|line| line.len() < 998 && line.is_ascii()), "seed {seed}");
        for name in ["Message-ID", "References", "List-Id", "Subject"] {
            header(&mail, name);
        }
    }
}
