//! The write-ahead log: what makes an acknowledgement true.
//!
//! Byte map: `docs/format/wal.md`. A file holds a header and frames; a frame holds one whole [`crate::WriteBatch`].

mod file;
mod frame;
pub(crate) mod fuzzing;
mod payload;
mod recovery;
pub(crate) mod survey;

pub(crate) use file::{HEADER_BYTES, RotateError, WalWriter};
pub(crate) use frame::Piece;
pub(crate) use payload::{LoggedBatch, LoggedRows, decode_batch, encode_batch, fingerprint};
pub(crate) use recovery::{Logged, Recovered, recover};

/// Where the WAL files lie.
pub(crate) const WAL_DIR: &str = "wal";

/// The file with this number.
pub(crate) fn path_of(number: u64) -> String {
    format!("{WAL_DIR}/{number:020}.wal")
}

/// The number in a file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".wal")?.parse().ok()
}
