use driftline_query::alert::{Notice, NotifierKind};

use super::*;
use crate::notify::sample::{body, context, header, message, monster, notice, notifier};

const URL: (&str, &str) = ("url", "https://sms.example.com/send");
const TO: (&str, &str) = ("to", "+4915112345678, +14155550100");
const TEXT: &str = "HIGH: amount_drift on fraud (feature=amount). psi 0.312346, threshold 0.2. amount drifts";

fn sent(options: &[(&str, &str)], notice: Notice) -> Result<Vec<Request>, SendError> {
    let (notifier, message) = (notifier(NotifierKind::Sms, options), message(vec![notice]));
    requests(&context(&notifier, &message))
}

#[test]
fn by_default_each_number_gets_json() {
    let requests = sent(&[URL, TO, ("bearer_token", "t")], notice()).unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(body(&requests[0]), json!({"to": "+4915112345678", "text": TEXT}));
    assert_eq!(body(&requests[1]), json!({"to": "+14155550100", "text": TEXT}));
    assert_eq!(header(&requests[0], "content-type"), "application/json");
    assert_eq!(header(&requests[0], "authorization"), "Bearer t");
}

#[test]
fn a_template_gives_any_other_form() {
    let form = [
        ("body", "To={{ to | urlencode }}&Body={{ text | urlencode }}"),
        ("content_type", "application/x-www-form-urlencoded"),
        ("method", "PUT"),
    ];
    let request = &sent(&[&[URL, ("to", "+491")], &form[..]].concat(), notice()).unwrap()[0];
    let expected =
        format!("To=%2B491&Body={}", TEXT.replace(' ', "%20").replace(':', "%3A").replace(',', "%2C"));
    let expected = expected.replace('(', "%28").replace(')', "%29").replace("feature=", "feature%3D");
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    assert_eq!(header(request, "content-type"), "application/x-www-form-urlencoded");
    assert_eq!(request.method, hyper::Method::PUT);
}

#[test]
fn a_quote_in_a_text_cannot_change_the_body() {
    let mut quoted = notice();
    quoted.annotations.insert("summary".to_owned(), "\", \"to\": \"+1900".to_owned());
    let naive = [URL, TO, ("body", "{\"text\": \"{{ text }}\"; \"to\": \"{{ to }}\"}")];
    assert!(matches!(sent(&naive, quoted.clone()), Err(SendError::Refused(text)) if text.contains("tojson")));
    let right = [URL, TO, ("body", "{\"m\": {{ text | tojson }}, \"t\": {{ to | tojson }}}")];
    let requests = sent(&right, quoted).unwrap();
    assert_eq!(body(&requests[0])["t"], json!("+4915112345678"));
    assert!(body(&requests[0])["m"].as_str().unwrap().ends_with("+1900"));
}

#[test]
fn texts_are_short() {
    let notifier = notifier(NotifierKind::Sms, &[URL, TO]);
    for seed in 0..10 {
        let message = monster(1, seed);
        let request = &requests(&context(&notifier, &message)).unwrap()[0];
        let text = body(request)["text"].as_str().unwrap().to_owned();
        assert!(text.chars().count() <= 459 && !text.contains('\n'), "seed {seed}");
    }
}
