//! A segment file being read: every read within the file, every checked piece with its checksum.

use std::io;
use std::sync::Arc;

use super::SegmentFile;
use crate::encoding::Malformed;
use crate::error::{Result, StorageError};

/// A piece of a file and its checksum, which stands elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl Extent {
    /// Where it ends; none past the greatest number.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.bytes)
    }
}

/// A segment within its file. Offsets count from where it begins; errors name those of the file.
#[derive(Debug)]
pub(super) struct Source {
    file: Arc<SegmentFile>,
    base: u64,
    bytes: u64,
}

impl Source {
    /// A segment of `bytes` bytes that begins at `base`. No I/O.
    pub(super) fn new(file: Arc<SegmentFile>, base: u64, bytes: u64) -> Self {
        Self { file, base, bytes }
    }

    pub(super) fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    pub(super) fn path(&self) -> &str {
        self.file.path()
    }

    /// An offset of the segment as one of the file.
    pub(super) fn at(&self, offset: u64) -> u64 {
        self.base.saturating_add(offset)
    }

    /// Damage at an offset.
    pub(super) fn corrupt(&self, offset: u64, expected: impl Into<String>) -> StorageError {
        StorageError::corrupt(self.path(), self.at(offset), expected)
    }

    /// The same for what a decoder said.
    pub(super) fn malformed(&self, offset: u64) -> impl Fn(Malformed) -> StorageError + '_ {
        move |malformed| self.corrupt(offset, malformed.0)
    }

    /// Reads `bytes` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let opened = self.file.opened()?;
        let end = offset.checked_add(bytes).filter(|end| *end <= self.bytes);
        let within = end.and_then(|end| end.checked_add(self.base)).is_some_and(|end| end <= opened.bytes);
        let Some(length) = usize::try_from(bytes).ok().filter(|_| within) else {
            let expected = format!("{bytes} bytes from offset {} on", self.at(offset));
            return Err(StorageError::corrupt(self.path(), opened.bytes.min(self.at(offset)), expected));
        };
        let mut buffer = vec![0; length];
        opened
            .file
            .read_at(self.at(offset), &mut buffer)
            .map_err(|error| self.read_failed(offset, bytes, error))?;
        Ok(buffer)
    }

    fn read_failed(&self, offset: u64, bytes: u64, error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt(offset, format!("{bytes} more bytes")),
            _ => StorageError::io("read", self.path(), error),
        }
    }

    /// Reads a piece and checks it.
    pub(super) fn read_checked(&self, extent: Extent) -> Result<Vec<u8>> {
        if extent.bytes == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.read(extent.offset, extent.bytes)?;
        let crc = crc32fast::hash(&bytes);
        if crc == extent.crc {
            return Ok(bytes);
        }
        Err(self.corrupt(extent.offset, format!("{} bytes with checksum {:08x}", extent.bytes, extent.crc)))
    }
}
