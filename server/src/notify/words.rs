//! What a person reads, whatever it is sent by: how bad, which alert, of which model, what was seen, what to do.
//!
//! The texts are plain: whoever puts them into markup escapes them.

use driftline_query::alert::{Message, Notice, Status};
use serde_json::Value;

use super::{cut, times};

/// Alerts that one message shows to a person; the rest is counted.
pub(super) const ALERTS_SHOWN_MAX: usize = 10;
/// Rows of evidence shown for an alert.
const EVIDENCE_ROWS_MAX: usize = 5;
/// Characters of a row of evidence.
const EVIDENCE_CHARS_MAX: usize = 200;
/// Characters of an address that is linked; a longer one would fill a card, and cut it would lead elsewhere.
const URL_CHARS_MAX: usize = 2000;
/// Labels that the title already tells.
const TITLE_LABELS: [&str; 3] = ["alertname", "model", "severity"];
/// Annotations of a meaning of their own.
const SUMMARY: &str = "summary";
const DESCRIPTION: &str = "description";
const RUNBOOK_URL: &str = "runbook_url";
const ACTION: &str = "action";
const ACTION_URL: &str = "action_url";

/// A place to go to; only http and https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) url: String,
}

/// `HIGH: amount_drift on fraud (feature=amount)`, or how many alerts there are of what.
pub(super) fn title(message: &Message) -> String {
    match message.alerts.as_slice() {
        [notice] => notice_title(notice),
        notices => format!(
            "{}: {} alerts{} ({})",
            word_of_all(message),
            notices.len(),
            group(message),
            counts(notices)
        ),
    }
}

/// `HIGH: amount_drift on fraud (feature=amount)`.
pub(super) fn notice_title(notice: &Notice) -> String {
    let model = notice.model.as_ref().map(|model| format!(" on {model}")).unwrap_or_default();
    let instance = instance(notice).map(|instance| format!(" ({instance})")).unwrap_or_default();
    cut::line(&format!("{}: {}{model}{instance}", word(notice), notice.alert))
}

/// The title, with what was seen and the summary: all of it on one line.
pub(super) fn one_line(notice: &Notice) -> String {
    let parts = [Some(notice_title(notice)), judged(notice), annotation(notice, SUMMARY)];
    cut::line(&parts.into_iter().flatten().collect::<Vec<_>>().join(". "))
}

/// The message in one line: its alert with what was seen, or its title where it has several.
pub(super) fn message_line(message: &Message) -> String {
    match message.alerts.as_slice() {
        [notice] => one_line(notice),
        _ => title(message),
    }
}

/// What was seen and what it was held against: `psi 0.31, threshold 0.2`.
pub(super) fn judged(notice: &Notice) -> Option<String> {
    let name = notice.statistic.as_deref().unwrap_or("value");
    let value = notice.value.map(|value| format!("{} {}", cut::line(name), number(value)));
    let threshold = notice.threshold.map(|threshold| format!("threshold {}", number(threshold)));
    let parts: Vec<String> = value.into_iter().chain(threshold).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Name and value of what is known of an alert, in the order of reading.
pub(super) fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let facts = [
        ("Severity", Some(notice.severity.to_string())),
        ("Model", notice.model.clone()),
        ("Seen", judged(notice)),
        ("Window", Some(times::window(notice.window_start, notice.window_end))),
        ("Instance", instance(notice)),
        when(notice),
        ("Reason", notice.reason.clone()),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, cut::line(&value?)))).collect()
}

/// The summary, the description, what the state means, and what to do.
pub(super) fn texts(notice: &Notice) -> Vec<String> {
    let action = annotation(notice, ACTION).filter(|_| link(notice, ACTION_URL).is_none());
    let texts = [
        annotation(notice, SUMMARY),
        annotation(notice, DESCRIPTION),
        state(notice).map(str::to_owned),
        action.map(|action| format!("What to do: {action}")),
    ];
    texts.into_iter().flatten().collect()
}

/// The runbook, and where to act.
pub(super) fn links(notice: &Notice) -> Vec<Link> {
    let action = annotation(notice, ACTION).unwrap_or_else(|| "Act".to_owned());
    let runbook = link(notice, RUNBOOK_URL).map(|url| Link { text: "Runbook".to_owned(), url });
    let action = link(notice, ACTION_URL).map(|url| Link { text: cut::line(&action), url });
    runbook.into_iter().chain(action).collect()
}

/// Rows that explain it, one a line.
pub(super) fn evidence(notice: &Notice) -> Vec<String> {
    notice.evidence.iter().take(EVIDENCE_ROWS_MAX).map(row).collect()
}

/// What holds for all of the message.
pub(super) fn notes(message: &Message) -> Vec<String> {
    let late = "Sent late: it was due while the database was down.";
    let more = message.alerts.len().saturating_sub(ALERTS_SHOWN_MAX);
    let late = message.late.then(|| late.to_owned());
    late.into_iter().chain((more > 0).then(|| format!("{more} more alerts are not shown."))).collect()
}

/// A number as people write it: six digits that count.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-4..1e15).contains(&size) {
        // Through text: rounding to digits that count has no other exact way.
        return format!("{value:.5e}").parse::<f64>().unwrap_or(value).to_string();
    }
    if value.is_finite() { format!("{value:.5e}") } else { value.to_string() }
}

fn word(notice: &Notice) -> String {
    match notice.status {
        Status::Firing => notice.severity.name().to_uppercase(),
        status => status_word(status).to_owned(),
    }
}

fn word_of_all(message: &Message) -> String {
    let firing = message.alerts.iter().filter(|notice| notice.status == Status::Firing);
    match (message.status, firing.max_by_key(|notice| notice.severity)) {
        (Status::Firing, Some(worst)) => word(worst),
        (status, _) => status_word(status).to_owned(),
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Firing => "FIRING",
        Status::Resolved => "RESOLVED",
        Status::NoData => "NO DATA",
        Status::Error => "CANNOT BE JUDGED",
        Status::Test => "TEST",
    }
}

fn group(message: &Message) -> String {
    let labels: Vec<String> = message.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if labels.is_empty() { String::new() } else { cut::line(&format!(", {}", labels.join(" "))) }
}

/// `3 firing, 2 resolved`.
fn counts(notices: &[Notice]) -> String {
    let of = |status: Status| notices.iter().filter(|notice| notice.status == status).count();
    let all = [Status::Firing, Status::Error, Status::NoData, Status::Resolved, Status::Test];
    let counts = all.map(|status| (of(status), status.name().replace('_', " ")));
    let counts = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// The labels that tell the instance apart from others of its alert.
fn instance(notice: &Notice) -> Option<String> {
    let own = notice.labels.iter().filter(|(name, _)| !TITLE_LABELS.contains(&name.as_str()));
    let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    (!own.is_empty()).then(|| own.join(" "))
}

fn when(notice: &Notice) -> (&'static str, Option<String>) {
    match notice.ends_at {
        Some(end) => {
            let lasted = times::span(end.saturating_sub(notice.starts_at));
            ("Lasted", Some(format!("{lasted}, {}", times::window(notice.starts_at, end))))
        }
        None => ("Since", Some(times::utc(notice.starts_at))),
    }
}

fn state(notice: &Notice) -> Option<&'static str> {
    match notice.status {
        Status::Firing | Status::Resolved => None,
        Status::NoData => {
            Some("No data came in, so nothing is known of this window: neither that it is well nor bad.")
        }
        Status::Error => Some("The alert cannot be judged, so nothing is known of this window."),
        Status::Test => Some("This is a test of the notifier: nothing is wrong."),
    }
}

fn annotation(notice: &Notice, name: &str) -> Option<String> {
    notice.annotations.get(name).map(|text| cut::lines(text)).filter(|text| !text.is_empty())
}

/// Annotations are filled in with data: a `javascript:` address must not become something to click on.
fn link(notice: &Notice, name: &str) -> Option<String> {
    let url = url::Url::parse(notice.annotations.get(name)?.trim()).ok()?;
    let fits = url.as_str().len() <= URL_CHARS_MAX;
    (matches!(url.scheme(), "http" | "https") && url.has_host() && fits).then(|| url.to_string())
}

fn row(row: &Value) -> String {
    let text = match row {
        Value::Object(cells) => {
            cells.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(", ")
        }
        other => cell(other),
    };
    cut::chars(&cut::line(&text), EVIDENCE_CHARS_MAX)
}

fn cell(value: &Value) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(n), Some(value)) if n.is_f64() => number(value),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
