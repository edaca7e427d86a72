use driftline_query::alert::NotifierKind;
use serde_json::json;
use url::Url;

use super::*;
use crate::notify::sample::{NOW, notifier};

fn judged(status: u16, retry_after: Option<&str>, body: &str, taken: Taken) -> Result<(), SendError> {
    let notifier = notifier(NotifierKind::Webhook, &[("url", "https://example.com/s3cret-path")]);
    let request = Request {
        taken,
        ..Request::json(Url::parse("https://example.com/s3cret-path").unwrap(), &json!({}))
    };
    let status = StatusCode::from_u16(status).unwrap();
    let answer =
        Answer { status, retry_after: retry_after.map(str::to_owned), body: body.as_bytes().to_vec() };
    answer.judge(&request, &Secrets::of(&notifier), NOW)
}

fn status(status: u16) -> Result<(), SendError> {
    judged(status, None, "", Taken::Status)
}

#[test]
fn each_status_means_taken_refused_or_later() {
    for code in [200, 201, 202, 204, 299] {
        assert_eq!(status(code), Ok(()), "{code}");
    }
    for code in [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422] {
        assert!(matches!(status(code), Err(SendError::Refused(_))), "{code}");
    }
    for code in [408, 425, 429, 500, 501, 502, 503, 504, 599] {
        assert!(matches!(status(code), Err(SendError::Later { .. })), "{code}");
    }
}

#[test]
fn the_wait_is_seconds_or_a_date() {
    let wait = |text| match judged(429, Some(text), "", Taken::Status) {
        Err(SendError::Later { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait("120"), Some(Duration::from_secs(120)));
    assert_eq!(wait(" 0 "), Some(Duration::ZERO));
    assert_eq!(wait("Thu, 01 Jan 2026 06:31:05 GMT"), Some(Duration::from_secs(60)));
    assert_eq!(wait("Thu, 01 Jan 2026 05:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(wait("-1"), None);
    assert_eq!(wait("soon"), None);
}

#[test]
fn an_error_shows_the_beginning_of_the_answer_without_secrets() {
    let body = format!("{}s3cret-path\r\nnot found{}", "x".repeat(100), "y".repeat(1000));
    let Err(SendError::Refused(text)) = judged(404, None, &body, Taken::Status) else { panic!("taken") };
    assert!(
        text.starts_with(&format!("example.com answered 404 Not Found: {}***  not found", "x".repeat(100))),
        "{text}"
    );
    assert!(text.chars().count() < 250 && !text.contains("s3cret"), "{text}");
    // Cut first and hidden then, the half of it that is left would be shown.
    let body = format!("{}s3cret-path", "x".repeat(SHOWN_CHARS_MAX - 5));
    let Err(SendError::Refused(text)) = judged(404, None, &body, Taken::Status) else { panic!("taken") };
    assert!(!text.contains("s3c"), "{text}");
}

#[test]
fn a_method_of_slacks_says_in_its_body_whether_it_was_taken() {
    let said = |body| judged(200, None, body, Taken::SlackOk);
    assert_eq!(said("{\"ok\": true}"), Ok(()));
    assert!(
        matches!(said("{\"ok\":false,\"error\":\"channel_not_found\"}"), Err(SendError::Refused(text)) if text.contains("channel_not_found"))
    );
    assert!(matches!(said("{\"ok\":false,\"error\":\"ratelimited\"}"), Err(SendError::Later { .. })));
    assert!(matches!(said("<html>"), Err(SendError::Refused(_))));
}
