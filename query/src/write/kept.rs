//! Writes that continuous queries hear of, and those that they make themselves.

use arrow::record_batch::RecordBatch;
use driftline_storage::{
    Change, Comparison, Predicate, Role, Snapshot, TableId, TableSchema, TimeRange, Value, WriteAck,
    WriteBatch,
};

use super::plan::{Arrival, WritePlan};
use super::{Exactness, Ingest};
use crate::continuous::{KEPT_BY_OPTION, Span};
use crate::delete::Delete;
use crate::error::{QueryError, Result};
use crate::runner::alerts::outbox::Letter;
use crate::runner::alerts::{Revised, Told, tables};
use crate::runner::{Begun, Labelled, Marks, store, touch};

/// What each table had touched, and the newest time of its rows.
type TouchedTables = Vec<(TableId, Marks, Option<i64>)>;

/// What a table has from now on for the windows of some times.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The table.
    pub(crate) table: String,
    /// Times that windows begin in.
    pub(crate) span: Span,
    /// Their rows.
    pub(crate) rows: Option<RecordBatch>,
}

impl Kept {
    /// Bytes of its rows.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.as_ref().map_or(0, RecordBatch::get_array_memory_size)
    }
}

/// Refuses a table that a continuous query keeps.
pub(super) fn refuse(table: &TableSchema) -> Result<()> {
    match table.options.get(KEPT_BY_OPTION) {
        None => Ok(()),
        Some(query) => Err(QueryError::Invalid(format!(
            "table {} is kept by continuous query {query}, which would undo what others write there; write to another \
             table, or DROP CONTINUOUS QUERY {query}, which leaves the table",
            table.name
        ))),
    }
}

impl Ingest {
    /// A moment that has all writes that began before this call.
    pub(crate) fn settled(&self) -> Snapshot {
        let _alone = self.catalog.write();
        self.engine.snapshot()
    }

    /// Puts windows in the place of what tables have for them, and sets states; all together.
    pub(crate) fn keep(&self, kept: &[Kept], states: &[(String, Option<String>)]) -> Result<()> {
        let mut exactness = Exactness::put_off();
        {
            let _shared = self.catalog.read();
            let batch = self.kept_batch(kept, states, &mut exactness)?;
            if batch.catalog.is_empty() {
                return self.write_watched(batch).map(drop);
            }
        }
        exactness.now();
        let _alone = self.catalog.write();
        let batch = self.kept_batch(kept, states, &mut exactness)?;
        self.write_watched(batch).map(drop)
    }

    /// Writes what happened to alerts, the messages that come of it, and states; all together.
    pub(crate) fn tell(
        &self,
        told: &[Told],
        letters: &[Letter],
        states: &[(String, Option<String>)],
    ) -> Result<()> {
        let _shared = self.catalog.read();
        let (snapshot, mut rows) = (self.engine.snapshot(), Vec::new());
        if let Some(table) = snapshot.table(tables::HISTORY).filter(|_| !told.is_empty()) {
            rows.push((table.id, tables::history_rows(table, told)?));
        }
        if let Some(table) = snapshot.table(tables::OUTBOX).filter(|_| !letters.is_empty()) {
            rows.push((table.id, tables::outbox_rows(table, letters, self.now_nanos())?));
        }
        if let Some(table) = snapshot.table(store::STATE).filter(|_| !states.is_empty()) {
            rows.push((table.id, store::state_rows(table, states)?));
        }
        self.write_watched(WriteBatch { rows, ..WriteBatch::default() }).map(drop)
    }

    /// Writes what windows that were judged have by now.
    pub(crate) fn revise(&self, revised: &[Revised]) -> Result<()> {
        let _shared = self.catalog.read();
        let rows = tables::revised_rows(&self.engine.snapshot(), revised)?.into_iter().collect::<Vec<_>>();
        match rows.is_empty() {
            true => Ok(()),
            false => self.write_watched(WriteBatch { rows, ..WriteBatch::default() }).map(drop),
        }
    }

    fn kept_batch(
        &self,
        kept: &[Kept],
        states: &[(String, Option<String>)],
        exactness: &mut Exactness,
    ) -> Result<WriteBatch> {
        let snapshot = self.engine.snapshot();
        let now_nanos = self.now_nanos();
        let arrival = Arrival { now_nanos, received_at: now_nanos };
        let mut plan = WritePlan::new(snapshot.clone(), exactness, arrival).keeping();
        let mut changes = Vec::new();
        for kept in kept {
            let Some(table) = snapshot.table(&kept.table) else { continue };
            if has_rows(&snapshot, table, kept.span)? {
                changes.push(Change::Delete { table: table.id, predicate: within(table, kept.span) });
            }
            if let Some(rows) = &kept.rows {
                plan.add_rows(&kept.table, rows)?;
            }
        }
        let mut batch = plan.finish(&self.engine, None, None)?.batch;
        batch.changes = changes;
        if let Some(table) = snapshot.table(store::STATE) {
            batch.rows.push((table.id, store::state_rows(table, states)?));
        }
        Ok(batch)
    }

    /// Deletes rows, and says so to those who look at the table.
    pub(super) fn deleted(&self, delete: &Delete) -> Result<u64> {
        let Delete { table, predicate } = delete;
        let snapshot = self.engine.snapshot();
        if self.watched.source(table.id).is_none() {
            return Ok(self.engine.delete(table.id, predicate.clone())?);
        }
        let begun = self.watched.begin(snapshot.seq());
        let mut marks = Marks::default();
        marks.spans.add(touch::of_predicate(predicate, table));
        let beside = self.written_down(&snapshot, &begun, table.id, &marks)?;
        let done = self.engine.delete_beside(table.id, predicate.clone(), beside.into_iter().collect());
        begun.done(vec![(table.id, marks, None)], self.now_nanos());
        Ok(done?)
    }

    /// Says that any row of a table may have changed, to those who look at it.
    pub(crate) fn touched_everywhere(&self, table: TableId) -> Result<()> {
        if self.watched.source(table).is_none() {
            return Ok(());
        }
        let snapshot = self.engine.snapshot();
        let begun = self.watched.begin(snapshot.seq());
        let mut marks = Marks::default();
        marks.spans.add(Span::ALL);
        let rows = self.written_down(&snapshot, &begun, table, &marks)?.into_iter().collect();
        let written = self.engine.write(WriteBatch { rows, ..WriteBatch::default() });
        begun.done(vec![(table, marks, None)], self.now_nanos());
        Ok(written.map(drop)?)
    }

    /// Writes a batch, and says what it touched to those who look at its tables. Also where the engine does not know
    /// whether it is there.
    pub(super) fn write_watched(&self, mut batch: WriteBatch) -> Result<WriteAck> {
        let snapshot = self.engine.snapshot();
        let (touched, to_write_down) = self.touched(&batch);
        if touched.is_empty() {
            return Ok(self.engine.write(batch)?);
        }
        let begun = self.watched.begin(snapshot.seq());
        for at in to_write_down {
            let (table, marks, _) = &touched[at];
            batch.rows.extend(self.written_down(&snapshot, &begun, *table, marks)?);
        }
        let written = self.engine.write(batch);
        begun.done(touched, self.now_nanos());
        Ok(written?)
    }

    /// What a batch touches, and which of that is not found again from its rows: labels and deletes.
    fn touched(&self, batch: &WriteBatch) -> (TouchedTables, Vec<usize>) {
        let (mut touched, mut to_write_down) = (Vec::new(), Vec::new());
        for (table, rows) in &batch.rows {
            if let Some(source) = self.watched.source(*table) {
                let (marks, newest) = touch::of_rows(rows, source.granule());
                self.watched.count_rows(rows.num_rows());
                touched.push((*table, marks, newest));
            } else if let Some(Labelled { model, key, is_kept }) = self.watched.labelled(*table) {
                let granule = self.watched.source(model).and_then(|source| source.granule());
                to_write_down.extend(is_kept.then_some(touched.len()));
                touched.push((model, touch::of_labels(rows, &key, granule), None));
            }
        }
        let snapshot = self.engine.snapshot();
        for Change::Delete { table, predicate } in &batch.changes {
            let schema = snapshot.tables().values().find(|known| known.id == *table);
            if let Some(schema) = schema.filter(|_| self.watched.source(*table).is_some()) {
                let mut marks = Marks::default();
                marks.spans.add(touch::of_predicate(predicate, schema));
                to_write_down.push(touched.len());
                touched.push((*table, marks, None));
            }
        }
        (touched, to_write_down)
    }

    fn written_down(
        &self,
        snapshot: &Snapshot,
        begun: &Begun<'_>,
        table: TableId,
        marks: &Marks,
    ) -> Result<Option<(TableId, RecordBatch)>> {
        let Some(kept_in) = snapshot.table(store::TOUCHED) else { return Ok(None) };
        let row = store::touched_row(kept_in, table, begun.stamp, marks, self.now_nanos())?;
        Ok(Some((kept_in.id, row)))
    }
}

/// Whether a table may have rows of these times.
fn has_rows(snapshot: &Snapshot, table: &TableSchema, span: Span) -> Result<bool> {
    let range = TimeRange { min: span.start, max: span.end.saturating_sub(1) };
    Ok(!snapshot.scan(table.id, range)?.is_empty())
}

fn within(table: &TableSchema, span: Span) -> Predicate {
    let time = table.columns.iter().find(|column| column.role == Role::Time).map_or(0, |column| column.id);
    let compare = |by, at| Predicate::Compare { column: time, by, value: Value::Timestamp(at) };
    Predicate::And(vec![compare(Comparison::GreaterOrEqual, span.start), compare(Comparison::Less, span.end)])
}
