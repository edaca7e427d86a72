//! Metrics: the short form of an alert, such as `METRIC accuracy < 0.85`. What there is ([`Metric`]), in which unit
//! ([`read`]), and which query each stands for ([`query`]).

mod columns;
mod name;
mod span;
mod sql;
mod unit;

pub use columns::{ModelColumns, Typed};
pub use name::Metric;
pub use span::{HOUR, MINUTE, span_text};
pub(crate) use sql::stand_in;
pub use sql::{Made, query};

use super::MetricRule;

/// What a metric can be held against, and how else each is written.
const CONDITIONS: [(&str, &[&str]); 6] = [
    (">", &["gt"]),
    ("<", &["lt"]),
    (">=", &["ge", "gte"]),
    ("<=", &["le", "lte"]),
    ("=", &["eq", "=="]),
    ("!=", &["ne", "<>"]),
];

/// A metric rule from its parts as people write them: `Latency p95`, `gt`, `500ms`. Its [`MetricRule::over`] and
/// [`MetricRule::min_rows`] are the metric's own.
///
/// # Errors
/// A text that says what there is, where the metric or the condition is unknown or the unit does not fit.
pub fn read(metric: &str, condition: &str, threshold: &str) -> Result<MetricRule, String> {
    let metric: Metric = metric.parse()?;
    Ok(MetricRule {
        metric: metric.name().to_owned(),
        condition: comparison(condition)?.to_owned(),
        threshold: metric.threshold(threshold)?,
        threshold_text: threshold.trim().to_owned(),
        over: None,
        min_rows: None,
    })
}

/// The condition of a rule as SQL over the columns of its query: true where it is bad, null where there is no data.
pub fn when(rule: &MetricRule) -> String {
    format!("value {} {}", rule.condition, rule.threshold)
}

/// A condition in its one form.
fn comparison(text: &str) -> Result<&'static str, String> {
    let wanted = text.trim().to_ascii_lowercase();
    let found = CONDITIONS.iter().find(|(sign, others)| *sign == wanted || others.contains(&wanted.as_str()));
    found.map(|(sign, _)| *sign).ok_or_else(|| {
        let signs: Vec<&str> = CONDITIONS.iter().map(|(sign, _)| *sign).collect();
        format!("{text:?} is no condition; it is {} (or gt, lt, ge, le, eq, ne)", signs.join(", "))
    })
}

#[cfg(test)]
mod tests;
