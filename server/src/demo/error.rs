//! What can stop the demonstration.

use std::io;

use driftline_client::ClientError;
use driftline_query::QueryError;

use crate::ServerError;

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
    /// The directory cannot be opened, flushed or closed as a database.
    #[error("{0}")]
    Database(#[from] QueryError),
    /// The server does not start.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// The system refuses something.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The directory's model holds rows, but the server does not know this replay's writer any more.
    #[error("{0} holds rows that this replay cannot tell from its own; choose another --data-dir")]
    OtherRows(String),
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
