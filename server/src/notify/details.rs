//! An alert as JSON: what programs get beside the texts for people.

use driftline_query::alert::Notice;
use serde_json::{Value, json};

use super::times;

/// All that is known of it, times by RFC 3339.
pub(super) fn details(notice: &Notice) -> Value {
    json!({
        "status": notice.status.name(),
        "alert": notice.alert,
        "id": notice.id,
        "fingerprint": notice.fingerprint,
        "model": notice.model,
        "severity": notice.severity.name(),
        "labels": notice.labels,
        "annotations": notice.annotations,
        "value": notice.value,
        "threshold": notice.threshold,
        "statistic": notice.statistic,
        "window_start": times::rfc3339(notice.window_start),
        "window_end": times::rfc3339(notice.window_end),
        "starts_at": times::rfc3339(notice.starts_at),
        "ends_at": notice.ends_at.map(times::rfc3339),
        "reason": notice.reason,
        "query": notice.query,
        "evidence": notice.evidence,
    })
}
