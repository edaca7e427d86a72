//! What can stop the demonstration.

use driftline_client::ClientError;

/// An error of the demonstration. Its text can be shown as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The data inside the program do not decode: the build is damaged.
    #[error("the demonstration's data cannot be read: {0}; build the program again from a whole checkout")]
    Data(&'static str),
    /// Rows could not be put together.
    #[error("the demonstration's rows cannot be put together: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The server refused something, or went away.
    #[error("while {doing}: {source}")]
    Client {
        /// What was being done.
        doing: String,
        /// The client's error.
        source: ClientError,
    },
    /// An answer has another shape than its question asks for.
    #[error("{question} was answered without {missing}")]
    Answer {
        /// What was asked.
        question: String,
        /// What the answer lacks.
        missing: String,
    },
}

/// The result of every step of the demonstration.
pub type Result<T, E = DemoError> = std::result::Result<T, E>;
