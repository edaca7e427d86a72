//! Rows on their way in.

mod coerce;
mod divert;
mod exact;
mod fingerprint;
mod json;
mod kept;
mod label;
mod plan;
mod row;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::record_batch::RecordBatch;
use driftline_storage::{Engine, Snapshot, WriteBatch, WriterSequence};
use parking_lot::RwLock;

pub(crate) use self::coerce::column_type;
pub(crate) use self::divert::{DIVERT, ON_BAD_ROW, REFUSE, REJECTED_OF, schema as rejected_schema};
pub(crate) use self::exact::Exactness;
pub(crate) use self::kept::Kept;
use self::plan::{Arrival, Planned, WritePlan};
use crate::delete::Delete;
use crate::error::{QueryError, Result};
use crate::model::model_key;
use crate::runner::Watched;
use crate::scan::{StatisticsCache, TagCache};

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
    /// new columns are added to the table. A BIGINT column becomes DOUBLE where rows have doubles for it that are no
    /// integers, and all its values are exact as DOUBLE.
    pub rows: RecordBatch,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteTarget {
    /// A table, or a model's predictions.
    Table(String),
    /// A model's labels: the model's KEY column, its LABEL columns and, if known, `time` of the prediction, to the
    /// nanosecond: a label with a time is only for the prediction of that time. Without it, ids that embed one (UUIDs of
    /// version 7, ULIDs) are found about as fast. A label may come before its prediction.
    ///
    /// The label that arrived last stands. A null in one of several LABEL columns leaves that column's label as it
    /// is; a row with nulls only takes the labels of its key back.
    Labels(String),
}

/// The answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where the write stands in the order of all writes.
    pub seq: u64,
    /// Whether it had been applied before; nothing was written now.
    pub duplicate: bool,
    /// Rows that did not fit a table with `on_bad_row = 'divert'`, and went to `system.rejected`; 0 of a duplicate.
    pub diverted: u64,
}

/// Checks rows against the catalog and hands them to the engine. Its calls block.
#[derive(Debug)]
pub(crate) struct Ingest {
    engine: Arc<Engine>,
    /// Held to read while rows are written, to write while the catalog changes: a schema that was checked against
    /// is the one that is written with.
    catalog: RwLock<()>,
    received_last: AtomicI64,
    tags: TagCache,
    statistics: Arc<StatisticsCache>,
    watched: Arc<Watched>,
}

impl Ingest {
    /// What writes to `engine`.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            catalog: RwLock::new(()),
            received_last: AtomicI64::new(i64::MIN),
            tags: TagCache::default(),
            statistics: Arc::default(),
            watched: Arc::default(),
        }
    }

    /// The tables that continuous queries and alerts look at.
    pub(crate) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The tags of tables that were read.
    pub(crate) fn tags(&self) -> &TagCache {
        &self.tags
    }

    /// Statistics of cells that were read.
    pub(crate) fn statistics(&self) -> &Arc<StatisticsCache> {
        &self.statistics
    }

    /// Nanoseconds since 1970.
    pub(crate) fn now_nanos(&self) -> i64 {
        self.engine.now_nanos()
    }

    /// Writes rows; durable and visible when it returns.
    pub(crate) fn write(&self, write: &Write) -> Result<Written> {
        match self.try_write(write) {
            Err(error @ (QueryError::Invalid(_) | QueryError::NotFound(_))) => {
                self.repeat_of(write)?.ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// The answer to a write that was applied before, although it would be refused now: its table was renamed, or its
    /// rows have become too old.
    fn repeat_of(&self, write: &Write) -> Result<Option<Written>> {
        let Some(writer) = &write.writer else { return Ok(None) };
        let ack = self.engine.applied(writer, fingerprint::of(write)?);
        Ok(ack.map(|ack| Written { seq: ack.seq, duplicate: true, diverted: 0 }))
    }

    fn try_write(&self, write: &Write) -> Result<Written> {
        let mut exactness = Exactness::put_off();
        {
            let _shared = self.catalog.read();
            let planned = self.plan(write, &mut exactness)?;
            if planned.batch.catalog.is_empty() {
                return self.commit(planned);
            }
        }
        if exactness.now() {
            // Reads what is stored while others write on: alone, only what came since is left to read.
            self.plan(write, &mut exactness)?;
        }
        // Changes of tables: once more, alone, since another writer may have made them meanwhile.
        let _alone = self.catalog.write();
        let planned = self.plan(write, &mut exactness)?;
        self.commit(planned)
    }

    /// Deletes rows; how many there were just before. The engine refuses a delete that fits its table no more.
    pub(crate) fn delete(&self, delete: &Delete) -> Result<u64> {
        kept::refuse(&delete.table)?;
        let _shared = self.catalog.read();
        self.deleted(delete)
    }

    /// Changes the catalog: `change` sees a snapshot that nobody else changes meanwhile, and answers what to write,
    /// or None where nothing is to be done.
    pub(crate) fn change(&self, change: impl FnOnce(&Snapshot) -> Result<Option<WriteBatch>>) -> Result<()> {
        let _alone = self.catalog.write();
        if let Some(batch) = change(&self.engine.snapshot())? {
            self.engine.write(batch)?;
            // An alert may have waited for what is there now.
            self.watched.wake();
        }
        Ok(())
    }

    fn plan(&self, write: &Write, exactness: &mut Exactness) -> Result<Planned> {
        let is_label = |part: &&WritePart| matches!(part.target, WriteTarget::Labels(_));
        let labels = write.parts.iter().filter(is_label).map(|part| part.rows.num_rows()).sum();
        let arrival = Arrival { now_nanos: self.now_nanos(), received_at: self.received_at(labels) };
        let mut plan = WritePlan::new(self.engine.snapshot(), exactness, arrival);
        for part in &write.parts {
            match &part.target {
                WriteTarget::Table(name) => plan.add_rows(name, &part.rows)?,
                WriteTarget::Labels(model) => plan.add_labels(model, &part.rows)?,
            }
        }
        // Of what was sent, not of what becomes of it: a repeat is one whatever its rows meet now.
        let fingerprint = write.writer.as_ref().map(|_| fingerprint::of(write)).transpose()?;
        plan.finish(&self.engine, write.writer.clone(), fingerprint)
    }

    fn commit(&self, planned: Planned) -> Result<Written> {
        let ack = self.write_watched(planned.batch)?;
        let diverted = if ack.duplicate { 0 } else { planned.diverted };
        Ok(Written { seq: ack.seq, duplicate: ack.duplicate, diverted })
    }

    /// When the first of so many labels that come now counts as received, the others each a nanosecond after the one
    /// before: the clock, but never the same nanosecond twice, so that of two labels for one key it is plain which came
    /// last.
    fn received_at(&self, labels: usize) -> i64 {
        let now = self.now_nanos();
        let first = |last: i64| now.max(last.saturating_add(1));
        let last_of = |last: i64| Some(first(last).saturating_add(labels as i64));
        let before = self.received_last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, last_of);
        before.map_or(now, first)
    }
}

/// Whether a table is a model's.
fn is_model(snapshot: &Snapshot, table: &str) -> bool {
    snapshot.entries().contains_key(&model_key(table))
}
