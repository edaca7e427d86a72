//! The report as one JSON object.

use serde_json::{Map, Value, json};

use super::findings::{Drift, Findings, Period, QUALITY, Quality};
use super::watch::Alert;

/// The object: `rows`, `labels`, `bytes_on_disk`, `percentiles`, `quality`, `drift`, `alerts`,
/// `message`, `backtest`. What is absent is null.
pub fn object(findings: &Findings) -> Value {
    let percentiles = findings.percentiles;
    json!({
        "rows": findings.stored.rows,
        "labels": findings.stored.labels,
        "bytes_on_disk": findings.stored.bytes_on_disk,
        "percentiles": {"p50": percentiles.p50, "p95": percentiles.p95, "p99": percentiles.p99},
        "quality": findings.quality.iter().map(quality).collect::<Vec<_>>(),
        "drift": findings.drift.iter().map(drift).collect::<Vec<_>>(),
        "alerts": findings.alerts.iter().map(alert).collect::<Vec<_>>(),
        "message": findings.message.as_ref().map(|message| json!({
            "summary": message.summary, "action": message.action, "state": message.state,
        })),
        "backtest": {"model": findings.backtest.model, "firings": findings.backtest.firings},
    })
}

fn quality(quality: &Quality) -> Value {
    let figures =
        QUALITY.iter().zip(quality.figures).map(|((name, _), figure)| ((*name).to_owned(), figure.into()));
    let year = ("year".to_owned(), quality.year.into());
    Value::Object(std::iter::once(year).chain(figures).collect::<Map<_, _>>())
}

fn drift(drift: &Drift) -> Value {
    let (period, value) = match &drift.period {
        Period::Year(year) => ("year", json!(year)),
        Period::Week(start) => ("week", json!(start)),
    };
    json!({
        "model": drift.model,
        "feature": drift.feature,
        period: value,
        "psi": drift.psi,
        "ks_statistic": drift.ks_statistic,
        "drifted": drift.drifted,
    })
}

fn alert(alert: &Alert) -> Value {
    json!({
        "model": alert.model,
        "feature": alert.feature,
        "window_start": alert.window_start,
        "psi": alert.psi,
    })
}

#[cfg(test)]
mod tests;
