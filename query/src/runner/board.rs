//! What the runner shows of its work, for `system.continuous_queries`.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::alert::Rule;
use crate::alert::state::{Mark, Transition};

/// The work of one continuous query since the process began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// The watermark of its source, less its delay; nanoseconds since 1970.
    pub(crate) watermark: Option<i64>,
    /// Windows that end up to here were closed.
    pub(crate) closed: Option<i64>,
    /// When the last of them was there first.
    pub(crate) closed_at: Option<i64>,
    /// Closed windows that wait to be computed (again).
    pub(crate) pending_windows: u64,
    /// How long the oldest of them has been closed.
    pub(crate) lag_nanos: i64,
    /// Windows computed, those again because of late rows included.
    pub(crate) windows: u64,
    /// Rows written.
    pub(crate) rows: u64,
    /// Time it took.
    pub(crate) took_nanos: u64,
    /// When it ran last, nanoseconds since 1970.
    pub(crate) ran_at: Option<i64>,
    /// Why it does not go on.
    pub(crate) error: Option<String>,
}

/// An episode that goes on, for `system.alerts`.
#[derive(Clone, Debug)]
pub(crate) struct Episode {
    pub(crate) rule: Arc<Rule>,
    /// The last transition with what is known of it.
    pub(crate) now: Transition,
    pub(crate) threshold: Option<f64>,
    pub(crate) statistic: Option<String>,
    pub(crate) acknowledged: Option<Mark>,
}

/// How far a rule has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judging {
    /// The end of the last window judged; nanoseconds since 1970.
    pub(crate) judged_until: Option<i64>,
    /// When that was written down; None where it was before the process began.
    pub(crate) judged_at: Option<i64>,
    /// Why it cannot be judged until a table or column is there.
    pub(crate) dormant: Option<String>,
    /// Why its last window could not be judged.
    pub(crate) error: Option<String>,
}

/// The work of all.
#[derive(Debug, Default)]
pub(crate) struct Board {
    queries: Mutex<BTreeMap<String, Work>>,
    episodes: Mutex<Vec<Episode>>,
    rules: Mutex<BTreeMap<String, Judging>>,
}

impl Board {
    /// The work of one.
    pub(crate) fn query(&self, name: &str) -> Option<Work> {
        self.queries.lock().get(name).cloned()
    }

    /// Shows the work of one.
    pub(crate) fn show(&self, name: &str, work: Work) {
        self.queries.lock().insert(name.to_owned(), work);
    }

    /// What goes on.
    pub(crate) fn episodes(&self) -> Vec<Episode> {
        self.episodes.lock().clone()
    }

    /// How far a rule has come, the model that has come least far where it is of several.
    pub(crate) fn rule(&self, name: &str) -> Option<Judging> {
        self.rules.lock().get(name).cloned()
    }

    /// Shows the alerts.
    pub(crate) fn show_alerts(&self, episodes: Vec<Episode>, rules: BTreeMap<String, Judging>) {
        *self.episodes.lock() = episodes;
        *self.rules.lock() = rules;
    }

    /// Shows these only.
    pub(crate) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        self.queries.lock().retain(|name, _| is_kept(name));
    }
}
