//! A segment file being written: small writes are gathered, large ones cut.

use std::sync::Arc;

use super::source::Extent;
use crate::disk::{AppendFile, Disk};
use crate::error::{Result, StorageError};
use crate::limits::WRITE_PIECE_BYTES;

/// A file that grows.
#[derive(Debug)]
pub(super) struct Sink {
    path: String,
    file: Arc<dyn AppendFile>,
    buffer: Vec<u8>,
    offset: u64,
    /// Where the segment being written begins.
    base: u64,
}

impl Sink {
    pub(super) fn create(disk: &dyn Disk, path: String) -> Result<Self> {
        let file = disk.create(&path).map_err(|e| StorageError::io("create", path.clone(), e))?;
        Ok(Self { path, file, buffer: Vec::with_capacity(WRITE_PIECE_BYTES), offset: 0, base: 0 })
    }

    /// The next segment begins here; where in the file that is.
    pub(super) fn begin(&mut self) -> u64 {
        self.base = self.offset;
        self.base
    }

    /// Where the next byte goes in the segment.
    pub(super) fn offset(&self) -> u64 {
        self.offset - self.base
    }

    /// Appends bytes and says where in the segment they lie.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Extent> {
        let extent = Extent { offset: self.offset(), bytes: bytes.len() as u64, crc: crc32fast::hash(bytes) };
        self.offset += extent.bytes;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(WRITE_PIECE_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(piece);
            rest = after;
            if self.buffer.len() == WRITE_PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(extent)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.append(&self.buffer).map_err(|e| StorageError::io("append to", self.path.clone(), e))?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is left and makes the file durable, though not yet its name.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.sync().map_err(|e| StorageError::io("sync", self.path, e))
    }
}
