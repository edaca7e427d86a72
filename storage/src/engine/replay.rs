//! The log, played onto what the manifest says; what passes the memory allowed is written out on the way.

use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use super::flush::{Fresh, open_segments, write_segments};
use super::open::Lasting;
use super::state::State;
use crate::batch::CatalogChange;
use crate::catalog::Catalog;
use crate::change::{Change, Filter};
use crate::error::{Result, StorageError};
use crate::manifest::Manifest;
use crate::overlay::{Deletion, Hidden};
use crate::patch::{LabelBlock, LabelPlace, LabelsOf};
use crate::schema::{ColumnId, TableId};
use crate::segment::SegmentInfo;
use crate::snapshot::TableData;
use crate::wal::{Logged, LoggedBatch};
use crate::writers::Writers;

/// The state while the log is played onto it.
pub(super) struct Replay<'a, 'scope> {
    lasting: &'a Lasting<'a>,
    manifest: &'a Manifest,
    state: State,
    writers: Writers,
    next_table_id: TableId,
    /// What was written out already, since the log held more than memory may.
    spilled: Fresh,
    spilling: Option<Spilling<'scope>>,
}

/// Memtables on their way into segments, while the replay goes on.
struct Spilling<'scope> {
    tables: Vec<TableId>,
    bytes: usize,
    writing: ScopedJoinHandle<'scope, Result<Fresh>>,
}

/// What a log was played into.
pub(super) struct Replayed {
    pub(super) state: State,
    pub(super) writers: Writers,
    pub(super) next_table_id: TableId,
    pub(super) spilled: Fresh,
}

impl<'a, 'scope> Replay<'a, 'scope> {
    pub(super) fn new(lasting: &'a Lasting<'a>, manifest: &'a Manifest) -> Self {
        let mut state = State::at(manifest.catalog_seq, lasting.budget.clone(), lasting.registry.clone());
        state.catalog = Catalog::of(manifest);
        let context = lasting.context();
        let patches = context.patch_files(manifest);
        for segment in open_segments(&context, manifest.segments.clone()) {
            let data: &mut TableData = state.tables.entry(segment.info().table).or_default();
            let SegmentInfo { id, table, .. } = *segment.info();
            let place = manifest.hidden.get(&id);
            for (key, places) in manifest.labels.range((id, 0)..=(id, ColumnId::MAX)) {
                let of = LabelsOf { table, segment: id, column: key.1 };
                let block = |place: &LabelPlace| {
                    Some(LabelBlock::new(of, *place, patches.get(&place.place.file)?.clone()))
                };
                let blocks = places.iter().filter_map(block).collect();
                Arc::make_mut(&mut data.labels).insert(*key, blocks);
            }
            if let Some((place, file)) = place.and_then(|p| Some((*p, patches.get(&p.place.file)?))) {
                let hidden = Hidden::new(table, id, place, file.clone());
                Arc::make_mut(&mut data.hidden).insert(id, hidden);
            }
            Arc::make_mut(&mut data.segments).push(segment);
        }
        Self {
            lasting,
            manifest,
            state,
            writers: manifest.writers.clone(),
            next_table_id: manifest.next_table_id.max(1),
            spilled: Fresh::default(),
            spilling: None,
        }
    }

    /// Applies one logged batch, each part only above what the manifest already has of it.
    pub(super) fn apply(&mut self, logged: Logged<'_>, batch: LoggedBatch) -> Result<()> {
        let Logged { seq, path, offset, .. } = logged;
        let damaged = |error: StorageError| {
            StorageError::corrupt(path, offset, format!("a batch that fits the catalog ({error})"))
        };
        let fresh = seq > self.manifest.catalog_seq;
        let changes = if fresh { batch.catalog } else { Vec::new() };
        self.state.apply(seq, &changes, Vec::new(), Vec::new()).map_err(damaged)?;
        for change in &changes {
            if let CatalogChange::CreateTable(schema) | CatalogChange::AlterTable(schema) = change {
                self.next_table_id = self.next_table_id.max(schema.id.saturating_add(1));
            }
        }
        let mut deletes = Vec::with_capacity(batch.changes.len());
        for change in batch.changes.into_iter().filter(|c| self.is_wanted(c.table(), seq)) {
            let Change::Delete { table, predicate } = change;
            let schema = self.state.catalog.table(table).map_err(damaged)?;
            deletes.push((table, Deletion::new(Filter::new(predicate, schema).map_err(damaged)?)));
        }
        let mut rows = Vec::with_capacity(batch.rows.len());
        for logged in batch.rows.into_iter().filter(|r| self.is_wanted(r.table, seq)) {
            let schema = self.state.catalog.table(logged.table).map_err(damaged)?.clone();
            rows.push((schema.clone(), logged.to_rows(&schema).map_err(damaged)?));
        }
        self.state.apply(seq, &[], deletes, rows).map_err(damaged)?;
        if let Some((id, fingerprint)) = batch.writer.filter(|_| fresh) {
            self.writers.applied(&id, fingerprint, batch.written_at);
        }
        Ok(())
    }

    /// Rows that segments hold already are not taken again; nor are those of a table that is gone since, which the
    /// log may still hold for the sake of other tables.
    fn is_wanted(&self, table: TableId, seq: u64) -> bool {
        match self.manifest.flushed_seq.get(&table) {
            Some(flushed) => seq > *flushed,
            None => seq > self.manifest.catalog_seq,
        }
    }

    /// Writes the memtables out where they pass their limit. No manifest names the segments yet: they count with the
    /// one that ends the recovery, and are orphans if it never gets there.
    ///
    /// With threads to spare one half of the limit is written out while the other fills.
    pub(super) fn spill<'env>(&mut self, scope: &'scope Scope<'scope, 'env>) -> Result<()>
    where
        'a: 'scope,
    {
        let max = self.lasting.options.memtable_bytes_max;
        let is_beside = self.lasting.options.threads > 1;
        let leaving = self.spilling.as_ref().map_or(0, |spilling| spilling.bytes);
        // A table dropped since takes its part of both with it.
        let bytes = self.state.memtable_bytes().saturating_sub(leaving);
        if bytes <= if is_beside { max / 2 } else { max } {
            return Ok(());
        }
        self.end_spilling()?;
        let tables: Vec<TableId> = self.state.tables.keys().copied().collect();
        self.state.freeze(&tables);
        let (lasting, manifest, spilled) = (self.lasting, self.manifest, self.spilled.clone());
        let frozen = self.state.frozen_tables(&tables)?;
        let write = move || write_segments(&lasting.context(), &frozen, manifest, &spilled);
        if is_beside {
            self.spilling = Some(Spilling { tables, bytes, writing: scope.spawn(write) });
            return Ok(());
        }
        let fresh = write()?;
        self.take_over(&tables, fresh);
        Ok(())
    }

    fn end_spilling(&mut self) -> Result<()> {
        let Some(Spilling { tables, writing, .. }) = self.spilling.take() else { return Ok(()) };
        let fresh = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        self.take_over(&tables, fresh);
        Ok(())
    }

    fn take_over(&mut self, tables: &[TableId], fresh: Fresh) {
        self.state.flushed(tables, &fresh);
        self.spilled.extend(fresh);
    }

    /// The end of the log.
    pub(super) fn finish(mut self, last_seq: u64) -> Result<Replayed> {
        self.end_spilling()?;
        let Self { mut state, writers, next_table_id, spilled, .. } = self;
        state.seq = last_seq;
        Ok(Replayed { state, writers, next_table_id, spilled })
    }
}
