//! Segment files: one being written, and one being read.

use std::sync::Arc;

use super::SegmentWriter;
use super::writer::SegmentSpec;
use crate::disk::Disk;
use crate::error::Result;

/// One file of one or more segments being written.
#[derive(Debug)]
pub(crate) struct SegmentFileWriter {}

impl SegmentFileWriter {
    /// Creates the file; the directory `seg` is made where it is missing.
    pub(crate) fn create(disk: &dyn Disk, file: u64) -> Result<Self> {
        todo!("{disk:?} {file}")
    }

    /// Begins the next segment of the file.
    pub(crate) fn begin<'a>(&'a mut self, spec: SegmentSpec<'a>) -> Result<SegmentWriter<'a>> {
        todo!("{}", spec.id)
    }

    /// Its length so far.
    pub(crate) fn bytes(&self) -> u64 {
        todo!()
    }

    /// Syncs the file and the directory `seg`.
    pub(crate) fn finish(self) -> Result<()> {
        todo!()
    }
}

/// A segment file on disk: opened on first read, removed when the last user of an obsolete one is gone.
#[derive(Debug)]
pub(crate) struct SegmentFile {}

impl SegmentFile {
    /// The file of this number. No I/O.
    pub(crate) fn new(disk: Arc<dyn Disk>, number: u64) -> Arc<Self> {
        todo!("{disk:?} {number}")
    }

    /// No manifest names it any more: it is removed when its last reader is gone.
    pub(crate) fn obsolete(&self) {
        todo!()
    }

    /// Where the file of this number lies.
    pub(crate) fn path_of(number: u64) -> String {
        format!("{}/{number:016x}.seg", super::DIRECTORY)
    }
}
