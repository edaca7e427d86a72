//! What can go wrong on the command line.

use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use driftline_client::ClientError;
use driftline_query::QueryError;
use driftline_query::storage::StorageError;

use super::import::ImportError;
use crate::error::ServerError;

/// The result of a command.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The flags do not go together.
    #[error("{0}")]
    Usage(String),
    /// The data directory cannot be opened.
    #[error("cannot open the database in {}: {source}", .path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: QueryError,
    },
    /// There is no data directory of this name.
    #[error(
        "there is no database in {}; name an existing one, or make it with `driftline serve --data-dir {}`",
        .path.display(), .path.display()
    )]
    NoDatabase {
        /// The directory.
        path: PathBuf,
    },
    /// There is no directory of this name.
    #[error("there is no directory {}", .path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be made or opened.
    #[error("cannot open the directory {}: {source}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something in the directory is not what it must be.
    #[error(
        "{directory} has {places} damaged places; restore a backup, or see with `driftline repair --dry-run` what can be kept"
    )]
    Damaged {
        /// How many.
        places: u64,
        /// Where.
        directory: String,
    },
    /// The storage engine failed or refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed or refused.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The server failed, refused or cannot be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The file cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A file of rules or a test of them cannot be used.
    #[error("{}: {reason}", .path.display())]
    Rules {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Tests of rules found something else than they expect.
    #[error("{failed} expectations are not met")]
    Unmet {
        /// How many.
        failed: usize,
    },
    /// The rows cannot be written to a file.
    #[error("cannot export to {}: {reason}", .path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The answer cannot be written.
    #[error("cannot print the answer: {0}")]
    Print(#[from] io::Error),
    /// The answer cannot be printed in this format.
    #[error("cannot print the answer: {0}")]
    Format(#[from] ArrowError),
    /// The SQL cannot be taken apart.
    #[error("cannot read the SQL: {0}")]
    Sql(String),
}

impl CliError {
    /// The exit code: 2 for wrong use, else 1.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }
}
