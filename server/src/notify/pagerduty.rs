//! PagerDuty's events, version 2: an event an alert, the incident found again by the alert's fingerprint.

use driftline_query::alert::{Notice, Severity, Status};
use serde_json::{Value, json};

use super::SendError;
use super::details::details;
use super::request::{Context, Request};
use super::{cut, times, words};

const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Characters of a summary.
const SUMMARY_CHARS_MAX: usize = 1024;
/// Characters of a key.
const KEY_CHARS_MAX: usize = 255;
/// Bytes of an event.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// One request an alert.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let url = context.address("url", Some(URL))?;
    let key = context.needed("routing_key")?;
    let request = |notice| Request::json(url.clone(), &event(context, key, notice));
    Ok(context.message.alerts.iter().map(request).collect())
}

fn event(context: &Context<'_>, key: &str, notice: &Notice) -> Value {
    let mut event = json!({
        "routing_key": key,
        "event_action": if notice.status == Status::Resolved { "resolve" } else { "trigger" },
        "dedup_key": cut::chars(&notice.fingerprint, KEY_CHARS_MAX),
        "payload": payload(context, notice),
        "client": "Driftline",
        "links": words::links(notice).iter().map(|link| json!({"href": link.url, "text": link.text})).collect::<Vec<_>>(),
    });
    if let Some(url) = context.external_url {
        event["client_url"] = json!(url);
    }
    if event.to_string().len() > BODY_BYTES_MAX {
        event["payload"]["custom_details"] =
            json!({"left_out": "the details were larger than PagerDuty takes"});
    }
    event
}

fn payload(context: &Context<'_>, notice: &Notice) -> Value {
    let mut details = details(notice);
    details["late"] = json!(context.message.late);
    details["state"] = json!(words::texts(notice).join("\n"));
    json!({
        "summary": cut::chars(&words::one_line(notice), SUMMARY_CHARS_MAX),
        "source": notice.model.as_deref().unwrap_or(&notice.alert),
        "severity": severity(notice),
        "timestamp": times::rfc3339(notice.ends_at.unwrap_or(notice.starts_at)),
        "component": notice.statistic,
        "group": notice.model,
        "class": notice.alert,
        "custom_details": details,
    })
}

fn severity(notice: &Notice) -> &'static str {
    match (notice.status, notice.severity) {
        (Status::Test, _) | (_, Severity::Low) => "info",
        (_, Severity::Medium) => "warning",
        (_, Severity::High) => "error",
        (_, Severity::Critical) => "critical",
    }
}

#[cfg(test)]
mod tests;
