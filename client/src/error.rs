//! What can go wrong between this program and a server.

use std::error::Error;

use arrow_flight::error::FlightError;
use arrow_schema::ArrowError;
use tonic::Status;

pub use tonic::Code;

/// The result of every call of this crate.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// An error of the client. Its text can be shown as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is not one.
    #[error("{url} is not the address of a server: {reason}; write it as http://127.0.0.1:8815")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection came about.
    #[error("cannot reach {url}: {reason}; is `driftline serve` running there?")]
    Unreachable {
        /// The server.
        url: String,
        /// The system's reason.
        reason: String,
    },
    /// A connection broke. Whether what was not acknowledged has been written is unknown.
    #[error(
        "the server at {url} went away: {reason}; connect again and send again what was not acknowledged"
    )]
    Disconnected {
        /// The server.
        url: String,
        /// What was noticed.
        reason: String,
    },
    /// The server refused or failed; in its own words.
    #[error("{message}")]
    Server {
        /// The kind of error.
        code: Code,
        /// The server's message.
        message: String,
    },
    /// A batch over the server's limit.
    #[error("the batch has {bytes} bytes, over the limit of {limit}; send its rows in smaller batches")]
    TooLarge {
        /// Its bytes as encoded.
        bytes: u64,
        /// The server's limit.
        limit: u64,
    },
    /// The batch cannot be encoded, or an answer cannot be decoded.
    #[error("{0}")]
    Arrow(String),
    /// The writer has been finished.
    #[error("this writer is finished; open another one")]
    Finished,
    /// The server does not keep to the protocol.
    #[error("the server at {url} answered {what}; its version may not fit this client")]
    Protocol {
        /// The server.
        url: String,
        /// What came, or did not come.
        what: &'static str,
    },
}

impl ClientError {
    /// The error behind a gRPC status: the server's own, or that of the connection.
    pub(crate) fn from_status(url: &str, status: &Status) -> Self {
        // A status that came over the wire has no source; one that tonic made of a broken connection has.
        match status.source() {
            None => Self::Server { code: status.code(), message: status.message().to_owned() },
            Some(_) => Self::Disconnected { url: url.to_owned(), reason: chain(status) },
        }
    }

    pub(crate) fn from_flight(url: &str, error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => Self::from_status(url, &status),
            FlightError::Arrow(error) => error.into(),
            other => Self::Arrow(other.to_string()),
        }
    }
}

impl From<ArrowError> for ClientError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}

/// The innermost causes say what happened; the outer ones are `transport error`.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}
