use driftline_query::alert::NotifierKind;
use serde_json::json;

use super::*;
use crate::notify::sample::{context, header, message, notice, notifier};

fn webhook(options: &[(&str, &str)]) -> Notifier {
    notifier(NotifierKind::Webhook, &[&[("url", "https://example.com/hook")], options].concat())
}

fn made(notifier: &Notifier) -> Request {
    let message = message(vec![notice()]);
    let context = context(notifier, &message);
    Request::json(context.address("url", None).unwrap(), &json!({}))
        .signed_in(&context)
        .customized(&context)
        .unwrap()
}

#[test]
fn options_say_who_asks() {
    assert_eq!(header(&made(&webhook(&[("bearer_token", "t0k")])), "authorization"), "Bearer t0k");
    let basic = made(&webhook(&[("username", "ada"), ("password", "l0ve:lace")]));
    assert_eq!(header(&basic, "authorization"), "Basic YWRhOmwwdmU6bGFjZQ==");
    assert!(!made(&webhook(&[])).headers.iter().any(|(name, _)| name == "authorization"));
}

#[test]
fn options_say_method_and_headers() {
    let request = made(&webhook(&[("method", "PUT"), ("headers", "X-Team: ml; content-TYPE: text/plain")]));
    assert_eq!(request.method, Method::PUT);
    assert_eq!(header(&request, "x-team"), "ml");
    assert_eq!(header(&request, "content-type"), "text/plain");
}

#[test]
fn what_is_printed_holds_no_secret() {
    let notifier = webhook(&[("bearer_token", "t0k"), ("headers", "X-Key: hunter2")]);
    let request =
        Request { url: Url::parse("https://example.com/s3cret?k=v4lue").unwrap(), ..made(&notifier) };
    let text = format!("{request:?}");
    assert!(["t0k", "hunter2", "s3cret", "v4lue"].iter().all(|secret| !text.contains(secret)), "{text}");
}

#[test]
fn paths_are_appended() {
    let below = |base: &str, segments: &[&str]| below(Url::parse(base).unwrap(), segments).to_string();
    assert_eq!(below("http://am:9093", &["api", "v2"]), "http://am:9093/api/v2");
    assert_eq!(below("http://am:9093/x/", &["api", "v2"]), "http://am:9093/x/api/v2");
    assert_eq!(below("http://am:9093/x", &["a/../b"]), "http://am:9093/x/a%2F..%2Fb");
}

#[test]
fn a_missing_option_is_named() {
    let mut notifier = webhook(&[]);
    notifier.options.clear();
    let message = message(vec![notice()]);
    let error = context(&notifier, &message).address("url", None).unwrap_err();
    assert!(
        matches!(&error, SendError::Refused(text) if text.contains("risk (webhook) needs the option url"))
    );
}
