use serde_json::json;

use super::*;
use crate::notify::recorder::{Recorder, answer};

async fn asked(recorder: &Recorder, url: &str) -> Result<Answer, SendError> {
    let http = Http::new(rustls::RootCertStore::empty()).unwrap();
    let request = Request::json(Url::parse(&recorder.url(url)).unwrap(), &json!({"a": 1}));
    http.call(&request, true, Duration::from_secs(10)).await
}

#[tokio::test]
async fn so_much_of_an_answer_is_read() {
    let recorder = Recorder::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
        ([head, vec![b'x'; 1 << 20]].concat(), true)
    });
    let answer = asked(&recorder.await, "/").await.unwrap();
    assert_eq!(answer.body.len(), ANSWER_BYTES_MAX);
}

#[tokio::test]
async fn an_answer_is_kept_with_its_wait() {
    let recorder = Recorder::start(|_| answer("503 Busy", "retry-after: 7\r\n", "later")).await;
    let answer = asked(&recorder, "/a%20b?c=%26#d").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.retry_after.as_deref()), (503, Some("7")));
    assert_eq!(answer.body, b"later");
    assert_eq!(recorder.asked()[0].line, "POST /a%20b?c=%26 HTTP/1.1");
    assert_eq!(recorder.asked()[0].body, b"{\"a\":1}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let recorder =
        Recorder::start(|_| ([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 20]].concat(), true)).await;
    assert!(matches!(asked(&recorder, "/").await, Err(SendError::Later { .. })));
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_its_status() {
    let recorder =
        Recorder::start(|_| (b"HTTP/1.1 400 Bad\r\ncontent-length: 100\r\n\r\nhalf".to_vec(), false)).await;
    let answer = asked(&recorder, "/").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (400, &b"half"[..]));
}
