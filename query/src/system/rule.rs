//! `system.rules`.

use arrow::record_batch::RecordBatch;

use super::build::{boolean, json, millis, optional_double, optional_text, rows, text, time};
use crate::alert::metric::span_text;
use crate::alert::{Hold, MetricRule, Rule};
use crate::error::Result;
use crate::runner::{Board, Judging};
use crate::statement::watch::print;

/// The columns of `system.rules`: every alert as it is kept, whether or not it is judged. `state` is judged, off, waiting (no
/// window of it has closed yet), dormant (a table or column that it names is not there: it starts by itself) or error, then
/// `error` says why; windows that end up to `judged_until` were judged, the last of them at `judged_at` (NULL until this process judges one). `model` is NULL of one that is
/// about none or about all of them; `by` and `notify` are names with commas; `for` is as FOR takes it; `labels` and
/// `annotations` are JSON. `metric`, `condition` and `threshold` (in the metric's unit) are of those made with METRIC, whose
/// `query` is NULL where it is of all models. `statement` makes the alert again.
pub(super) const RULES: [&str; 28] = [
    "name",
    "state",
    "judged_until",
    "judged_at",
    "error",
    "model",
    "severity",
    "enabled",
    "every_ms",
    "delay_ms",
    "by",
    "when",
    "resolve_when",
    "for",
    "keep_firing_ms",
    "no_data_after_ms",
    "expire_after_ms",
    "repeat_every_ms",
    "notify",
    "labels",
    "annotations",
    "metric",
    "condition",
    "threshold",
    "threshold_text",
    "query",
    "created_at",
    "statement",
];

/// One row an alert.
pub(super) fn rules(all: &[Rule], board: &Board) -> Result<RecordBatch> {
    let judging: Vec<Judging> = all.iter().map(|rule| board.rule(&rule.name).unwrap_or_default()).collect();
    let error = |it: &'_ Judging| it.dormant.clone().or_else(|| it.error.clone());
    let span = |of: fn(&Rule) -> i64| millis(all.iter().map(move |rule| Some(of(rule))));
    let metric =
        |of: fn(&MetricRule) -> &str| optional_text(all.iter().map(move |rule| rule.metric.as_ref().map(of)));
    rows(
        &RULES,
        vec![
            text(all.iter().map(|rule| &rule.name)),
            text(all.iter().zip(&judging).map(|(rule, judging)| state(rule, judging))),
            time(judging.iter().map(|it| it.judged_until)),
            time(judging.iter().map(|it| it.judged_at)),
            optional_text(judging.iter().map(error)),
            optional_text(all.iter().map(|rule| rule.model.as_ref())),
            text(all.iter().map(|rule| rule.severity.name())),
            boolean(all.iter().map(|rule| rule.enabled)),
            span(|rule| rule.every),
            span(|rule| rule.delay),
            text(all.iter().map(|rule| rule.by.join(", "))),
            text(all.iter().map(|rule| &rule.when)),
            optional_text(all.iter().map(|rule| rule.resolve_when.as_ref())),
            text(all.iter().map(|rule| hold(rule.hold))),
            span(|rule| rule.keep_firing),
            millis(all.iter().map(|rule| rule.no_data_after)),
            span(|rule| rule.expire_after),
            millis(all.iter().map(|rule| rule.repeat_every)),
            text(all.iter().map(|rule| rule.notify.join(", "))),
            json(all.iter().map(|rule| &rule.labels))?,
            json(all.iter().map(|rule| &rule.annotations))?,
            metric(|metric| &metric.metric),
            metric(|metric| &metric.condition),
            optional_double(all.iter().map(|rule| rule.metric.as_ref().map(|metric| metric.threshold))),
            metric(|metric| &metric.threshold_text),
            optional_text(all.iter().map(|rule| Some(&rule.query).filter(|query| !query.is_empty()))),
            time(all.iter().map(|rule| Some(rule.created_at))),
            text(all.iter().map(print::rule)),
        ],
    )
}

fn hold(hold: Hold) -> String {
    match hold {
        Hold::Windows(1) => "1 window".to_owned(),
        Hold::Windows(count) => format!("{count} windows"),
        Hold::Time(nanos) => span_text(nanos),
    }
}

fn state(rule: &Rule, judging: &Judging) -> &'static str {
    match judging {
        _ if !rule.enabled => "off",
        // Also before anybody has looked what it waits for.
        _ if rule.unchecked => "dormant",
        Judging { dormant: Some(_), .. } => "dormant",
        Judging { error: Some(_), .. } => "error",
        Judging { judged_until: None, .. } => "waiting",
        _ => "judged",
    }
}
