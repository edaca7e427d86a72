//! One moment of a database, held while its files are read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::files::{NamedFile, named_files};
use crate::disk::{Disk, ReadFile};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::segment::SegmentReader;

/// A manifest, and what keeps the files that it names readable although later manifests may not name them: a segment
/// file goes with its last reader, a series file stays readable by the handle that was opened in time.
pub(crate) struct Pinned {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) manifest: Arc<Manifest>,
    open: BTreeMap<String, Arc<dyn ReadFile>>,
    _segments: Vec<Arc<SegmentReader>>,
}

impl Pinned {
    /// To be called while no file of the manifest can go. `segments` are the open ones that it names.
    pub(crate) fn new(
        disk: &Arc<dyn Disk>,
        manifest: Arc<Manifest>,
        segments: Vec<Arc<SegmentReader>>,
    ) -> Result<Self> {
        let mut open = BTreeMap::new();
        for file in named_files(&manifest).into_iter().filter(|file| !file.is_segments()) {
            open.insert(file.path.clone(), file.open(&**disk)?);
        }
        Ok(Self { disk: disk.clone(), manifest, open, _segments: segments })
    }

    /// The files that its manifest names.
    pub(super) fn files(&self) -> Vec<NamedFile> {
        named_files(&self.manifest)
    }

    /// One of them, open.
    pub(super) fn open(&self, file: &NamedFile) -> Result<Arc<dyn ReadFile>> {
        self.open.get(&file.path).cloned().map_or_else(|| file.open(&*self.disk), Ok)
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("manifest", &self.manifest.version).finish_non_exhaustive()
    }
}
