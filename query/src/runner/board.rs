//! What the runner shows of its work, for `system.continuous_queries`.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// The work of one continuous query since the process began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// The watermark of its source, less its delay; nanoseconds since 1970.
    pub(crate) watermark: Option<i64>,
    /// Windows that end up to here were closed.
    pub(crate) closed: Option<i64>,
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

/// The work of all.
#[derive(Debug, Default)]
pub(crate) struct Board {
    queries: Mutex<BTreeMap<String, Work>>,
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

    /// Shows these only.
    pub(crate) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        self.queries.lock().retain(|name, _| is_kept(name));
    }
}
