//! Files that held erased rows, written anew without them.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Found, Search, Segments};
use super::{EraseReport, ErasedPlace};
use crate::compaction::Job;
use crate::engine::Inner;
use crate::engine::compact::{CANCELLED_MAX, Work};
use crate::error::{Result, StorageError};
use crate::limits::ROW_GROUP_ROWS_MAX;
use crate::schema::TableId;
use crate::segment::SegmentInfo;

impl Inner {
    /// Writes every segment of a file anew that held a row found, or that holds bytes which are in force no more: nobody
    /// can tell what is in those. Files leave as a whole, so the untouched neighbours of a row move too.
    pub(super) fn rewrite(
        &self,
        segments: &Segments,
        searches: &[Search],
        found: &Found,
        report: &mut EraseReport,
    ) -> Result<()> {
        let is_touched = |s: &&SegmentInfo| found.contains_key(&s.id);
        let infos = || segments.values().flat_map(|all| all.iter()).map(|segment| segment.info());
        let mut files: BTreeSet<u64> = infos().filter(is_touched).map(|s| s.file).collect();
        files.extend(self.files_with_remains()?);
        files.extend(self.files_with_dropped_columns(segments, searches)?);
        let named = self.files.lock().manifest.segments.clone();
        for info in infos().filter(is_touched).filter(|info| !named.iter().any(|s| s.id == info.id)) {
            report.places.push(gone(info, found));
        }
        for info in named.iter().filter(|info| files.contains(&info.file)) {
            if let Some(bytes) = self.rewrite_segment(info)? {
                let rows = found.get(&info.id).map_or(0, |rows| rows.len());
                let what = "written anew".to_owned();
                let (bytes_before, bytes_after) = (info.bytes, bytes);
                let path = info.path();
                report.places.push(ErasedPlace {
                    place: "segment",
                    path,
                    what,
                    rows,
                    bytes_before,
                    bytes_after,
                    ..ErasedPlace::default()
                });
            }
        }
        Ok(())
    }

    /// The files that are longer than what is in force in them.
    fn files_with_remains(&self) -> Result<BTreeSet<u64>> {
        let manifest = self.files.lock().manifest.clone();
        let mut remains = BTreeSet::new();
        let mut files: BTreeMap<u64, u64> = BTreeMap::new();
        for segment in &manifest.segments {
            *files.entry(segment.file).or_default() += segment.bytes;
        }
        for (file, named) in files {
            let path = SegmentInfo::path_of(file);
            let length = self.disk.open(&path).and_then(|file| file.len());
            let length = length.map_err(|e| StorageError::io("read", path, e))?;
            if length > named {
                remains.insert(file);
            }
        }
        Ok(remains)
    }

    /// Those of tables that are erased from which hold values of columns that the table has no more: nobody can say of
    /// whom these are.
    fn files_with_dropped_columns(&self, segments: &Segments, searches: &[Search]) -> Result<BTreeSet<u64>> {
        let catalog = self.state.lock().catalog.clone();
        let mut files = BTreeSet::new();
        let tables: BTreeSet<TableId> = searches.iter().map(|search| search.table).collect();
        for table in tables {
            let (Some(schema), Some(all)) = (catalog.by_id.get(&table), segments.get(&table)) else {
                continue;
            };
            let older = all.iter().filter(|segment| segment.info().schema_version < schema.version);
            for segment in older {
                let sizes = segment.column_sizes()?;
                if sizes.iter().any(|size| schema.column(size.column).is_none()) {
                    files.insert(segment.info().file);
                }
            }
        }
        Ok(files)
    }

    /// The bytes of what took its place; none where it went meanwhile.
    fn rewrite_segment(&self, info: &SegmentInfo) -> Result<Option<u64>> {
        for _ in 0..CANCELLED_MAX {
            let is_named = self.files.lock().manifest.segments.iter().any(|s| s.id == info.id);
            let is_wanted = self.state.lock().catalog.by_id.contains_key(&info.table);
            if !is_named || !is_wanted {
                return Ok(None);
            }
            match self.run(vec![Work { job: alone(info), without: BTreeSet::new() }], true) {
                // A flush that hid rows of it takes the ground from under the job.
                Err(StorageError::Cancelled) if !self.is_closed() => {}
                outcome => return outcome.map(Some),
            }
        }
        Err(StorageError::Cancelled)
    }
}

fn gone(info: &SegmentInfo, found: &Found) -> ErasedPlace {
    let rows = found.get(&info.id).map_or(0, |rows| rows.len());
    let what = "taken away: no row of it is left".to_owned();
    ErasedPlace {
        place: "segment",
        path: info.path(),
        what,
        rows,
        bytes_before: info.bytes,
        ..Default::default()
    }
}

/// One segment becomes one of the same cells, level and writes, so that all that holds between segments goes on to.
fn alone(info: &SegmentInfo) -> Job {
    Job {
        table: info.table,
        partition: info.partition,
        inputs: vec![info.id],
        first_seq: info.first_seq,
        last_seq: info.last_seq,
        width: info.width,
        level: info.level,
        cuts: Vec::new(),
        open: None,
        run_bytes_max: u64::MAX,
        group_rows: ROW_GROUP_ROWS_MAX,
        bytes: info.bytes,
    }
}
