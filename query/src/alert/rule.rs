//! An alert as it is kept: what is asked, what of the answer is bad, and who is told.

use std::collections::BTreeMap;

use super::Severity;

/// An alert. Durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The model it is about, if it is about one.
    pub model: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is judged at all.
    pub enabled: bool,
    /// The length of its windows, which lie on multiples of it since 1970.
    pub every: i64,
    /// How long after its end a window is judged.
    pub delay: i64,
    /// The columns that tell instances apart; empty where the query answers one row.
    pub by: Vec<String>,
    /// SQL over the columns of the query: true where it is bad. Null is no data.
    pub when: String,
    /// SQL over the columns of the query: true where it is well again. Without it, where `when` is false.
    pub resolve_when: Option<String>,
    /// How long `when` must hold.
    pub hold: Hold,
    /// How long it must be well before it ends.
    pub keep_firing: i64,
    /// After how long without any row the alert itself has no data; None where that is not watched.
    pub no_data_after: Option<i64>,
    /// After how long without data a firing instance ends.
    pub expire_after: i64,
    /// How often a message is repeated while it fires; None where it is said once.
    pub repeat_every: Option<i64>,
    /// The notifiers that are told, beside those of routes.
    pub notify: Vec<String>,
    /// Labels beside those that the instance has.
    pub labels: BTreeMap<String, String>,
    /// Texts with `{{ column }}` in them: summary, description, runbook_url ..
    pub annotations: BTreeMap<String, String>,
    /// The query. `now()` is the end of the window judged.
    pub query: String,
    /// What it was made from, where it was made in the short form.
    pub metric: Option<MetricRule>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// When its query or condition was changed last; nanoseconds since 1970. What was said before was of another one.
    #[serde(default)]
    pub altered_at: Option<i64>,
    /// Whether what it names was not there yet when it was made: it lies dormant, and is looked at as soon as all is there.
    #[serde(default)]
    pub unchecked: bool,
}

/// `FOR ..`: how long a condition must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// So many windows in a row; 1 fires at once.
    Windows(u32),
    /// So many nanoseconds from the end of the first true window to the end of a later one, all between true too.
    Time(i64),
}

/// `METRIC accuracy < 0.85 OVER '1 day' MIN ROWS 100`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MetricRule {
    /// The metric's name.
    pub metric: String,
    /// `>`, `<`, `>=`, `<=`, `=` or `!=`.
    pub condition: String,
    /// In the metric's own unit.
    pub threshold: f64,
    /// The threshold as it was written, with its unit.
    pub threshold_text: String,
    /// Nanoseconds that the metric is taken over; None where that is the metric's own.
    pub over: Option<i64>,
    /// Rows below which there is no data; None where that is as usual.
    pub min_rows: Option<u64>,
}
