//! Rows on their way in.

mod coerce;
mod fingerprint;
mod label;
mod row;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::record_batch::RecordBatch;
use driftline_storage::{CatalogChange, Engine, Snapshot, TableSchema, WriteAck, WriteBatch, WriterSequence};
use parking_lot::RwLock;

use crate::catalog::name;
use crate::delete::Delete;
use crate::error::{QueryError, Result};
use crate::model::{is_labels_table, model_key};

/// Rows of several tables and labels of several models, written all together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// Who sends it, where repeats must be told from new batches.
    pub writer: Option<WriterSequence>,
    /// The parts.
    pub parts: Vec<WritePart>,
}

/// Rows for one place.
#[derive(Clone, Debug)]
pub struct WritePart {
    /// Where they go.
    pub target: WriteTarget,
    /// The rows: columns are matched by name, types are converted where nothing is lost, missing columns are null,
    /// new columns are added to the table.
    pub rows: RecordBatch,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteTarget {
    /// A table, or a model's predictions.
    Table(String),
    /// A model's labels: the model's KEY column, its LABEL columns and, if known, `time` of the prediction.
    ///
    /// The label that arrived last stands. A null in one of several LABEL columns leaves that column's label as it
    /// is; a row with nulls only takes the labels of its key back.
    Labels(String),
}

/// Checks rows against the catalog and hands them to the engine. Its calls block.
#[derive(Debug)]
pub(crate) struct Ingest {
    engine: Arc<Engine>,
    /// Held to read while rows are written, to write while the catalog changes: a schema that was checked against
    /// is the one that is written with.
    catalog: RwLock<()>,
    received_last: AtomicI64,
}

impl Ingest {
    /// What writes to `engine`.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, catalog: RwLock::new(()), received_last: AtomicI64::new(i64::MIN) }
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Nanoseconds since 1970.
    pub(crate) fn now_nanos(&self) -> i64 {
        self.engine.now_nanos()
    }

    /// Writes rows; durable and visible when it returns.
    pub(crate) fn write(&self, write: Write) -> Result<WriteAck> {
        {
            let _shared = self.catalog.read();
            let batch = self.prepare(&write)?;
            if batch.catalog.is_empty() {
                return Ok(self.engine.write(batch)?);
            }
        }
        // New columns: once more, alone, since another writer may have added them meanwhile.
        let _alone = self.catalog.write();
        let batch = self.prepare(&write)?;
        Ok(self.engine.write(batch)?)
    }

    /// Deletes rows; how many there were just before.
    pub(crate) fn delete(&self, delete: &Delete) -> Result<u64> {
        let _shared = self.catalog.read();
        Ok(self.engine.delete(delete.table.id, delete.predicate.clone())?)
    }

    /// Changes the catalog: `change` sees a snapshot that nobody else changes meanwhile, and answers what to write,
    /// or None where nothing is to be done.
    pub(crate) fn change(&self, change: impl FnOnce(&Snapshot) -> Result<Option<WriteBatch>>) -> Result<()> {
        let _alone = self.catalog.write();
        if let Some(batch) = change(&self.engine.snapshot())? {
            self.engine.write(batch)?;
        }
        Ok(())
    }

    fn prepare(&self, write: &Write) -> Result<WriteBatch> {
        let mut plan = WritePlan {
            snapshot: self.engine.snapshot(),
            now_nanos: self.now_nanos(),
            received_at: self.received_at(),
            altered: BTreeMap::new(),
            rows: Vec::new(),
        };
        for part in &write.parts {
            match &part.target {
                WriteTarget::Table(name) => plan.add_rows(name, &part.rows)?,
                WriteTarget::Labels(model) => plan.add_labels(model, &part.rows)?,
            }
        }
        let fingerprint = write.writer.as_ref().map(|_| fingerprint::of(write)).transpose()?;
        Ok(plan.finish(write.writer.clone(), fingerprint))
    }

    /// When labels that come now count as received: the clock, but never the same nanosecond twice, so that of two
    /// labels for one key it is plain which came last.
    fn received_at(&self) -> i64 {
        let now = self.now_nanos();
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.received_last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        now.max(last.map_or(now, |last| last.saturating_add(1)))
    }
}

/// A write being checked.
struct WritePlan {
    snapshot: Snapshot,
    now_nanos: i64,
    received_at: i64,
    /// Tables that get new columns, by id.
    altered: BTreeMap<u32, TableSchema>,
    /// Rows by table id, in the schema their table had when they were checked.
    rows: Vec<(u32, RecordBatch)>,
}

impl WritePlan {
    fn add_rows(&mut self, name: &str, rows: &RecordBatch) -> Result<()> {
        let mut table = TableSchema::clone(&*self.table(name, rows)?);
        if let Some(altered) = self.altered.get(&table.id) {
            table = altered.clone();
        }
        let widened = row::add_new_columns(&mut table, rows)?;
        let rows = row::fit(&table, rows, self.now_nanos)?;
        if widened {
            table.version += u32::from(!self.altered.contains_key(&table.id));
            self.altered.insert(table.id, table.clone());
        }
        self.rows.push((table.id, rows));
        Ok(())
    }

    fn add_labels(&mut self, model: &str, rows: &RecordBatch) -> Result<()> {
        let target = label::Target::find(&self.snapshot, model)?;
        let rows = target.fit(rows, self.now_nanos, self.received_at)?;
        self.rows.push((target.labels.id, rows));
        Ok(())
    }

    /// The table that rows are for, or what to say where there is none.
    fn table(&self, wanted: &str, rows: &RecordBatch) -> Result<Arc<TableSchema>> {
        let shown =
            || self.snapshot.tables().keys().map(String::as_str).filter(|name| !is_labels_table(name));
        if let Some(found) = name::find("table", shown(), wanted)?
            && let Some(table) = self.snapshot.table(found)
        {
            return Ok(Arc::clone(table));
        }
        if is_labels_table(wanted) {
            return Err(QueryError::Invalid(format!(
                "{wanted} is not written to; write labels of the model"
            )));
        }
        let remedy = format!("Create it first, for example: {}", row::create_for(wanted, rows));
        Err(name::missing("table", wanted, shown(), &remedy))
    }

    /// Rows that were checked before their table got a column in the same write get it now, as nulls.
    fn finish(self, writer: Option<WriterSequence>, fingerprint: Option<u64>) -> WriteBatch {
        let Self { altered, rows, .. } = self;
        let widened = |(id, batch): (u32, RecordBatch)| match altered.get(&id) {
            Some(table) => (id, row::widen(table, &batch)),
            None => (id, batch),
        };
        let rows = rows.into_iter().map(widened).collect();
        let catalog = altered.into_values().map(CatalogChange::AlterTable).collect();
        WriteBatch { writer, fingerprint, catalog, rows, ..WriteBatch::default() }
    }
}

/// Whether a table is a model's.
fn is_model(snapshot: &Snapshot, table: &str) -> bool {
    snapshot.entries().contains_key(&model_key(table))
}
