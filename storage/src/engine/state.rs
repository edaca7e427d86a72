//! What is visible: the newest moment, changed by commits and flushes under one short lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::batch::CatalogChange;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::memtable::Chunk;
use crate::schema::{TableId, TableSchema};
use crate::segment::SegmentReader;
use crate::snapshot::{Snapshot, TableData};

/// The newest moment.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) seq: u64,
    pub(super) catalog: Catalog,
    pub(super) tables: BTreeMap<TableId, TableData>,
    /// The moment as readers got it last, while nothing has changed since.
    cached: Option<Snapshot>,
}

impl State {
    /// A moment after write `seq`, still without tables.
    pub(super) fn at(seq: u64) -> Self {
        Self { seq, ..Self::default() }
    }

    /// This moment, built once for all who ask between two changes.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        let Self { seq, catalog, tables, cached } = self;
        cached.get_or_insert_with(|| Snapshot::new(*seq, catalog.clone(), tables.clone())).clone()
    }

    /// Bytes of all memtables.
    pub(super) fn memtable_bytes(&self) -> usize {
        self.tables.values().map(|t| t.active.bytes() + t.frozen.bytes()).sum()
    }

    /// Makes a committed batch visible. Its catalog changes have been tried before.
    pub(super) fn apply(
        &mut self,
        seq: u64,
        changes: &[CatalogChange],
        rows: Vec<(Arc<TableSchema>, RecordBatch)>,
    ) -> Result<()> {
        self.cached = None;
        self.seq = seq;
        for change in changes {
            self.catalog.apply(change)?;
            if let CatalogChange::DropTable(id) = change {
                self.tables.remove(id);
            }
        }
        for (schema, batch) in rows {
            let chunk = Chunk::new(schema.clone(), batch, seq, seq)?;
            self.tables.entry(schema.id).or_default().active.push(chunk);
        }
        Ok(())
    }

    /// Moves what was written so far aside for a flush; what an earlier, failed flush left there stays in front.
    pub(super) fn freeze(&mut self) {
        self.cached = None;
        for data in self.tables.values_mut() {
            let active = std::mem::take(&mut data.active);
            data.frozen.extend(active);
        }
    }

    /// Puts new segments in the place of what was frozen.
    pub(super) fn flushed(&mut self, segments: Vec<Arc<SegmentReader>>) {
        self.cached = None;
        for data in self.tables.values_mut() {
            data.frozen = crate::memtable::Memtable::default();
        }
        for segment in segments {
            // A table dropped meanwhile has no place any more.
            if let Some(data) = self.tables.get_mut(&segment.info().table) {
                Arc::make_mut(&mut data.segments).push(segment);
            }
        }
    }
}
