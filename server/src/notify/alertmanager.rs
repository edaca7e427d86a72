//! Prometheus Alertmanager: what is pushed to it, and the body (version 4) that its webhooks send, which other
//! programs take.

use std::collections::BTreeMap;
use std::time::Duration;

use driftline_query::alert::{Notice, Status};
use serde_json::{Value, json};

use super::SendError;
use super::details::details;
use super::request::{Context, Request, below};
use super::{times, words};

/// How long an Alertmanager holds an alert that it is not told again; its own default.
pub(super) const HELD: Duration = Duration::from_secs(300);
/// Alerts of one push.
const PUSHED_MAX: usize = 500;
/// Alerts of one webhook body; the rest is counted in it.
const BODY_ALERTS_MAX: usize = 1000;
/// How the end of what has not ended is written.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

type Texts = BTreeMap<String, String>;

/// Pushes to `/api/v2/alerts`.
///
/// # Errors
/// An option is missing or wrong.
pub(super) fn requests(context: &Context<'_>) -> Result<Vec<Request>, SendError> {
    let url = below(context.address("url", None)?, &["api", "v2", "alerts"]);
    let push = |notices: &[Notice]| {
        let alerts: Vec<Value> = notices.iter().map(|notice| pushed(context, notice)).collect();
        Request::json(url.clone(), &alerts.into()).signed_in(context)
    };
    Ok(context.message.alerts.chunks(PUSHED_MAX).map(push).collect())
}

fn pushed(context: &Context<'_>, notice: &Notice) -> Value {
    let mut alert = json!({
        "labels": named(labels(notice)),
        "annotations": named(annotations(notice)),
        "startsAt": times::rfc3339(notice.starts_at),
        "endsAt": times::rfc3339(ends_at(context, notice)),
    });
    if let Some(url) = context.external_url {
        alert["generatorURL"] = json!(url);
    }
    alert
}

/// Said aloud even where it has not ended: how long an Alertmanager holds an alert is set there, not here.
fn ends_at(context: &Context<'_>, notice: &Notice) -> i64 {
    let held = i64::try_from(HELD.as_nanos()).unwrap_or(i64::MAX);
    match notice.status {
        Status::Resolved => notice.ends_at.unwrap_or(context.now),
        _ => context.now.saturating_add(held),
    }
}

/// The labels stay the same when data end or the alert breaks: it is the same alert there, and ends as one.
fn labels(notice: &Notice) -> Texts {
    let mut labels = notice.labels.clone();
    labels.entry("alertname".to_owned()).or_insert_with(|| notice.alert.clone());
    // An Alertmanager knows no empty labels.
    labels.retain(|_, value| !value.is_empty());
    labels
}

fn annotations(notice: &Notice) -> Texts {
    let mut texts = notice.annotations.clone();
    texts.entry("summary".to_owned()).or_insert_with(|| words::one_line(notice));
    texts.insert("driftline_status".to_owned(), notice.status.name().to_owned());
    texts.insert("driftline_window".to_owned(), times::window(notice.window_start, notice.window_end));
    texts.extend(words::judged(notice).map(|judged| ("driftline_value".to_owned(), judged)));
    texts.extend(notice.reason.clone().map(|reason| ("driftline_reason".to_owned(), reason)));
    texts
}

/// With names that an Alertmanager takes: one that it does not would make it refuse all alerts of the push.
fn named(texts: Texts) -> Texts {
    texts.into_iter().map(|(name, value)| (label_name(&name), value)).collect()
}

fn label_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_digit()) || plain.is_empty() {
        format!("_{plain}")
    } else {
        plain
    }
}

/// The body of a webhook: Alertmanager's, and beside it what only we know.
pub(super) fn body(context: &Context<'_>) -> Value {
    let message = context.message;
    let shown = &message.alerts[..message.alerts.len().min(BODY_ALERTS_MAX)];
    json!({
        "version": "4",
        "groupKey": group_key(&message.group),
        "truncatedAlerts": message.alerts.len() - shown.len(),
        "receiver": message.notifier,
        "status": if message.status == Status::Resolved { "resolved" } else { "firing" },
        "groupLabels": message.group,
        "commonLabels": common(shown.iter().map(|notice| &notice.labels)),
        "commonAnnotations": common(shown.iter().map(|notice| &notice.annotations)),
        "externalURL": context.external_url.unwrap_or_default(),
        "alerts": shown.iter().map(|notice| alert(context, notice)).collect::<Vec<_>>(),
        "driftline": {
            "id": message.id,
            "status": message.status.name(),
            "late": message.late,
            "created_at": times::rfc3339(message.created_at),
            "alerts": shown.iter().map(details).collect::<Vec<_>>(),
        },
    })
}

fn alert(context: &Context<'_>, notice: &Notice) -> Value {
    json!({
        "status": if notice.status == Status::Resolved { "resolved" } else { "firing" },
        "labels": notice.labels,
        "annotations": notice.annotations,
        "startsAt": times::rfc3339(notice.starts_at),
        "endsAt": notice.ends_at.map_or_else(|| NO_TIME.to_owned(), times::rfc3339),
        "generatorURL": context.external_url.unwrap_or_default(),
        "fingerprint": notice.fingerprint,
    })
}

/// `{}:{alertname="drift", model="fraud"}`.
fn group_key(group: &Texts) -> String {
    let labels: Vec<String> = group.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{}}:{{{}}}", labels.join(", "))
}

/// What all have alike.
fn common<'a>(mut all: impl Iterator<Item = &'a Texts>) -> Texts {
    let mut common = all.next().cloned().unwrap_or_default();
    for texts in all {
        common.retain(|name, value| texts.get(name) == Some(value));
    }
    common
}

#[cfg(test)]
mod tests;
