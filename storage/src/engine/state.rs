//! What is visible: the newest moment, changed by commits and flushes under one short lock.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::compact::Moved;
use super::flush::Fresh;
use crate::batch::CatalogChange;
use crate::budget::MemoryBudget;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::label::{LabelBlocks, LabelView, Relation};
use crate::manifest::Manifest;
use crate::memtable::{Chunk, Memtable};
use crate::overlay::{Deletion, Hidden, Tombstone};
use crate::patch::PatchFile;
use crate::rows::Rows;
use crate::schema::{TableId, TableSchema};
use crate::segment::SegmentReader;
use crate::series::SeriesRegistry;
use crate::snapshot::{Snapshot, TableData};
use crate::tables::Tables;

/// What a flush takes of a table, and what the rows and deletes in it may hide rows of.
#[derive(Clone, Debug)]
pub(super) struct FrozenTable {
    /// As it is now.
    pub(super) schema: Arc<TableSchema>,
    pub(super) memtable: Memtable,
    /// What was written before.
    pub(super) segments: Arc<Vec<Arc<SegmentReader>>>,
    pub(super) hidden: Arc<BTreeMap<u64, Arc<Hidden>>>,
    /// The labels of its rows, of those in memory the ones that the flush takes too.
    pub(super) labels: Option<LabelView>,
}

/// The newest moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) seq: u64,
    pub(super) catalog: Catalog,
    pub(super) tables: Tables<TableData>,
    /// The moment as readers got it last, while nothing has changed since.
    cached: Option<Snapshot>,
    /// Bytes of all memtables.
    bytes: usize,
    budget: Arc<MemoryBudget>,
    registry: Arc<SeriesRegistry>,
    /// Segments of dropped tables: the manifest still names them.
    dropped: Vec<Arc<SegmentReader>>,
}

impl State {
    /// A moment after write `seq`, still without tables.
    pub(super) fn at(seq: u64, budget: Arc<MemoryBudget>, registry: Arc<SeriesRegistry>) -> Self {
        Self {
            seq,
            catalog: Catalog::default(),
            tables: Tables::new(),
            cached: None,
            bytes: 0,
            budget,
            registry,
            dropped: Vec::new(),
        }
    }

    /// This moment, built once for all who ask between two changes.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        let Self { seq, catalog, tables, cached, registry, .. } = self;
        let make = || Snapshot::new(*seq, catalog.clone(), tables.clone(), registry.clone());
        cached.get_or_insert_with(make).clone()
    }

    /// Bytes of all memtables.
    pub(super) fn memtable_bytes(&self) -> usize {
        self.bytes
    }

    /// Makes a committed batch visible. Its catalog changes have been tried before.
    pub(super) fn apply(
        &mut self,
        seq: u64,
        changes: &[CatalogChange],
        deletes: Vec<(TableId, Arc<Deletion>)>,
        rows: Vec<(Arc<TableSchema>, Rows)>,
    ) -> Result<()> {
        self.cached = None;
        self.seq = seq;
        for change in changes {
            self.catalog.apply(change)?;
            match change {
                CatalogChange::DropTable(id) => self.drop_table(*id),
                CatalogChange::AlterTable(schema) => self.forget_labels_found(schema.id),
                _ => {}
            }
        }
        for (table, deletion) in deletes {
            let active = &mut self.tables.entry(table).or_default().active;
            let before = active.bytes();
            active.delete(Tombstone { seq, deletion });
            let bytes = self.bytes + active.bytes() - before;
            self.account(bytes);
        }
        for (schema, rows) in rows {
            let chunk = Chunk::new(schema.clone(), rows, seq, seq)?;
            let active = &mut self.tables.entry(schema.id).or_default().active;
            let before = active.bytes();
            active.push(chunk);
            let bytes = self.bytes + active.bytes() - before;
            self.account(bytes);
        }
        Ok(())
    }

    /// Where labels are looked for depends on the options of the table of their rows.
    fn forget_labels_found(&mut self, rows: TableId) {
        let labels = self.catalog.labels_of(rows).map(|labels| labels.id);
        if let Some(data) = labels.and_then(|labels| self.tables.get_mut(&labels)) {
            data.label_cache = Arc::default();
        }
    }

    fn drop_table(&mut self, id: TableId) {
        if let Some(data) = self.tables.remove(&id) {
            self.account(self.bytes - data.memtable_bytes());
            self.dropped.extend(data.segments.iter().cloned());
        }
    }

    /// The segments that the manifest in force names: also those of tables that were dropped since.
    pub(super) fn named_segments(&self) -> Vec<Arc<SegmentReader>> {
        let of_tables = self.tables.values().flat_map(|data| data.segments.iter());
        of_tables.chain(&self.dropped).cloned().collect()
    }

    /// Hands out the segments of dropped tables that a manifest names no more.
    pub(super) fn take_dropped(&mut self, manifest: &Manifest) -> Vec<Arc<SegmentReader>> {
        if self.dropped.is_empty() {
            return Vec::new();
        }
        let named: HashSet<u64> = manifest.segments.iter().map(|segment| segment.id).collect();
        self.dropped.extract_if(.., |s| !named.contains(&s.info().id)).collect()
    }

    /// Moves what was written to these tables aside for a flush; what an earlier, failed flush left there stays in
    /// front.
    pub(super) fn freeze(&mut self, tables: &[TableId]) {
        self.cached = None;
        for id in tables {
            if let Some(data) = self.tables.get_mut(id) {
                let active = data.active.take();
                data.frozen.extend(active);
            }
        }
    }

    /// What is frozen of these tables.
    pub(super) fn frozen_tables(&self, tables: &[TableId]) -> Result<Vec<FrozenTable>> {
        let mut frozen = Vec::with_capacity(tables.len());
        for id in tables {
            let (Some(data), Some(schema)) = (self.tables.get(id), self.catalog.by_id.get(id)) else {
                continue;
            };
            frozen.push(FrozenTable {
                schema: schema.clone(),
                memtable: data.frozen.clone(),
                segments: data.segments.clone(),
                hidden: data.hidden.clone(),
                labels: self.frozen_labels(schema, data, tables)?,
            });
        }
        Ok(frozen)
    }

    fn frozen_labels(
        &self,
        schema: &TableSchema,
        data: &TableData,
        tables: &[TableId],
    ) -> Result<Option<LabelView>> {
        let Some(labels) = self.catalog.labels_of(schema.id) else { return Ok(None) };
        let Some(relation) = Relation::of(schema, labels) else { return Ok(None) };
        let kept = self.tables.get(&labels.id).cloned().unwrap_or_default();
        let is_taken = tables.contains(&labels.id);
        let chunks = if is_taken { kept.frozen.chunks().to_vec() } else { Vec::new() };
        data.label_view(relation, &kept, chunks, &self.registry).map(Some)
    }

    /// Puts new segments and the hidden rows of older ones in the place of what was frozen of these tables; the segments
    /// of which all rows are hidden, which leave.
    pub(super) fn flushed(&mut self, tables: &[TableId], fresh: &Fresh) -> Vec<Arc<SegmentReader>> {
        self.cached = None;
        let mut gone = 0;
        for id in tables {
            if let Some(data) = self.tables.get_mut(id) {
                gone += std::mem::take(&mut data.frozen).bytes();
                data.label_cache = Arc::default();
            }
        }
        self.account(self.bytes - gone);
        self.add_segments(fresh.segments.clone());
        self.label(&fresh.labels);
        self.hide(&fresh.hidden)
    }

    /// Puts hidden rows and labels in force; the segments of which no row is left.
    pub(super) fn patched(&mut self, fresh: &Fresh) -> Vec<Arc<SegmentReader>> {
        self.cached = None;
        self.label(&fresh.labels);
        self.hide(&fresh.hidden)
    }

    /// Puts labels in force: all that segments have of a column.
    fn label(&mut self, labels: &LabelBlocks) {
        for (key, blocks) in labels {
            let table = blocks.first().and_then(|block| self.tables.get_mut(&block.of.table));
            if let Some(data) = table.filter(|data| data.segments.iter().any(|s| s.info().id == key.0)) {
                Arc::make_mut(&mut data.labels).insert(*key, blocks.clone());
            }
        }
    }

    /// The patch files in use, by number.
    pub(super) fn patches(&self) -> BTreeMap<u64, Arc<PatchFile>> {
        let hidden = self.tables.values().flat_map(|data| data.hidden.values());
        let hidden = hidden.map(|hidden| (hidden.place.place.file, hidden.file().clone()));
        let labels = self.tables.values().flat_map(|data| data.labels.values().flatten());
        hidden.chain(labels.map(|block| (block.place.place.file, block.file().clone()))).collect()
    }

    /// Puts hidden rows in force; the segments of which no row is left.
    fn hide(&mut self, hidden: &[Arc<Hidden>]) -> Vec<Arc<SegmentReader>> {
        let mut emptied = Vec::new();
        for hidden in hidden {
            let Some(data) = self.tables.get_mut(&hidden.table()) else { continue };
            let all = Arc::make_mut(&mut data.hidden);
            all.insert(hidden.segment(), hidden.clone());
            let is_empty = |s: &Arc<SegmentReader>| {
                s.info().id == hidden.segment() && s.info().rows == hidden.place.rows
            };
            if data.segments.iter().any(is_empty) {
                all.remove(&hidden.segment());
                Arc::make_mut(&mut data.labels).retain(|(segment, _), _| *segment != hidden.segment());
                emptied.extend(Arc::make_mut(&mut data.segments).extract_if(.., |s| is_empty(s)));
            }
        }
        emptied
    }

    /// Puts the outputs of a compaction, with their hidden rows and labels, in the place of its inputs; the inputs.
    pub(super) fn compacted(
        &mut self,
        table: TableId,
        inputs: &[u64],
        outputs: Vec<Arc<SegmentReader>>,
        moved: &Moved,
    ) -> Vec<Arc<SegmentReader>> {
        self.cached = None;
        let is_input = |s: &Arc<SegmentReader>| inputs.contains(&s.info().id);
        let Some(data) = self.tables.get_mut(&table) else {
            // Dropped meanwhile: what took the place of its segments goes with the next manifest.
            self.dropped.extend(outputs);
            return self.dropped.extract_if(.., |s| is_input(s)).collect();
        };
        let (gone, kept) = data.segments.iter().cloned().partition(is_input);
        data.segments = Arc::new(kept);
        Arc::make_mut(&mut data.hidden).retain(|segment, _| !inputs.contains(segment));
        Arc::make_mut(&mut data.labels).retain(|(segment, _), _| !inputs.contains(segment));
        self.add_segments(outputs);
        self.label(&moved.labels);
        self.hide(&moved.hidden);
        gone
    }

    /// Notes how many bytes the memtables hold now.
    fn account(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.take(bytes - self.bytes);
        } else {
            self.budget.give(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    /// Segments of a table stand in the order of writing.
    fn add_segments(&mut self, segments: Vec<Arc<SegmentReader>>) {
        for segment in segments {
            // A table dropped meanwhile has no place any more.
            if let Some(data) = self.tables.get_mut(&segment.info().table) {
                let all = Arc::make_mut(&mut data.segments);
                all.push(segment);
                all.sort_by_key(|s| (s.info().first_seq, s.info().id));
            }
        }
    }
}

impl Drop for State {
    /// A state that a mending replaces gives back what its memtables held.
    fn drop(&mut self) {
        self.account(0);
    }
}
