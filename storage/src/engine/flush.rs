//! Flush: memtables become segments, the manifest names them, the WAL before them goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::Inner;
use crate::catalog::Catalog;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::manifest::{self, Manifest};
use crate::memtable::Memtable;
use crate::partition::{Partition, Width};
use crate::rows::Rows;
use crate::schema::{NO_TAGS, Role, TableSchema};
use crate::segment::{SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec};
use crate::series::SeriesRegistry;
use crate::wal::{self, WAL_DIR};
use crate::writers::Writers;

/// A moment set aside to be written: everything up to `seq`, and the WAL file in which what comes after begins.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) seq: u64,
    pub(super) catalog: Catalog,
    pub(super) writers: Writers,
    pub(super) tables: Vec<(Arc<TableSchema>, Memtable)>,
    pub(super) wal_first: u64,
    pub(super) next_table_id: u32,
}

/// Writes a segment a table.
pub(super) fn write_segments(
    disk: &Arc<dyn Disk>,
    frozen: &Frozen,
    next_segment_id: &mut u64,
) -> Result<Vec<Arc<SegmentReader>>> {
    let mut segments = Vec::new();
    for (schema, memtable) in &frozen.tables {
        let (Some(rows), Some((first_seq, last_seq))) = (memtable.sorted(schema)?, memtable.seqs()) else {
            continue;
        };
        // An id is spent even where the write fails: the file may be there.
        let id = *next_segment_id;
        *next_segment_id += 1;
        let info = write_segment(&**disk, id, schema, rows, first_seq, last_seq)?;
        let file = SegmentFile::new(disk.clone(), info.file);
        segments.push(SegmentReader::new(file, info, Arc::new(SeriesRegistry::new())));
    }
    Ok(segments)
}

/// Until rows come with series, tags are kept like other columns.
fn write_segment(
    disk: &dyn Disk,
    id: u64,
    schema: &TableSchema,
    batch: RecordBatch,
    first_seq: u64,
    last_seq: u64,
) -> Result<SegmentInfo> {
    let mut schema = schema.clone();
    schema.columns.iter_mut().filter(|c| c.role == Role::Tag).for_each(|c| c.role = Role::Field);
    let (schema, lattices, series) = (Arc::new(schema), BTreeMap::new(), SeriesRegistry::new());
    let mut file = SegmentFileWriter::create(disk, id)?;
    let mut writer = file.begin(SegmentSpec {
        id,
        schema: &schema,
        partition: Partition::of(0, Partition::LONG),
        width: Width::MAX,
        level: 0,
        first_seq,
        last_seq,
        series: &series,
        lattices: &lattices,
        threads: 1,
    })?;
    writer.push(Rows { series: vec![NO_TAGS; batch.num_rows()].into(), batch })?;
    let info = writer.finish()?.info;
    file.finish()?;
    Ok(info)
}

/// The manifest after the flush.
pub(super) fn next_manifest(
    before: &Manifest,
    version: u64,
    next_segment_id: u64,
    frozen: Frozen,
    segments: &[Arc<SegmentReader>],
) -> Manifest {
    let kept = before.segments.iter().filter(|s| frozen.catalog.by_id.contains_key(&s.table)).cloned();
    Manifest {
        version,
        catalog_seq: frozen.seq,
        wal_first: frozen.wal_first,
        wal_first_seq: frozen.seq + 1,
        next_table_id: frozen.next_table_id,
        next_segment_id,
        tables: frozen.catalog.by_id.values().cloned().collect(),
        flushed_seq: frozen.catalog.by_id.keys().map(|id| (*id, frozen.seq)).collect::<BTreeMap<_, _>>(),
        entries: (*frozen.catalog.entries).clone(),
        segments: kept.chain(segments.iter().map(|s| s.info().clone())).collect(),
        writers: frozen.writers,
    }
}

/// Removes what a durable manifest has made superfluous. What cannot be removed now is removed at the next open.
pub(super) fn remove_superfluous(disk: &dyn Disk, before: &Manifest, now: &Manifest) {
    let _ = remove_wal_below(disk, now.wal_first);
    let _ = manifest::remove_old(disk);
    for segment in before.segments.iter().filter(|s| !now.segments.contains(s)) {
        let _ = disk.remove(&segment.path());
    }
}

/// Removes the WAL files below the first that is needed, unread.
pub(super) fn remove_wal_below(disk: &dyn Disk, first: u64) -> Result<()> {
    let names = disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))?;
    for number in names.iter().filter_map(|name| wal::number_of(name)).filter(|number| *number < first) {
        let path = wal::path_of(number);
        disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
    }
    Ok(())
}

impl Inner {
    /// Moves all memtables into segments. Reads go on, and so do writes, into fresh memtables and a fresh WAL file.
    pub(super) fn flush(&self) -> Result<()> {
        let mut files = self.files.lock();
        let Some(frozen) = self.freeze(&files.manifest)? else { return Ok(()) };
        let segments = write_segments(&self.disk, &frozen, &mut files.next_segment_id)?;
        files.manifest_version += 1;
        let next =
            next_manifest(&files.manifest, files.manifest_version, files.next_segment_id, frozen, &segments);
        files.manifest_bytes = manifest::publish(&*self.disk, &next)?;
        self.state.lock().flushed(segments);
        remove_superfluous(&*self.disk, &files.manifest, &next);
        self.wal_first.store(next.wal_first, std::sync::atomic::Ordering::Relaxed);
        files.manifest = next;
        self.flushed.notify_all();
        Ok(())
    }

    /// Sets a moment aside; none where the manifest already says all there is.
    fn freeze(&self, manifest: &Manifest) -> Result<Option<Frozen>> {
        let mut committer = self.committer.lock();
        if let Some(reason) = &committer.failed {
            return Err(StorageError::OutcomeUnknown { reason: reason.clone() });
        }
        if self.state.lock().seq == manifest.catalog_seq {
            return Ok(None);
        }
        if !committer.wal.is_empty() {
            committer.rotate()?;
        }
        committer.writers.expire(self.options.clock.now_nanos());
        let mut state = self.state.lock();
        state.freeze();
        let table = |(id, data): (&u32, &crate::snapshot::TableData)| {
            Some((state.catalog.by_id.get(id)?.clone(), data.frozen.clone()))
        };
        Ok(Some(Frozen {
            seq: state.seq,
            catalog: state.catalog.clone(),
            writers: committer.writers.clone(),
            tables: state.tables.iter().filter_map(table).collect(),
            wal_first: committer.wal.number(),
            next_table_id: self.next_table_id.load(std::sync::atomic::Ordering::Relaxed),
        }))
    }
}
