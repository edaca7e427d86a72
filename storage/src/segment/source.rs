//! A segment file being read: every read within the file, every checked piece with its checksum.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::SegmentFile;
use super::file::Content;
use crate::disk::ReadFile;
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

    /// The `bytes` bytes from `offset`: borrowed where the file is mapped, else copied.
    pub(super) fn read(&self, offset: u64, bytes: u64) -> Result<Cow<'_, [u8]>> {
        let opened = self.file.opened()?;
        let Some(place) = self.place(offset, bytes).filter(|place| place.end <= opened.bytes) else {
            let expected = format!("{bytes} bytes from offset {} on", self.at(offset));
            return Err(StorageError::corrupt(self.path(), opened.bytes.min(self.at(offset)), expected));
        };
        let failed = |error| self.read_failed(offset, bytes, error);
        match &opened.content {
            Content::Mapped(map) => borrow(map, place).map(Cow::Borrowed).map_err(failed),
            Content::File(file) => copy(file.as_ref(), place).map(Cow::Owned).map_err(failed),
        }
    }

    /// A piece of the segment as one of the file; none where the segment ends before it.
    fn place(&self, offset: u64, bytes: u64) -> Option<Range<u64>> {
        let end = offset.checked_add(bytes).filter(|end| *end <= self.bytes)?;
        Some(self.base.checked_add(offset)?..self.base.checked_add(end)?)
    }

    fn read_failed(&self, offset: u64, bytes: u64, error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt(offset, format!("{bytes} more bytes")),
            _ => StorageError::io("read", self.path(), error),
        }
    }

    /// Reads a piece and checks it.
    pub(super) fn read_checked(&self, extent: Extent) -> Result<Cow<'_, [u8]>> {
        if extent.bytes == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let bytes = self.read(extent.offset, extent.bytes)?;
        let crc = crc32fast::hash(&bytes);
        if crc == extent.crc {
            return Ok(bytes);
        }
        Err(self.corrupt(extent.offset, format!("{} bytes with checksum {:08x}", extent.bytes, extent.crc)))
    }
}

fn borrow(map: &[u8], place: Range<u64>) -> io::Result<&[u8]> {
    let at = |offset| usize::try_from(offset).map_err(io::Error::other);
    map.get(at(place.start)?..at(place.end)?).ok_or(io::ErrorKind::UnexpectedEof.into())
}

fn copy(file: &dyn ReadFile, place: Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(place.end - place.start).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_at(place.start, &mut buffer)?;
    Ok(buffer)
}
