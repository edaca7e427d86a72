//! What is visible: the newest moment, changed by commits and flushes under one short lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::CatalogChange;
use crate::budget::MemoryBudget;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::memtable::{Chunk, Memtable};
use crate::rows::Rows;
use crate::schema::{TableId, TableSchema};
use crate::segment::SegmentReader;
use crate::series::SeriesRegistry;
use crate::snapshot::{Snapshot, TableData};

/// The newest moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) seq: u64,
    pub(super) catalog: Catalog,
    pub(super) tables: BTreeMap<TableId, TableData>,
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
            tables: BTreeMap::new(),
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
        rows: Vec<(Arc<TableSchema>, Rows)>,
    ) -> Result<()> {
        self.cached = None;
        self.seq = seq;
        for change in changes {
            self.catalog.apply(change)?;
            if let CatalogChange::DropTable(id) = change {
                self.drop_table(*id);
            }
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
        let named = |s: &mut Arc<SegmentReader>| manifest.segments.iter().any(|m| m.id == s.info().id);
        self.dropped.extract_if(.., |s| !named(s)).collect()
    }

    /// Moves what was written to these tables aside for a flush; what an earlier, failed flush left there stays in
    /// front.
    pub(super) fn freeze(&mut self, tables: &[TableId]) {
        self.cached = None;
        for id in tables {
            if let Some(data) = self.tables.get_mut(id) {
                let active = std::mem::take(&mut data.active);
                data.frozen.extend(active);
            }
        }
    }

    /// The frozen memtables, with the schemas their tables have now.
    pub(super) fn frozen_tables(&self) -> Vec<(Arc<TableSchema>, Memtable)> {
        let table = |(id, data): (&TableId, &TableData)| {
            Some((self.catalog.by_id.get(id)?.clone(), data.frozen.clone()))
        };
        self.tables.iter().filter_map(table).collect()
    }

    /// Puts new segments in the place of what was frozen of these tables.
    pub(super) fn flushed(&mut self, tables: &[TableId], segments: Vec<Arc<SegmentReader>>) {
        self.cached = None;
        let mut gone = 0;
        for id in tables {
            if let Some(data) = self.tables.get_mut(id) {
                gone += std::mem::take(&mut data.frozen).bytes();
            }
        }
        self.account(self.bytes - gone);
        self.add_segments(segments);
    }

    /// Puts the outputs of a compaction in the place of its inputs; the inputs.
    pub(super) fn compacted(
        &mut self,
        table: TableId,
        inputs: &[u64],
        outputs: Vec<Arc<SegmentReader>>,
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
        self.add_segments(outputs);
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
