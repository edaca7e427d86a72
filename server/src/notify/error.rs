//! Why a message did not go out.

use std::time::Duration;

/// Why a message did not go out. No text holds a secret of the notifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Sending the same again would fail again: wrong options, or the other side refuses it.
    #[error("{0}")]
    Refused(String),
    /// The other side cannot take it now.
    #[error("{what}")]
    Later {
        /// What happened.
        what: String,
        /// When the other side wants to be asked again.
        retry_after: Option<Duration>,
    },
}

impl SendError {
    /// One that may pass, without a word of when.
    pub(super) fn later(what: impl Into<String>) -> Self {
        Self::Later { what: what.into(), retry_after: None }
    }

    /// The same with another text.
    pub(super) fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Refused(what) => Self::Refused(change(what)),
            Self::Later { what, retry_after } => Self::Later { what: change(what), retry_after },
        }
    }
}
