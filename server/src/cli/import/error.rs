use std::io;
use std::path::{Path, PathBuf};

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The name says nothing we know.
    #[error("{} is neither .csv, .tsv nor .parquet; convert it, or rename it if it is one of these", .0.display())]
    UnknownFormat(PathBuf),
    /// The system refused.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is not what its name says.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        reason: String,
    },
    /// A value that is not what its column is.
    #[error("{}, row {row}, column {column}: {value} is not {expected}; correct the file and import it again", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Counted from 1, without the header.
        row: u64,
        /// The column as the file names it.
        column: String,
        /// The value, cut where it is long.
        value: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A column of a type that no column of a table can hold.
    #[error("{}, column {column}: no table can hold {found}; convert it or leave the column out of the file", .path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A flag names a column that is not there.
    #[error("{} has no column {column} (named by {flag}); it has {known}", .path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The flag.
        flag: &'static str,
        /// The columns there are.
        known: String,
    },
    /// Labels are of a model that is there.
    #[error("there is no model {model} that these could be labels of; make it with CREATE MODEL")]
    NoModel {
        /// The model.
        model: String,
    },
    /// No flag names the time, and no column is named so.
    #[error("which column of {} is the event time? Name it with --time; the file has {known}", .path.display())]
    NoTime {
        /// The file.
        path: PathBuf,
        /// The columns there are.
        known: String,
    },
    /// Two columns would get the same name, or one has none.
    #[error("{}: {problem}; give each column a name of its own", .path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl ImportError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn unreadable(path: &Path, reason: impl ToString) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.to_string() }
    }
}
