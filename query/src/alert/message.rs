//! What goes out: a message for one notifier about the alerts of one group.

use std::collections::BTreeMap;

use super::Severity;

/// What a message says of its alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is bad.
    Firing,
    /// It is over.
    Resolved,
    /// Nothing is known of what was bad.
    NoData,
    /// The alert cannot be judged.
    Error,
    /// Somebody tries whether messages come through.
    Test,
}

impl Status {
    /// Its name, such as `no_data`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::NoData => "no_data",
            Self::Error => "error",
            Self::Test => "test",
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// The same each time it is sent: whoever receives it twice can tell.
    pub id: String,
    /// Whom it is for.
    pub notifier: String,
    /// What all its alerts share, such as `alertname` and `model`; names the group.
    pub group: BTreeMap<String, String>,
    /// The worst of its alerts: firing before error, no data, resolved.
    pub status: Status,
    /// Its alerts; at least one.
    pub alerts: Vec<Notice>,
    /// Whether it was due while the database was down.
    pub late: bool,
    /// Nanoseconds since 1970.
    pub created_at: i64,
}

/// What a message says of one instance of an alert. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// What it is.
    pub status: Status,
    /// The alert's name.
    pub alert: String,
    /// The episode: from its beginning to its end an instance has one, as `ACKNOWLEDGE ALERT` takes it.
    pub id: String,
    /// A hash of the alert, its model and what tells the instance apart: the same for all episodes of one instance, and
    /// of no other.
    pub fingerprint: String,
    /// The model it is about.
    pub model: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// `alertname`, `severity`, `model`, the alert's own and those that tell the instance apart.
    pub labels: BTreeMap<String, String>,
    /// The alert's texts, filled in.
    pub annotations: BTreeMap<String, String>,
    /// What was judged.
    pub value: Option<f64>,
    /// What it was held against.
    pub threshold: Option<f64>,
    /// The column that was judged.
    pub statistic: Option<String>,
    /// The window that was judged.
    pub window_start: i64,
    /// Its end.
    pub window_end: i64,
    /// When the episode began: the end of the first window that was bad enough for long enough.
    pub starts_at: i64,
    /// When it ended, if it has.
    pub ends_at: Option<i64>,
    /// The alert's query.
    pub query: String,
    /// Rows of the query that explain it, as JSON objects.
    pub evidence: Vec<serde_json::Value>,
    /// Why it ended or cannot be judged: resolved, expired, dropped, the error ..
    pub reason: Option<String>,
}
