//! What changed: a line of the history, and what notices are made from.

use std::collections::BTreeMap;

use super::Window;

/// How an instance stands, or the alert itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// All is well.
    Normal,
    /// Bad, but not yet for long enough.
    Pending,
    /// Bad for long enough. Not of the alert itself.
    Firing,
    /// It fired, and now nothing is known of it. Of the alert itself: there have been no rows for too long.
    NoData,
    /// The last window could not be judged. Only of the alert itself.
    Error,
}

impl Standing {
    /// Its name, such as `no_data`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::NoData => "no_data",
            Self::Error => "error",
        }
    }
}

/// Why an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It is well again.
    Resolved,
    /// Somebody said so.
    ByHand,
    /// There were no data for as long as `EXPIRE AFTER` says.
    Expired,
    /// The alert was dropped.
    Dropped,
    /// The alert was switched off.
    SwitchedOff,
    /// What the alert asks, or what of it is bad, was changed.
    Altered,
}

impl EndReason {
    /// As it is shown, such as `switched off`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::ByHand => "resolved by hand",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
            Self::SwitchedOff => "switched off",
            Self::Altered => "altered",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A condition is true that must hold for longer.
    Pending,
    /// It did not hold for long enough.
    Broken,
    /// It held: an instance fires.
    Fired,
    /// Nothing is known of what fired, or of the alert as a whole.
    NoData,
    /// There are data again of what fired, and it is not well. The same episode as before.
    FiredAgain,
    /// The episode is over.
    Ended(EndReason),
    /// The alert cannot be judged.
    Failed,
    /// Somebody takes care of it. The standing stays.
    Acknowledged,
    /// Somebody says something of it. The standing stays.
    Commented,
}

/// A change of one instance, or of the alert's own condition.
///
/// Only an instance that fired has a `fired_at`; what was broken while pending was never more than a line of the
/// history.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Transition {
    /// The end of the window judged, or when somebody did it. Nanoseconds since 1970, as all times here.
    pub at: i64,
    /// The window judged; where somebody did it, the last one with data of the instance.
    pub window: Window,
    /// What tells the instance from others; empty for the alert itself.
    pub identity: BTreeMap<String, String>,
    /// The hash of the identity; [`alert_fingerprint`](super::alert_fingerprint) for the alert itself.
    pub fingerprint: String,
    /// The episode it is part of: 32 hex digits.
    pub episode: String,
    /// What happened.
    pub kind: Kind,
    /// Before.
    pub from: Standing,
    /// After.
    pub to: Standing,
    /// What was judged; None where this window had no data of it.
    pub value: Option<f64>,
    /// What it was held against, where the rule was made in the short form.
    pub threshold: Option<f64>,
    /// The last row with data of the instance; empty for the alert itself.
    pub columns: serde_json::Map<String, serde_json::Value>,
    /// The end of the first window that was bad.
    pub began_at: i64,
    /// The end of the window at which it fired.
    pub fired_at: Option<i64>,
    /// Why: the error, why it ended, what somebody said.
    pub reason: Option<String>,
    /// Who did it.
    pub who: Option<String>,
}

impl Transition {
    /// Whether it is of the alert itself, not of an instance.
    pub fn is_of_alert(&self) -> bool {
        self.fingerprint == super::alert_fingerprint()
    }
}
