//! Notices, made from transitions: what the state machine found, in the words of the rule.

use std::collections::BTreeMap;

use super::state::{Kind, Transition, fingerprint};
use super::template::{Facts, render};
use super::{Notice, Rule, Status};

/// The text that notices of an alert's own error or lack of data have, whatever the rule's texts are.
const SUMMARY: &str = "summary";

/// What there is to tell of a transition; None for what is only a line of the history: pending, broken, acknowledged,
/// commented.
///
/// The labels are the rule's and the instance's, where they share a name the instance's, and above both `alertname`,
/// `severity` and `model`. An alert's own trouble has no row to fill texts in with: of the rule's texts it has those
/// without tags, and its `summary` says what is wrong.
pub fn notice(rule: &Rule, transition: &Transition, evidence: Vec<serde_json::Value>) -> Option<Notice> {
    let status = status(transition.kind)?;
    let starts_at = transition.fired_at?;
    let labels = labels(rule, transition);
    Some(Notice {
        status,
        alert: rule.name.clone(),
        id: transition.episode.clone(),
        fingerprint: hash(rule, transition),
        model: rule.model.clone(),
        severity: rule.severity,
        annotations: annotations(rule, transition, &labels),
        labels,
        value: transition.value,
        threshold: transition.threshold,
        statistic: rule.metric.as_ref().map(|metric| metric.metric.clone()),
        window_start: transition.window.start,
        window_end: transition.window.end,
        starts_at,
        ends_at: (status == Status::Resolved).then_some(transition.at),
        query: rule.query.clone(),
        evidence,
        reason: transition.reason.clone(),
    })
}

/// The hash that receivers tell instances apart by, and the history shows.
pub fn hash(rule: &Rule, transition: &Transition) -> String {
    fingerprint(&key(rule, transition))
}

/// What tells an instance from those of other alerts and models too: receivers go by the hash of it. Not the severity,
/// nor the rule's own labels: these may change while it fires.
fn key(rule: &Rule, transition: &Transition) -> BTreeMap<String, String> {
    let mut key = transition.identity.clone();
    // Of the alert's own trouble the state has another fingerprint than of an instance without labels.
    let of_alert = transition.is_of_alert().then(|| transition.fingerprint.clone());
    key.extend(of_alert.map(|own| ("alert itself".to_owned(), own)));
    key.insert("alertname".to_owned(), rule.name.clone());
    key.extend(rule.model.iter().map(|model| ("model".to_owned(), model.clone())));
    key
}

fn status(kind: Kind) -> Option<Status> {
    match kind {
        Kind::Fired | Kind::FiredAgain => Some(Status::Firing),
        Kind::NoData => Some(Status::NoData),
        Kind::Failed => Some(Status::Error),
        Kind::Ended(_) => Some(Status::Resolved),
        Kind::Pending | Kind::Broken | Kind::Acknowledged | Kind::Commented => None,
    }
}

fn labels(rule: &Rule, transition: &Transition) -> BTreeMap<String, String> {
    let mut labels = rule.labels.clone();
    labels.extend(transition.identity.clone());
    labels.insert("alertname".to_owned(), rule.name.clone());
    labels.insert("severity".to_owned(), rule.severity.to_string());
    labels.extend(rule.model.iter().map(|model| ("model".to_owned(), model.clone())));
    labels
}

fn annotations(
    rule: &Rule,
    transition: &Transition,
    labels: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    if transition.is_of_alert() {
        let plain = rule.annotations.iter().filter(|(_, text)| !text.contains('{'));
        let mut texts: BTreeMap<_, _> = plain.map(|(name, text)| (name.clone(), text.clone())).collect();
        let why = transition.reason.as_deref().unwrap_or("unknown");
        texts.insert(SUMMARY.to_owned(), format!("{}: {why}", rule.name));
        return texts;
    }
    let facts = Facts {
        columns: &transition.columns,
        labels,
        value: transition.value,
        threshold: transition.threshold,
        window_start: transition.window.start,
        window_end: transition.window.end,
        alert: &rule.name,
        model: rule.model.as_deref(),
    };
    rule.annotations.iter().map(|(name, template)| (name.clone(), render(template, &facts))).collect()
}

#[cfg(test)]
mod tests;
