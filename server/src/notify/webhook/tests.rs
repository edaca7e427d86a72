use driftline_query::alert::NotifierKind;
use serde_json::json;

use super::*;
use crate::notify::sample::{NOW, body, context, header, message, notice, notifier};

const URL: (&str, &str) = ("url", "https://example.com/hook");

fn sent(options: &[(&str, &str)]) -> Request {
    let (notifier, message) = (notifier(NotifierKind::Webhook, options), message(vec![notice()]));
    requests(&context(&notifier, &message)).unwrap().remove(0)
}

#[test]
fn it_carries_the_id_and_is_signed() {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let request = sent(&[URL, ("secret", secret), ("headers", "webhook-id: forged; X-A: b")]);
    assert_eq!(header(&request, "webhook-id"), "msg_1");
    assert_eq!(header(&request, "webhook-timestamp"), (NOW / 1_000_000_000).to_string());
    let expected = sign::signature(secret, "msg_1", NOW / 1_000_000_000, &request.body).unwrap();
    assert_eq!(header(&request, "webhook-signature"), expected);
    assert_eq!(header(&request, "x-a"), "b");
    assert_eq!(header(&request, "content-type"), "application/json");
    assert_eq!(body(&request)["version"], json!("4"));
}

#[test]
fn without_a_secret_it_is_not_signed() {
    let request = sent(&[URL, ("method", "PUT"), ("bearer_token", "t")]);
    assert_eq!(request.method, hyper::Method::PUT);
    assert_eq!(header(&request, "authorization"), "Bearer t");
    assert_eq!(header(&request, "webhook-id"), "msg_1");
    assert!(!request.headers.iter().any(|(name, _)| name == "webhook-signature"));
}
