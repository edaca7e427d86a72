//! What an answer means: taken, refused, or not now.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

use super::request::{Request, Taken};
use super::secrets::Secrets;
use super::{SendError, cut, times};

/// Characters of an answer that an error shows.
const SHOWN_CHARS_MAX: usize = 200;

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The header as it came.
    pub(super) retry_after: Option<String>,
    /// The beginning of it.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// # Errors
    /// It does not say that the request was taken.
    pub(super) fn judge(&self, request: &Request, secrets: &Secrets, now: i64) -> Result<(), SendError> {
        let status = self.status;
        let code = status.as_u16();
        if status.is_success() && (request.taken == Taken::Status || self.slack_error().is_none()) {
            return Ok(());
        }
        let host = request.url.host_str().unwrap_or_default();
        let said = self.said(secrets);
        let what = format!("{host} answered {status}{said}");
        let busy =
            status.is_success() && self.slack_error().is_some_and(|error| PASSING.contains(&error.as_str()));
        match code {
            408 | 425 | 429 | 500.. => Err(self.later(what, now)),
            _ if busy => Err(self.later(what, now)),
            300..400 => Err(SendError::Refused(format!(
                "{host} answered {status}: redirects are not followed, give the notifier the address that they lead to"
            ))),
            _ => Err(SendError::Refused(what)),
        }
    }

    fn later(&self, what: String, now: i64) -> SendError {
        SendError::Later { what, retry_after: self.retry_after.as_deref().and_then(|text| wait(text, now)) }
    }

    /// What Slack's methods say beside 200; None where it went well.
    fn slack_error(&self) -> Option<String> {
        let answer: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let error = || answer["error"].as_str().unwrap_or("no answer of Slack's").to_owned();
        (answer["ok"] != Value::Bool(true)).then(error)
    }

    /// The beginning of the answer, without secrets: they are hidden before it is cut, not after.
    fn said(&self, secrets: &Secrets) -> String {
        let text = cut::line(&secrets.hide(&String::from_utf8_lossy(&self.body)));
        if text.is_empty() { text } else { format!(": {}", cut::chars(&text, SHOWN_CHARS_MAX)) }
    }
}

/// Errors of Slack's methods that pass by themselves.
const PASSING: [&str; 5] =
    ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"];

/// `120`, or a date.
fn wait(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse().ok().or_else(|| {
        let wait = times::http_date(text)?.saturating_sub(times::seconds(now));
        Some(wait.max(0).cast_unsigned())
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
