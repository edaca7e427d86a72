use serde_json::Value;

use super::super::recorder::{Recorder, answer};
use super::super::sample::{NOW, instances, message, notice, notifier, resolved};
use super::*;

fn sender() -> Sender {
    Sender::new(SenderOptions::default()).unwrap()
}

/// A notifier of that kind that calls the recorder.
fn calling(recorder: &Recorder, kind: NotifierKind, more: &[(&str, &str)]) -> Notifier {
    let url = recorder.url("/s3cret-path?key=hunter2");
    let needed: &[(&str, &str)] = match kind {
        NotifierKind::PagerDuty => &[("routing_key", "r0uting")],
        NotifierKind::OpsGenie => &[("api_key", "gen1e")],
        NotifierKind::Sms => &[("to", "+491, +492")],
        _ => &[],
    };
    notifier(kind, &[&[("url", url.as_str()), ("allow_private", "true")], needed, more].concat())
}

fn what(error: &SendError) -> String {
    let text = error.to_string();
    let secrets = ["s3cret", "hunter2", "r0uting", "gen1e"];
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    text
}

#[tokio::test]
async fn each_kind_calls_its_address_once_an_event() {
    let kinds = [
        (NotifierKind::Slack, 1, "POST /s3cret-path?key=hunter2 HTTP/1.1"),
        (NotifierKind::Webhook, 1, "POST /s3cret-path?key=hunter2 HTTP/1.1"),
        (NotifierKind::PagerDuty, 2, "POST /s3cret-path?key=hunter2 HTTP/1.1"),
        (NotifierKind::OpsGenie, 2, "POST /s3cret-path/v2/alerts?key=hunter2 HTTP/1.1"),
        (NotifierKind::Teams, 1, "POST /s3cret-path?key=hunter2 HTTP/1.1"),
        (NotifierKind::Alertmanager, 1, "POST /s3cret-path/api/v2/alerts?key=hunter2 HTTP/1.1"),
        (NotifierKind::Sms, 2, "POST /s3cret-path?key=hunter2 HTTP/1.1"),
    ];
    for (kind, requests, line) in kinds {
        let recorder = Recorder::start(|_| answer("202 Accepted", "", "ok")).await;
        let notifier = calling(&recorder, kind, &[]);
        sender().send(&notifier, &message(vec![notice(), resolved()]), NOW).await.unwrap();
        let asked = recorder.asked();
        assert_eq!(asked.len(), requests, "{kind:?}");
        assert_eq!(asked[0].line, line, "{kind:?}");
        assert_eq!(asked[0].header("host"), Some(recorder.address.to_string().as_str()));
        assert_eq!(asked[0].header("user-agent"), Some(concat!("driftline/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(asked[0].header("content-type"), Some("application/json"));
        assert_eq!(asked[0].header("content-length"), Some(asked[0].body.len().to_string().as_str()));
        serde_json::from_slice::<Value>(&asked[0].body).unwrap();
    }
}

#[tokio::test]
async fn headers_are_sent_once_and_as_the_options_say() {
    let recorder = Recorder::start(|_| answer("200 OK", "", "")).await;
    let more = [("headers", "User-Agent: mine; X-A: b"), ("bearer_token", "t0ken"), ("method", "PUT")];
    let notifier = calling(&recorder, NotifierKind::Webhook, &more);
    sender().send(&notifier, &message(vec![notice()]), NOW).await.unwrap();
    let asked = &recorder.asked()[0];
    assert!(asked.line.starts_with("PUT "));
    assert_eq!(asked.header("user-agent"), Some("mine"));
    assert_eq!(asked.header("x-a"), Some("b"));
    assert_eq!(asked.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(asked.header("webhook-id"), Some("msg_1"));
}

#[tokio::test]
async fn a_busy_receiver_is_asked_later() {
    let recorder =
        Recorder::start(|_| answer("429 Too Many Requests", "retry-after: 17\r\n", "slow down")).await;
    let error = sender()
        .send(&calling(&recorder, NotifierKind::Slack, &[]), &message(vec![notice()]), NOW)
        .await
        .unwrap_err();
    assert_eq!(what(&error), "127.0.0.1 answered 429 Too Many Requests: slow down");
    assert!(
        matches!(error, SendError::Later { retry_after: Some(wait), .. } if wait == Duration::from_secs(17))
    );
}

#[tokio::test]
async fn a_broken_receiver_is_asked_later() {
    for script in [
        (|_| answer("500 Internal Server Error", "", "key=hunter2 for /s3cret-path"))
            as fn(usize) -> (Vec<u8>, bool),
        |_| (b"HTTP/1.1 200".to_vec(), false),
        |_| (Vec::new(), false),
        |_| (b"220 smtp.example.com\r\n".to_vec(), false),
    ] {
        let recorder = Recorder::start(script).await;
        let sent = sender()
            .send(&calling(&recorder, NotifierKind::Webhook, &[]), &message(vec![notice()]), NOW)
            .await;
        let error = sent.unwrap_err();
        what(&error);
        assert!(matches!(error, SendError::Later { retry_after: None, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_asked_later() {
    let recorder = Recorder::start(|_| answer("200 OK", "", "")).await;
    let notifier = calling(&recorder, NotifierKind::Webhook, &[]);
    drop(recorder);
    tokio::task::yield_now().await;
    let error = sender().send(&notifier, &message(vec![notice()]), NOW).await.unwrap_err();
    what(&error);
    assert!(matches!(error, SendError::Later { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Recorder::start(|_| answer("200 OK", "", "")).await;
    let recorder =
        Recorder::start(|_| answer("307 Temporary Redirect", "location: /else\r\n", "moved")).await;
    let error = sender()
        .send(&calling(&recorder, NotifierKind::Webhook, &[]), &message(vec![notice()]), NOW)
        .await
        .unwrap_err();
    assert!(what(&error).contains("redirects are not followed"));
    assert!(matches!(error, SendError::Refused(_)));
    assert_eq!((recorder.asked().len(), elsewhere.asked().len()), (1, 0));
}

#[tokio::test]
async fn a_silent_receiver_is_left() {
    let recorder = Recorder::start(|_| (Vec::new(), true)).await;
    let mut notifier = calling(&recorder, NotifierKind::Webhook, &[]);
    // Shorter than CREATE NOTIFIER takes: the test is about the end of the wait, whenever it comes.
    notifier.options.insert("timeout".to_owned(), "50ms".to_owned());
    let error = sender().send(&notifier, &message(vec![notice()]), NOW).await.unwrap_err();
    assert_eq!(what(&error), "127.0.0.1 did not answer within 0.05 s");
    assert!(matches!(error, SendError::Later { .. }));
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_waited_for() {
    // Said to be a gigabyte: the beginning is read, and the connection closed.
    let endless = |status: &str| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 1000000000\r\n\r\n");
        ([head.into_bytes(), vec![b'x'; 1 << 20]].concat(), true)
    };
    static ENDLESS: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    ENDLESS.get_or_init(|| endless("400 Bad Request").0);
    let recorder = Recorder::start(|_| (ENDLESS.get().unwrap().clone(), true)).await;
    let error = sender()
        .send(&calling(&recorder, NotifierKind::Webhook, &[]), &message(vec![notice()]), NOW)
        .await
        .unwrap_err();
    let text = what(&error);
    assert!(matches!(error, SendError::Refused(_)) && text.chars().count() < 300, "{text}");
}

#[tokio::test]
async fn private_addresses_are_not_called_unless_it_is_said() {
    let recorder = Recorder::start(|_| answer("200 OK", "", "")).await;
    let mut notifier = calling(&recorder, NotifierKind::Webhook, &[]);
    notifier.options.remove("allow_private");
    let error = sender().send(&notifier, &message(vec![notice()]), NOW).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Refused(text) if text.contains("allow_private = 'true'")),
        "{error:?}"
    );
    assert_eq!(recorder.asked().len(), 0);
    let mail =
        [("smtp", "127.0.0.1"), ("from", "a@example.com"), ("recipients", "b@example.com"), ("tls", "none")];
    let mail = super::super::sample::notifier(NotifierKind::Email, &mail);
    let error = sender().send(&mail, &message(vec![notice()]), NOW).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Refused(text) if text.contains("allow_private = 'true'")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_attempt_goes_on_where_the_last_one_was_stopped() {
    // Takes two, is busy for one, takes the rest.
    let recorder =
        Recorder::start(|i| if i == 2 { answer("429 Busy", "", "") } else { answer("202 OK", "", "") }).await;
    let notifier = calling(&recorder, NotifierKind::PagerDuty, &[]);
    let (sender, message) = (sender(), message(instances(4)));
    assert!(matches!(sender.send(&notifier, &message, NOW).await, Err(SendError::Later { .. })));
    sender.send(&notifier, &message, NOW).await.unwrap();
    let keys: Vec<String> = recorder
        .asked()
        .iter()
        .map(|asked| {
            serde_json::from_slice::<Value>(&asked.body).unwrap()["dedup_key"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(keys, ["00000000", "00000001", "00000002", "00000002", "00000003"]);
    // Sent once more on purpose, it is sent from its beginning.
    sender.send(&notifier, &message, NOW).await.unwrap();
    assert_eq!(recorder.asked().len(), 9);
}

#[tokio::test]
async fn one_event_that_is_refused_does_not_keep_the_others_back() {
    let recorder =
        Recorder::start(|i| if i == 0 { answer("400 Bad", "", "") } else { answer("202 OK", "", "") }).await;
    let notifier = calling(&recorder, NotifierKind::PagerDuty, &[]);
    let sent = sender().send(&notifier, &message(instances(3)), NOW).await;
    assert!(matches!(sent, Err(SendError::Refused(_))));
    assert_eq!(recorder.asked().len(), 3);
}

#[test]
fn only_an_alertmanager_forgets() {
    let again: Vec<NotifierKind> =
        NotifierKind::ALL.into_iter().filter(|kind| resend_every(*kind).is_some()).collect();
    assert_eq!(again, [NotifierKind::Alertmanager]);
}

#[test]
fn authorities_are_read() {
    let with =
        |pem: &str| Sender::new(SenderOptions { roots_pem: pem.as_bytes().to_vec(), ..Default::default() });
    assert!(with("").is_ok());
    assert!(matches!(with("no certificate"), Err(SenderError::Roots(_))));
}
