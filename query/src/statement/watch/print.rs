//! Rules and notifiers as the statements that make them: for SHOW CREATE ALERT, and for those who export them.
//! A rule that is read back is the same but for the time it was made at and, of a metric, the query.

use std::collections::BTreeMap;

use super::alert::EXPIRE_DEFAULT;
use crate::alert::metric::span_text;
use crate::alert::{Hold, MetricRule, Notifier, Rule, options};

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// The statement that makes a rule.
pub(crate) fn rule(rule: &Rule) -> String {
    let mut lines = vec![format!("CREATE ALERT {}", name(&rule.name))];
    match (&rule.model, &rule.metric) {
        (Some(model), _) => lines.push(format!("ON MODEL {}", name(model))),
        (None, Some(_)) => lines.push("ON ALL MODELS".to_owned()),
        (None, None) => {}
    }
    lines.extend(rule.metric.iter().map(metric));
    lines.push(format!("SEVERITY {}", rule.severity));
    lines.extend(times(rule));
    if rule.metric.is_none() {
        lines.extend((!rule.by.is_empty()).then(|| format!("BY ({})", names(&rule.by))));
        lines.push(format!("WHEN {}", rule.when));
    }
    lines.extend(rule.resolve_when.iter().map(|when| format!("RESOLVE WHEN {when}")));
    lines.extend(told(rule));
    if rule.metric.is_none() {
        lines.push(format!("AS {}", rule.query));
    }
    lines.join("\n  ")
}

/// The statement that makes a notifier, its secrets hidden.
pub(crate) fn notifier(notifier: &Notifier) -> String {
    let shown = notifier.options.iter().map(|(option, value)| {
        let value = if options::is_secret(notifier.kind, option) { HIDDEN } else { value };
        (option.clone(), value.to_owned())
    });
    let made = format!("CREATE NOTIFIER {} TYPE {}", name(&notifier.name), notifier.kind.name());
    let disabled = (!notifier.enabled).then(|| "DISABLED".to_owned());
    [Some(made), pairs("WITH", &shown.collect()), disabled]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n  ")
}

fn metric(rule: &MetricRule) -> String {
    let mut text = format!("METRIC {} {} {}", rule.metric, rule.condition, threshold(&rule.threshold_text));
    if let Some(over) = rule.over {
        text += &format!(" OVER {}", span(over));
    }
    if let Some(rows) = rule.min_rows {
        text += &format!(" MIN ROWS {rows}");
    }
    text
}

/// A number stands as it is, all else in quotes.
fn threshold(text: &str) -> String {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    if digits(whole) && digits(rest) { text.to_owned() } else { quoted(text) }
}

fn times(rule: &Rule) -> Vec<String> {
    let mut lines = vec![format!("EVERY {}", span(rule.every))];
    lines.extend((rule.delay > 0).then(|| format!("DELAY {}", span(rule.delay))));
    match rule.hold {
        Hold::Windows(1) => {}
        Hold::Windows(count) => lines.push(format!("FOR {count} WINDOWS")),
        Hold::Time(nanos) => lines.push(format!("FOR {}", span(nanos))),
    }
    lines.extend((rule.keep_firing > 0).then(|| format!("KEEP FIRING FOR {}", span(rule.keep_firing))));
    lines.extend(rule.no_data_after.map(|after| format!("NO DATA AFTER {}", span(after))));
    let expires = rule.expire_after != EXPIRE_DEFAULT;
    lines.extend(expires.then(|| format!("EXPIRE AFTER {}", span(rule.expire_after))));
    lines.extend(rule.repeat_every.map(|every| format!("REPEAT EVERY {}", span(every))));
    lines
}

fn told(rule: &Rule) -> Vec<String> {
    let notify = (!rule.notify.is_empty()).then(|| format!("NOTIFY {}", names(&rule.notify)));
    let disabled = (!rule.enabled).then(|| "DISABLED".to_owned());
    let (labels, annotations) = (pairs("LABELS", &rule.labels), pairs("ANNOTATIONS", &rule.annotations));
    [notify, labels, annotations, disabled].into_iter().flatten().collect()
}

/// `LABELS (name = 'value')`; None where there are none.
fn pairs(word: &str, pairs: &BTreeMap<String, String>) -> Option<String> {
    let items: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{} = {}", name(key), quoted(value))).collect();
    (!items.is_empty()).then(|| format!("{word} ({})", items.join(", ")))
}

fn names(list: &[String]) -> String {
    list.iter().map(|one| name(one)).collect::<Vec<_>>().join(", ")
}

/// A name, in quotes where it is more than letters, digits and underscores.
fn name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn span(nanos: i64) -> String {
    quoted(&span_text(nanos))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests;
