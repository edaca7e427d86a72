//! What can go wrong at the boundary of the storage engine.

use std::io;

/// The result of every storage call.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// An error of the storage engine. Damage always names the file, the offset and what should have been there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused a call.
    #[error("cannot {action} {path}: {source}{}", remedy(.source))]
    Io {
        /// What was tried, as a verb: `append to`, `sync`, `read`.
        action: &'static str,
        /// The file or directory, relative to the data directory.
        path: String,
        /// The system's own error.
        source: io::Error,
    },
    /// Bytes on disk are not what they must be.
    #[error(
        "{path} is damaged at offset {offset}: expected {expected}; the file was changed or lost outside driftline, restore the directory from a copy"
    )]
    Corrupt {
        /// The damaged file, relative to the data directory.
        path: String,
        /// Where in the file the damage was noticed.
        offset: u64,
        /// What should have been there.
        expected: String,
    },
    /// The file was written by a newer Driftline.
    #[error(
        "{path} has format version {found}, this build reads up to {known}; open it with a newer driftline"
    )]
    NewerFormat {
        /// The file.
        path: String,
        /// The version found in the file.
        found: u16,
        /// The newest version this build reads.
        known: u16,
    },
    /// The file was written by a build from before the first format that is kept.
    #[error(
        "{path} has format version {found}, from before the first that is kept ({oldest}); begin with an empty directory and import the rows again"
    )]
    OldFormat {
        /// The file.
        path: String,
        /// The version found in the file.
        found: u16,
        /// The oldest version this build reads.
        oldest: u16,
    },
    /// The log holds a frame that only a newer Driftline knows.
    #[error(
        "{path} has a frame of kind {kind} at offset {offset}, which only a newer driftline reads; open it with that"
    )]
    UnknownFrame {
        /// The file.
        path: String,
        /// Where the frame begins.
        offset: u64,
        /// Its kind.
        kind: u8,
    },
    /// Another process holds the data directory.
    #[error(
        "the data directory {path} is in use by another driftline process; stop it first, or name another directory"
    )]
    InUse {
        /// The directory.
        path: String,
    },
    /// A sync failed while the batch was on its way: it may or may not be on disk.
    #[error("outcome unknown, retry with the same writer and sequence: {reason}")]
    OutcomeUnknown {
        /// What failed.
        reason: String,
    },
    /// A compaction would have lost or doubled rows; nothing was changed.
    #[error(
        "compaction of table {table} would turn {before} rows into {after}; nothing was changed, please report this"
    )]
    RowsDiffer {
        /// The table.
        table: String,
        /// Rows in the segments that were merged.
        before: u64,
        /// Rows in what came out.
        after: u64,
    },
    /// A compaction counted a cell otherwise than the segments it came from; nothing was changed.
    #[error(
        "compaction of table {table} would change the summary of column {column} in the interval that begins at {interval} ns, {}; nothing was changed, please report this", whose(.series)
    )]
    SummaryDiffers {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Where the interval begins, in nanoseconds since 1970.
        interval: i64,
        /// The series of the cell; none for the small cells of the interval together.
        series: Option<u32>,
    },
    /// The engine was closed.
    #[error("the database is closed")]
    Closed,
    /// Memory stayed over its limits for as long as a writer waits.
    #[error(
        "memory holds {used} bytes of rows and queries, over the limit of {limit}, and no flush made room in time; see that the disk is well and queries end, then send the batch again"
    )]
    OverBudget {
        /// Bytes held.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// The work was stopped before its end; nothing has changed.
    #[error("cancelled before it was done; nothing has changed")]
    Cancelled,
    /// A batch, page or name is over a limit.
    #[error("{what} is {size}, over the limit of {limit}; {remedy}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
        /// What the caller can do.
        remedy: &'static str,
    },
    /// A batch would give a table more series than it may have; nothing of it was written.
    #[error(
        "table {table} would have {size} series (sets of tags), over its limit of {limit}; make tags that differ in nearly every row FIELDs with an INDEX, or raise the table's option series_max"
    )]
    TooManySeries {
        /// The table.
        table: String,
        /// Its series with those of the batch.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A batch would give a tag more values than it may have; nothing of it was written.
    #[error(
        "tag {tag} of table {table} would have {size} values, over its limit of {limit}; make it a FIELD with an INDEX, or raise the table's option tag_values_max"
    )]
    TooManyTagValues {
        /// The table.
        table: String,
        /// The tag.
        tag: String,
        /// Its values with those of the batch.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The rows do not fit the table's schema.
    #[error("{0}")]
    Invalid(String),
    /// A table id or name that is not there.
    #[error("table {0} does not exist")]
    UnknownTable(String),
    /// A table's schema was changed by somebody else in between.
    #[error("table {0} was changed in between; take its schema again and retry")]
    SchemaChanged(String),
    /// A column was to go, or to become of another type, while deletes that may look at it are in no segment yet.
    #[error(
        "table {0} has deletes that no flush has written down yet, which may look at the column to be changed; flush and retry"
    )]
    DeletesPending(String),
    /// A backup without a ledger: nobody can tell what was erased since.
    #[error(
        "{path} has no ledger of what was erased since, so that erased rows might come back; give one (--ledger FILE, the file `ledger` of the data directory), or say that none is needed (--without-ledger)"
    )]
    LedgerMissing {
        /// The backup.
        path: String,
    },
    /// A restore was cut short before it had erased what must not come back.
    #[error(
        "{path} was being restored when that was cut short, and may hold rows that were erased; empty it and restore again"
    )]
    HalfRestored {
        /// The directory.
        path: String,
    },
    /// Rows cannot be erased by a tag: series are known by their tags for the life of a database.
    #[error(
        "{tag} is a TAG of table {table}, by which nothing is erased: a series keeps its tags for the life of the database; keep what is of one person in a SUBJECT column, and erase by that"
    )]
    TagErased {
        /// The table.
        table: String,
        /// The tag.
        tag: String,
    },
    /// A table of this name is already there.
    #[error("table {0} exists already")]
    TableExists(String),
    /// A writer sent a sequence twice with different contents.
    #[error(
        "writer {writer} sent sequence {sequence} before with other contents; give each batch a sequence of its own"
    )]
    SequenceReused {
        /// The writer's id.
        writer: String,
        /// The sequence.
        sequence: u64,
    },
    /// A writer that is not known, or was forgotten after a week of silence, goes on in the middle of its sequence.
    #[error(
        "writer {writer} is not known here (writers are forgotten after 7 days of silence) and cannot go on at sequence {sequence}; begin at 1 under a new name"
    )]
    WriterUnknown {
        /// The writer's id.
        writer: String,
        /// The sequence sent.
        sequence: u64,
    },
    /// A sequence so far behind the writer's last one that nobody can tell any more whether it was applied.
    #[error(
        "writer {writer} is at sequence {last}; sequence {sequence} is more than {window} behind it and cannot be told from a repeat; resume after {last}"
    )]
    SequenceTooOld {
        /// The writer's id.
        writer: String,
        /// The sequence sent.
        sequence: u64,
        /// The newest sequence applied.
        last: u64,
        /// How far behind the last one a sequence may be.
        window: u64,
    },
}

fn whose(series: &Option<u32>) -> String {
    series.map_or_else(|| "its small cells together".into(), |series| format!("series {series}"))
}

/// What to do about an error of the system, where that can be said.
fn remedy(source: &io::Error) -> &'static str {
    match is_full(source) {
        true => "; make room on the disk, reads go on meanwhile and writes do again by themselves",
        false => "",
    }
}

fn is_full(source: &io::Error) -> bool {
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl StorageError {
    /// Whether it says that the disk is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    /// An `io::Error` with what was tried and on which file.
    pub fn io(action: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// The same error for another waiter.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Io { action, path, source } => {
                let kind = source
                    .raw_os_error()
                    .map_or_else(|| io::Error::from(source.kind()), io::Error::from_raw_os_error);
                Self::Io { action, path: path.clone(), source: kind }
            }
            Self::Corrupt { path, offset, expected } => Self::corrupt(path, *offset, expected),
            Self::NewerFormat { path, found, known } => {
                Self::NewerFormat { path: path.clone(), found: *found, known: *known }
            }
            Self::OutcomeUnknown { reason } => Self::OutcomeUnknown { reason: reason.clone() },
            other => Self::Invalid(other.to_string()),
        }
    }

    /// Damage at an offset of a file.
    pub fn corrupt(path: impl Into<String>, offset: u64, expected: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), offset, expected: expected.into() }
    }
}
