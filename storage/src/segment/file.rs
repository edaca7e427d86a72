//! Segment files: one being written, and one being read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::sink::Sink;
use super::writer::{SegmentSpec, SegmentWriter};
use super::{DIRECTORY, once};
use crate::disk::{Disk, Mapped, ReadFile};
use crate::error::{Result, StorageError};

/// One file of one or more segments being written.
#[derive(Debug)]
pub(crate) struct SegmentFileWriter {
    number: u64,
    sink: Sink,
}

impl SegmentFileWriter {
    /// Creates the file and makes its name durable; the directory `seg` is made where it is missing.
    pub(crate) fn create(disk: &dyn Disk, file: u64) -> Result<Self> {
        disk.create_dir(DIRECTORY).map_err(|e| StorageError::io("create", DIRECTORY, e))?;
        let sink = Sink::create(disk, SegmentFile::path_of(file))?;
        disk.sync_dir(DIRECTORY).map_err(|e| StorageError::io("sync", DIRECTORY, e))?;
        Ok(Self { number: file, sink })
    }

    /// Begins the next segment of the file.
    pub(crate) fn begin<'a>(&'a mut self, spec: SegmentSpec<'a>) -> Result<SegmentWriter<'a>> {
        SegmentWriter::begin(&mut self.sink, self.number, spec)
    }

    /// Makes its bytes durable.
    pub(crate) fn finish(self) -> Result<()> {
        self.sink.finish()
    }
}

/// A segment file on disk: opened on first read, removed when the last user of an obsolete one is gone.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    disk: Arc<dyn Disk>,
    path: String,
    open: OnceLock<Opened>,
    obsolete: AtomicBool,
}

/// A file opened, and its length.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) content: Content,
    pub(super) bytes: u64,
}

/// How its bytes are reached.
#[derive(Debug)]
pub(super) enum Content {
    /// By memory; the handle is closed, so that many segments take no many handles.
    Mapped(Mapped),
    /// By copies.
    File(Arc<dyn ReadFile>),
}

impl SegmentFile {
    /// The file of this number. No I/O.
    pub(crate) fn new(disk: Arc<dyn Disk>, number: u64) -> Arc<Self> {
        let (path, obsolete) = (Self::path_of(number), AtomicBool::new(false));
        Arc::new(Self { disk, path, open: OnceLock::new(), obsolete })
    }

    /// Another file on the same disk. No I/O.
    pub(crate) fn beside(&self, number: u64) -> Arc<Self> {
        Self::new(self.disk.clone(), number)
    }

    /// No manifest names it any more: it is removed when its last reader is gone.
    pub(crate) fn obsolete(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }

    /// Where the file of this number lies.
    pub fn path_of(number: u64) -> String {
        format!("{DIRECTORY}/{number:016x}.seg")
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn opened(&self) -> Result<&Opened> {
        once(&self.open, || {
            let io = |action, error| StorageError::io(action, self.path.clone(), error);
            let file = self.disk.open(&self.path).map_err(|e| io("open", e))?;
            let bytes = file.len().map_err(|e| io("read the length of", e))?;
            // A system that has no room for one more map still reads.
            Ok(match file.map() {
                Ok(Some(map)) => Opened { bytes: map.len() as u64, content: Content::Mapped(map) },
                Ok(None) | Err(_) => Opened { bytes, content: Content::File(file) },
            })
        })
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Relaxed) {
            // What cannot be removed now goes to the trash at the next open.
            let _ = self.disk.remove(&self.path);
        }
    }
}
