//! Writes frozen memtables as segments: a file for each large one, one file for all small ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::SHARED_BYTES_MAX;
use super::hide::{gather_chunks, write_hidden};
use super::label::Labelled;
use super::layout::Layout;
use super::order::{Chunks, Cut, cut};
use super::patch::PatchOut;
use crate::disk::Disk;
use crate::distribution::Lattice;
use crate::engine::Inner;
use crate::engine::state::FrozenTable;
use crate::error::Result;
use crate::label::LabelBlocks;
use crate::limits::ROW_GROUP_ROWS_MAX;
use crate::manifest::Manifest;
use crate::overlay::Hidden;
use crate::patch::{self, PATCH_DIR, PatchFile};
use crate::rows::Rows;
use crate::schema::{ColumnId, TableId, TableSchema};
use crate::segment::{
    self, SEGMENT_DIR, SegmentFile, SegmentFileWriter, SegmentInfo, SegmentReader, SegmentSpec,
};
use crate::series::SeriesRegistry;

/// Tells the number in a file's name.
type NumberOf = fn(&str) -> Option<u64>;

/// Row groups gathered while those before them are encoded.
const GATHERED_AHEAD_MAX: usize = 2;

/// What writing segments needs of the engine.
pub(in crate::engine) struct Context<'a> {
    pub(in crate::engine) disk: &'a Arc<dyn Disk>,
    pub(in crate::engine) registry: &'a Arc<SeriesRegistry>,
    /// Numbers of segments and of their files.
    pub(in crate::engine) next_id: &'a AtomicU64,
    pub(in crate::engine) threads: usize,
    /// The numbers that were taken.
    pub(in crate::engine) taken: Mutex<Vec<u64>>,
}

/// What a flush wrote.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Fresh {
    pub(in crate::engine) segments: Vec<Arc<SegmentReader>>,
    pub(in crate::engine) lattices: BTreeMap<TableId, BTreeMap<ColumnId, Lattice>>,
    /// Of older segments, where that changed.
    pub(in crate::engine) hidden: Vec<Arc<Hidden>>,
    /// What segments have of labels, where that changed.
    pub(in crate::engine) labels: LabelBlocks,
}

impl Fresh {
    /// Adds what was written later.
    pub(in crate::engine) fn extend(&mut self, later: Self) {
        self.segments.extend(later.segments);
        self.hidden.extend(later.hidden);
        self.labels.extend(later.labels);
        for (table, lattices) in later.lattices {
            self.lattices.entry(table).or_default().extend(lattices);
        }
    }
}

impl<'a> Context<'a> {
    pub(in crate::engine) fn new(inner: &'a Inner) -> Self {
        let Inner { disk, registry, next_segment_id: next_id, options, .. } = inner;
        Self { disk, registry, next_id, threads: options.threads, taken: Mutex::default() }
    }

    /// The patch files that a manifest names. No I/O.
    pub(in crate::engine) fn patch_files(&self, manifest: &Manifest) -> BTreeMap<u64, Arc<PatchFile>> {
        let open = |number| (number, PatchFile::new(self.disk.clone(), number));
        manifest.patch_files().into_iter().map(open).collect()
    }

    /// A number is spent even where the write fails: the file may be there.
    pub(in crate::engine) fn take_id(&self) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.taken.lock().push(id);
        id
    }

    /// Removes the files that were written with its numbers and that no manifest will name: where a disk is full, each
    /// further try would leave some. What cannot be removed now goes when the directory is opened.
    pub(in crate::engine) fn discard(&self) {
        let taken: HashSet<u64> = self.taken.lock().drain(..).collect();
        for (dir, number_of) in [(SEGMENT_DIR, segment::number_of as NumberOf), (PATCH_DIR, patch::number_of)]
        {
            let names = self.disk.list(dir).unwrap_or_default();
            let is_taken = |name: &&String| number_of(name).is_some_and(|number| taken.contains(&number));
            for name in names.iter().filter(is_taken) {
                let _ = self.disk.remove(&format!("{dir}/{name}"));
            }
        }
    }
}

/// A table's rows, ready to be written.
struct Job<'a> {
    schema: &'a Arc<TableSchema>,
    chunks: Chunks,
    cuts: Vec<Cut>,
    seqs: (u64, u64),
    bytes: usize,
}

/// Writes a segment for each table and partition, and what rows, deletes and labels do to older ones. Nothing is in force
/// before a manifest names it.
///
/// Labels that find their row are written beside its segment, so the tables that keep labels come last.
pub(in crate::engine) fn write_segments(
    context: &Context<'_>,
    tables: &[FrozenTable],
    manifest: &Manifest,
    spilled: &Fresh,
) -> Result<Fresh> {
    let mut fresh = Fresh { lattices: spilled.lattices.clone(), ..Fresh::default() };
    let (keeping, others): (Vec<&FrozenTable>, Vec<_>) =
        tables.iter().partition(|table| table.schema.labels_of().is_some());
    let segments = write_rows(context, &others, &BTreeMap::new(), manifest, &mut fresh)?;
    fresh.segments = segments;
    let (mut out, mut labelled) = (PatchOut::new(context), Labelled::default());
    for table in others.iter().filter(|table| table.labels.is_some()) {
        let id = table.schema.id;
        let own: Vec<_> = fresh.segments.iter().filter(|s| s.info().table == id).cloned().collect();
        labelled.add(context, table, &own, &mut out)?;
    }
    fresh.labels = labelled.blocks;
    let waiting = write_rows(context, &keeping, &labelled.met, manifest, &mut fresh)?;
    fresh.segments.extend(waiting);
    fresh.hidden = write_hidden(context, tables, labelled.came, &mut out)?;
    out.finish()?;
    Ok(fresh)
}

/// Writes a segment for each of these tables and partitions, without the labels that have `met` their row.
fn write_rows(
    context: &Context<'_>,
    tables: &[&FrozenTable],
    met: &BTreeMap<TableId, Vec<RoaringBitmap>>,
    manifest: &Manifest,
    fresh: &mut Fresh,
) -> Result<Vec<Arc<SegmentReader>>> {
    let mut shared: Option<SegmentFileWriter> = None;
    let mut infos = Vec::new();
    for table in tables {
        let met = met.get(&table.schema.id).map_or(&[][..], Vec::as_slice);
        let Some(job) = Job::new(context, table, met)? else { continue };
        for cut in &job.cuts {
            let is_small = job.bytes / job.rows().max(1) * cut.len() < SHARED_BYTES_MAX;
            let begun = if is_small { shared.take() } else { None };
            let mut file = match begun {
                Some(file) => file,
                None => SegmentFileWriter::create(&**context.disk, context.take_id())?,
            };
            infos.push(job.write(context, cut, &mut file, manifest, fresh)?);
            if is_small {
                shared = Some(file);
            } else {
                file.finish()?;
            }
        }
    }
    if let Some(file) = shared {
        file.finish()?;
    }
    Ok(open_segments(context, infos))
}

/// Readers of segments, those of one file sharing it.
pub(in crate::engine) fn open_segments(
    context: &Context<'_>,
    infos: Vec<SegmentInfo>,
) -> Vec<Arc<SegmentReader>> {
    let mut files: BTreeMap<u64, Arc<SegmentFile>> = BTreeMap::new();
    let mut open = |info: SegmentInfo| {
        let file =
            files.entry(info.file).or_insert_with(|| SegmentFile::new(context.disk.clone(), info.file));
        SegmentReader::new(file.clone(), info, context.registry.clone())
    };
    infos.into_iter().map(&mut open).collect()
}

impl<'a> Job<'a> {
    fn new(context: &Context<'_>, table: &'a FrozenTable, met: &[RoaringBitmap]) -> Result<Option<Self>> {
        let FrozenTable { schema, memtable, .. } = table;
        let Some(seqs) = memtable.seqs() else { return Ok(None) };
        let chunks = gather_chunks(context, table, met)?;
        // Those that a recovery has written on its way are among them.
        let segments: Vec<SegmentInfo> = table.segments.iter().map(|s| s.info().clone()).collect();
        let layout = Layout::new(schema, &chunks.rows, &segments)?;
        let cuts = cut(schema, &chunks, &layout)?;
        Ok(Some(Self { schema, chunks, cuts, seqs, bytes: memtable.bytes() }))
    }

    fn rows(&self) -> usize {
        self.cuts.iter().map(Cut::len).sum()
    }

    /// Writes one partition as the next segment of `file`.
    fn write(
        &self,
        context: &Context<'_>,
        cut: &Cut,
        file: &mut SegmentFileWriter,
        manifest: &Manifest,
        fresh: &mut Fresh,
    ) -> Result<SegmentInfo> {
        let mut lattices = manifest.lattices.get(&self.schema.id).cloned().unwrap_or_default();
        lattices.extend(fresh.lattices.get(&self.schema.id).into_iter().flatten());
        let mut writer = file.begin(SegmentSpec {
            id: context.take_id(),
            schema: self.schema,
            partition: cut.partition,
            width: cut.width,
            level: 0,
            first_seq: self.seqs.0,
            last_seq: self.seqs.1,
            series: context.registry,
            lattices: &lattices,
            threads: context.threads,
        })?;
        self.gather(cut, context.threads, &mut |rows| writer.push(rows))?;
        let written = writer.finish()?;
        fresh.lattices.entry(self.schema.id).or_default().extend(written.lattices);
        Ok(written.info)
    }

    /// Hands on the rows of a partition in order. With threads to spare they are gathered ahead, by no more than
    /// [`GATHERED_AHEAD_MAX`].
    fn gather(&self, cut: &Cut, threads: usize, push: &mut dyn FnMut(Rows) -> Result<()>) -> Result<()> {
        let slices = (0..cut.len()).step_by(ROW_GROUP_ROWS_MAX).map(|start| {
            cut.rows(self.schema, &self.chunks.rows, start, ROW_GROUP_ROWS_MAX.min(cut.len() - start))
        });
        if threads <= 1 || cut.len() <= ROW_GROUP_ROWS_MAX {
            return slices.into_iter().try_for_each(|rows| push(rows?));
        }
        std::thread::scope(|scope| {
            let (ahead, gathered) = sync_channel(GATHERED_AHEAD_MAX);
            scope.spawn(move || slices.into_iter().all(|rows| ahead.send(rows).is_ok()));
            gathered.into_iter().try_for_each(|rows| push(rows?))
        })
    }
}
