//! A segment file being read: every read within the file, every checked piece with its checksum.

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, ReadFile};
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

/// An open file.
#[derive(Debug)]
pub(super) struct Source {
    path: String,
    file: Arc<dyn ReadFile>,
    bytes: u64,
}

impl Source {
    pub(super) fn open(disk: &dyn Disk, path: String) -> Result<Self> {
        let io = |action, error| StorageError::io(action, path.clone(), error);
        let file = disk.open(&path).map_err(|e| io("open", e))?;
        let bytes = file.len().map_err(|e| io("read the length of", e))?;
        Ok(Self { path, file, bytes })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The length of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Damage at an offset.
    pub(super) fn corrupt(&self, offset: u64, expected: impl Into<String>) -> StorageError {
        StorageError::corrupt(self.path.clone(), offset, expected)
    }

    /// The same for what a decoder said.
    pub(super) fn malformed(&self, offset: u64) -> impl Fn(Malformed) -> StorageError + '_ {
        move |malformed| self.corrupt(offset, malformed.0)
    }

    /// Reads `bytes` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let within = offset.checked_add(bytes).is_some_and(|end| end <= self.bytes);
        let Some(length) = usize::try_from(bytes).ok().filter(|_| within) else {
            return Err(self.corrupt(self.bytes, format!("{bytes} bytes from offset {offset} on")));
        };
        let mut buffer = vec![0; length];
        self.file.read_at(offset, &mut buffer).map_err(|error| self.read_failed(offset, bytes, error))?;
        Ok(buffer)
    }

    fn read_failed(&self, offset: u64, bytes: u64, error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt(offset, format!("{bytes} more bytes")),
            _ => StorageError::io("read", self.path.clone(), error),
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
