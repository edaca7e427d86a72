//! The files that a manifest names, and whether each is what the manifest says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::unmapped::Unmapped;
use crate::disk::{Disk, ReadFile};
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::patch::{self, Block, PATCH_DIR};
use crate::segment::{SEGMENT_DIR, SegmentFile, SegmentInfo, SegmentReader};
use crate::series::{self, SERIES_DIR, SeriesRegistry};

/// Directories in which files lie that manifests name.
pub(crate) const NAMED_DIRS: [&str; 3] = [SEGMENT_DIR, SERIES_DIR, PATCH_DIR];

/// A file that a manifest names.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    pub(crate) path: String,
    /// Bytes from its start that count. It may be longer: a series file is appended to, a segment file may end in a
    /// segment that is merged into others already.
    pub(crate) bytes: u64,
    pub(crate) content: Content,
}

/// What such a file holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Segments, in the order of the manifest; all lie in the file of this number.
    Segments { number: u64, infos: Vec<SegmentInfo> },
    /// Definitions of series.
    Series { number: u64 },
    /// What writes did to segments later.
    Patches { blocks: Vec<Block> },
}

/// Every file that a manifest names, but for the log: the one place that knows the kinds there are.
pub(crate) fn named_files(manifest: &Manifest) -> Vec<NamedFile> {
    let series = manifest.series.0.iter().map(|(number, bytes)| NamedFile {
        path: series::path_of(*number),
        bytes: *bytes,
        content: Content::Series { number: *number },
    });
    let mut by_file: BTreeMap<u64, Vec<SegmentInfo>> = BTreeMap::new();
    for info in &manifest.segments {
        by_file.entry(info.file).or_default().push(info.clone());
    }
    let segments = by_file.into_iter().map(|(number, infos)| NamedFile {
        path: SegmentInfo::path_of(number),
        bytes: infos.iter().map(|info| info.offset.saturating_add(info.bytes)).max().unwrap_or(0),
        content: Content::Segments { number, infos },
    });
    let patches = manifest.patch_blocks().into_iter().map(|(number, blocks)| NamedFile {
        path: patch::path_of(number),
        bytes: blocks.iter().map(|b| b.place.offset.saturating_add(b.place.bytes)).max().unwrap_or(0),
        content: Content::Patches { blocks },
    });
    series.chain(segments).chain(patches).collect()
}

/// The number of the manifest in force. Changes nothing: to be asked before the lock is taken, which makes a file, so
/// that a mistyped name leaves no trace.
pub(super) fn newest_version(disk: &dyn Disk) -> Result<u64> {
    manifest::present(disk)?.pop().ok_or_else(|| {
        StorageError::Invalid(format!("{} holds no database: it has no manifest", disk.root()))
    })
}

impl NamedFile {
    /// Whether it holds segments, whose open readers keep it.
    pub(super) fn is_segments(&self) -> bool {
        matches!(self.content, Content::Segments { .. })
    }

    /// Whether `disk` holds this file as far as can be told without reading all of it: length, and for a segment head,
    /// trailer and directory, whose checksum the manifest names. What cannot be read is not there.
    pub(super) fn is_there(&self, disk: &Arc<dyn Disk>) -> bool {
        let is_long_enough = disk.open(&self.path).and_then(|f| f.len()).is_ok_and(|len| len >= self.bytes);
        let has_head = |reader: &Arc<SegmentReader>| reader.row_groups().is_ok();
        let is_small = matches!(self.content, Content::Patches { .. });
        is_long_enough
            && self.readers(disk).iter().all(has_head)
            && (!is_small || self.damage(disk).is_empty())
    }

    /// Every place in it that is not what it must be, all bytes read.
    pub(super) fn damage(&self, disk: &Arc<dyn Disk>) -> Vec<StorageError> {
        match (&self.content, self.open(&**disk)) {
            (_, Err(error)) => vec![error],
            (Content::Series { number }, Ok(file)) => self.series_damage(*number, &*file),
            (Content::Patches { blocks }, Ok(file)) => self.patch_damage(blocks, &*file),
            (Content::Segments { .. }, Ok(_)) => {
                self.readers(disk).iter().flat_map(|reader| reader.damage()).collect()
            }
        }
    }

    /// Whether the summaries of its segments are what their rows say: of a file without other damage.
    pub(super) fn recount(&self, disk: &Arc<dyn Disk>) -> Vec<StorageError> {
        let recount = |reader: &Arc<SegmentReader>| reader.recount().unwrap_or_else(|error| vec![error]);
        self.readers(disk).iter().flat_map(recount).collect()
    }

    fn series_damage(&self, number: u64, file: &dyn ReadFile) -> Vec<StorageError> {
        match self.read(file) {
            Ok(bytes) => series::check(number, &bytes).err().into_iter().collect(),
            Err(error) => vec![error],
        }
    }

    /// Of a patch file.
    pub(super) fn patch_damage(&self, blocks: &[Block], file: &dyn ReadFile) -> Vec<StorageError> {
        patch::check(&self.path, file, blocks).into_iter().map(|(_, error)| error).collect()
    }

    /// A file that the manifest names and that is not there is damage, other failures are the system's.
    pub(super) fn open(&self, disk: &dyn Disk) -> Result<Arc<dyn ReadFile>> {
        disk.open(&self.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                StorageError::corrupt(&self.path, 0, "the file that the manifest names")
            }
            _ => StorageError::io("open", &self.path, error),
        })
    }

    /// The bytes that count.
    pub(super) fn read(&self, file: &dyn ReadFile) -> Result<Vec<u8>> {
        let found = file.len().map_err(|e| StorageError::io("read", &self.path, e))?;
        if found < self.bytes {
            let expected = format!("{} bytes, as the manifest says", self.bytes);
            return Err(StorageError::corrupt(&self.path, found, expected));
        }
        let mut bytes = vec![0; usize::try_from(self.bytes).unwrap_or(usize::MAX)];
        file.read_at(0, &mut bytes).map_err(|e| StorageError::io("read", &self.path, e))?;
        Ok(bytes)
    }

    /// Readers of its segments, sharing the file; none of another kind. They are for looking at bytes, not at rows:
    /// they know no series, and map nothing.
    pub(super) fn readers(&self, disk: &Arc<dyn Disk>) -> Vec<Arc<SegmentReader>> {
        let Content::Segments { number, infos } = &self.content else { return Vec::new() };
        let file = SegmentFile::new(Arc::new(Unmapped(disk.clone())), *number);
        let series = Arc::new(SeriesRegistry::new());
        infos.iter().map(|info| SegmentReader::new(file.clone(), info.clone(), series.clone())).collect()
    }
}
