//! The engine: one data directory, open.
//!
//! Locks are taken in this order: `erasing` (an ERASE at a time), `compaction.running` (a job at a time), `flushing` (a flush or a mending at a time),
//! `committer` (a commit at a time), `files` (a manifest at a time), `state` (short, never across the disk).

mod commit;
mod compact;
mod erase;
mod expire;
mod flush;
mod moved;
mod open;
mod operate;
mod options;
mod replay;
mod reserve;
mod room;
mod state;
mod status;
mod strip;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use parking_lot::{Condvar, Mutex};

use self::commit::{Committer, Pending};
use self::compact::Compaction;
pub(crate) use self::erase::put_ledger;
pub use self::erase::{EraseReport, ErasedPlace, Erasure, LinkedRows, OpenBackup, PlaceState, mentions};
pub use self::expire::Expired;
use self::expire::Limited;
use self::flush::Choice;
pub(crate) use self::open::TRASH_DIR;
use self::open::{Files, Lasting};
pub use self::options::{EngineOptions, SyncPolicy};
use self::reserve::Reserve;
use self::state::State;
use self::status::Counters;
pub use self::status::EngineStatus;
use self::strip::Stripped;
use crate::batch::{CatalogChange, WriteAck, WriteBatch, WriterSequence};
use crate::budget::MemoryBudget;
use crate::catalog::{self, Catalog};
use crate::change::{Change, Filter, Predicate};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits::{ALTER_FLUSHES_MAX, BATCH_BYTES_MAX, BATCH_ROWS_MAX, CHANGES_MAX, COMMIT_QUEUE_MAX};
use crate::memtable;
use crate::operations::RESTORING_FILE;
use crate::overlay::Deletion;
use crate::rows::Rows;
use crate::schema::{Role, TableId, TableSchema};
use crate::series::{SeriesFiles, SeriesRegistry};
use crate::snapshot::{Snapshot, TableData};
use crate::wal;
use crate::writers::Verdict;

/// Who holds it has the directory.
pub(crate) const LOCK_FILE: &str = "LOCK";

/// One data directory, open for reading and writing. Dropping it closes it.
#[derive(Debug)]
pub struct Engine {
    inner: Arc<Inner>,
    queue: Mutex<Option<SyncSender<Pending>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// What the engine's threads share.
#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    options: EngineOptions,
    budget: Arc<MemoryBudget>,
    registry: Arc<SeriesRegistry>,
    compaction: Compaction,
    /// Held while rows are erased, before every other lock.
    erasing: Mutex<()>,
    /// Held through a flush or a mending, which have the series files to themselves.
    flushing: Mutex<SeriesFiles>,
    committer: Mutex<Committer>,
    files: Mutex<Files>,
    state: Mutex<State>,
    next_table_id: AtomicU32,
    /// Of segments and their files.
    next_segment_id: AtomicU64,
    /// The first WAL file still needed.
    wal_first: AtomicU64,
    closed: AtomicBool,
    /// Above 0 a compaction stops at the next row group.
    cancel: AtomicU32,
    /// When the last batch was committed, by the engine's clock.
    last_write: AtomicI64,
    /// Whether a flush is wanted; the flush thread waits for it.
    pressure: Mutex<bool>,
    pressed: Condvar,
    /// Told after each flush; writers over the budget wait for it.
    flushed: Condvar,
    reserve: Reserve,
    /// The tables that retention is about.
    limited: Mutex<Limited>,
    /// What of column retention is done.
    stripped: Mutex<Stripped>,
    counters: Counters,
}

/// Bytes on disk by kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Segment files.
    pub segments: u64,
    /// WAL files.
    pub wal: u64,
    /// The manifest in force.
    pub manifest: u64,
    /// Patch files.
    pub patches: u64,
    /// Series files.
    pub series: u64,
}

impl Engine {
    /// Opens the directory behind `disk`, replays the WAL and flushes what it held.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where another process has it, [`StorageError::Corrupt`] for damage, and whatever the
    /// disk refuses.
    pub fn open(disk: Arc<dyn Disk>, options: EngineOptions) -> Result<Arc<Self>> {
        if disk.open(RESTORING_FILE).is_ok() {
            return Err(StorageError::HalfRestored { path: disk.root() });
        }
        Self::open_restored(disk, options)
    }

    /// Also where a restore is at work, for that.
    pub(crate) fn open_restored(disk: Arc<dyn Disk>, options: EngineOptions) -> Result<Arc<Self>> {
        let lock = lock(&*disk)?;
        open::prepare(&*disk)?;
        let inner = Arc::new(Inner::open(disk, options)?);
        let (queue, pending) = sync_channel(COMMIT_QUEUE_MAX);
        let committing = inner.clone();
        let mut threads = vec![spawn("driftline-commit", move || commit::run(&committing, &pending))?];
        if inner.options.background_flush {
            let flushing = inner.clone();
            threads.push(spawn("driftline-flush", move || flushing.flush_when_pressed())?);
        }
        if inner.options.background_compaction {
            let compacting = inner.clone();
            threads.push(spawn("driftline-compact", move || compacting.compact_when_woken())?);
            inner.wake_compaction();
        }
        let (queue, threads) = (Mutex::new(Some(queue)), Mutex::new(threads));
        Ok(Arc::new(Self { inner, queue, threads, lock: Mutex::new(Some(lock)) }))
    }

    /// Writes a batch; returns once it is durable (by the policy) and visible to the next snapshot. Blocks.
    ///
    /// After [`StorageError::OutcomeUnknown`] the batch may be there or not: send it again with the same writer and
    /// sequence. After every other error it is not there.
    pub fn write(&self, batch: WriteBatch) -> Result<WriteAck> {
        let is_alter = |change: &CatalogChange| matches!(change, CatalogChange::AlterTable(_));
        if !batch.catalog.iter().any(is_alter) {
            return self.try_write(batch).map(|(ack, _)| ack);
        }
        for _ in 0..ALTER_FLUSHES_MAX {
            match self.try_write(batch.clone()) {
                // A flush writes them down; others may come before the batch is there again.
                Err(StorageError::DeletesPending(_)) => self.flush()?,
                outcome => return outcome.map(|(ack, _)| ack),
            }
        }
        self.try_write(batch).map(|(ack, _)| ack)
    }

    /// Deletes the rows of a table for which a condition is true; how many a reader saw just before. Rows that others
    /// write meanwhile may go too, and are not counted.
    pub fn delete(&self, table: TableId, predicate: Predicate) -> Result<u64> {
        self.delete_beside(table, predicate, Vec::new())
    }

    /// The same in one batch with rows.
    pub fn delete_beside(
        &self,
        table: TableId,
        predicate: Predicate,
        rows: Vec<(TableId, RecordBatch)>,
    ) -> Result<u64> {
        let changes = vec![Change::Delete { table, predicate }];
        self.try_write(WriteBatch { changes, rows, ..WriteBatch::default() }).map(|(_, hidden)| hidden)
    }

    /// Also how many rows the batch's deletes hide of those that were there before: they are found here, on the caller's
    /// thread, so that whoever commits or flushes finds the answer ready.
    fn try_write(&self, batch: WriteBatch) -> Result<(WriteAck, u64)> {
        let queue = self.queue.lock().clone().ok_or(StorageError::Closed)?;
        self.inner.await_room()?;
        self.inner.settle_labels(batch.changes.iter().map(Change::table))?;
        let (reply, answer) = sync_channel(1);
        let hidden = match self.inner.encode(batch, reply)? {
            Encoded::New(pending) => {
                let hidden = self.resolve(&pending.deletes)?;
                queue.send(pending).map_err(|_| StorageError::Closed)?;
                hidden
            }
            Encoded::Repeat(ack) => return Ok((ack, 0)),
        };
        drop(queue);
        let lost = || StorageError::OutcomeUnknown { reason: "the commit thread stopped".into() };
        Ok((answer.recv().map_err(|_| lost())??, hidden))
    }

    fn resolve(&self, deletes: &[(TableId, Arc<Deletion>)]) -> Result<u64> {
        if deletes.is_empty() {
            return Ok(0);
        }
        let snapshot = self.snapshot();
        // A table that the batch itself creates has no rows yet.
        let known = deletes.iter().filter(|(table, _)| snapshot.has_table(*table));
        known.map(|(table, deletion)| snapshot.resolve(*table, deletion)).sum()
    }

    /// This moment of all tables.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.state.lock().snapshot()
    }

    /// A table id that nobody else gets.
    pub fn allocate_table_id(&self) -> TableId {
        self.inner.next_table_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The newest sequence applied for a writer, if it is known.
    pub fn writer_sequence(&self, writer: &str) -> Option<u64> {
        self.inner.committer.lock().writers.last(writer)
    }

    /// The answer to a batch of this writer, with this fingerprint, that was applied before; None of any other. For
    /// callers that cannot make it again, since its table is gone, has changed or would refuse it now.
    pub fn applied(&self, id: &WriterSequence, fingerprint: u64) -> Option<WriteAck> {
        self.inner.repeat_of(Some(&(id.clone(), fingerprint)))
    }

    /// Moves all memtables into segments.
    pub fn flush(&self) -> Result<()> {
        if self.inner.is_closed() {
            return Err(StorageError::Closed);
        }
        self.inner.flush(Choice::All)
    }

    /// Flushes, and brings the segments of every table into disjoint runs, encoded as small as can be. Takes long.
    pub fn compact(&self) -> Result<()> {
        self.flush()?;
        self.inner.compact_all(None)
    }

    /// The account of memory that memtables and queries share.
    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.inner.budget
    }

    /// The clock by which the engine goes.
    pub fn now_nanos(&self) -> i64 {
        self.inner.options.clock.now_nanos()
    }

    /// Stops the threads and gives the lock back. Flushes nothing: acknowledged writes are in the WAL.
    pub fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::Release);
        drop(self.queue.lock().take());
        self.inner.cancel.fetch_add(1, Ordering::AcqRel);
        self.inner.press();
        self.inner.wake_compaction();
        for thread in self.threads.lock().drain(..) {
            thread.join().map_err(|_| StorageError::Invalid("a thread of the engine panicked".into()))?;
        }
        drop(self.lock.lock().take());
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `close`.
        let _ = self.close();
    }
}

/// A batch that was checked.
enum Encoded {
    /// It fits the catalog.
    New(Pending),
    /// It does not, or not any more, but was applied before.
    Repeat(WriteAck),
}

/// The deletes of a batch and its rows.
type Checked = (Vec<(TableId, Arc<Deletion>)>, Vec<(Arc<TableSchema>, Rows)>);

/// Takes the directory for this process.
pub(crate) fn lock(disk: &dyn Disk) -> Result<Box<dyn Any + Send + Sync>> {
    disk.lock(LOCK_FILE).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => StorageError::InUse { path: disk.root() },
        _ => StorageError::io("lock", LOCK_FILE, error),
    })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|e| StorageError::io("start thread", name, e))
}

impl Inner {
    fn open(disk: Arc<dyn Disk>, options: EngineOptions) -> Result<Self> {
        let budget = Arc::new(MemoryBudget::new(options.memory_bytes_max));
        let registry = Arc::new(SeriesRegistry::new());
        let next_segment_id = AtomicU64::new(1);
        let lasting = Lasting {
            disk: &disk,
            options: &options,
            budget: &budget,
            registry: &registry,
            next_segment_id: &next_segment_id,
        };
        let loaded = open::load(&lasting)?;
        open::sweep(&*disk, &loaded.files.manifest, options.clock.now_nanos())?;
        let reserve = Reserve::new(options.reserve_bytes);
        reserve.fill(&*disk);
        Ok(Self {
            compaction: Compaction::default(),
            erasing: Mutex::new(()),
            flushing: Mutex::new(loaded.series),
            committer: Mutex::new(loaded.committer),
            next_table_id: AtomicU32::new(loaded.next_table_id),
            next_segment_id,
            wal_first: AtomicU64::new(loaded.files.manifest.wal_first),
            files: Mutex::new(loaded.files),
            state: Mutex::new(loaded.state),
            closed: AtomicBool::new(false),
            cancel: AtomicU32::new(0),
            last_write: AtomicI64::new(options.clock.now_nanos()),
            pressure: Mutex::new(false),
            pressed: Condvar::new(),
            flushed: Condvar::new(),
            reserve,
            limited: Mutex::default(),
            stripped: Mutex::default(),
            counters: Counters::default(),
            disk,
            options,
            budget,
            registry,
        })
    }

    /// Flushes rows of tables that have labels, and the labels, before such rows are deleted or leave for their age: a row that is deleted takes its labels
    /// along, and one that is written later under the same key begins without. Which labels are whose, and which row
    /// handed its labels on to which, is plain once they are in segments.
    fn settle_labels(&self, tables: impl IntoIterator<Item = TableId>) -> Result<()> {
        let is_unsettled = |table: TableId| {
            let state = self.state.lock();
            let is_flushed = |id: TableId| state.tables.get(&id).is_none_or(TableData::is_flushed);
            let labels = state.catalog.labels_of(table).map(|labels| labels.id);
            labels.is_some_and(|labels| !is_flushed(labels) || !is_flushed(table))
        };
        let unsettled = tables.into_iter().filter(|table| is_unsettled(*table));
        unsettled.map(Choice::Labelled).try_for_each(|choice| self.flush(choice))
    }

    /// Checks a batch against the catalog and makes its payload, on the caller's thread.
    fn encode(&self, mut batch: WriteBatch, reply: SyncSender<Result<WriteAck>>) -> Result<Encoded> {
        for change in &mut batch.catalog {
            if let CatalogChange::CreateTable(schema) | CatalogChange::AlterTable(schema) = change {
                catalog::assign_column_ids(schema);
            }
        }
        if let Some(id) = &batch.writer {
            catalog::check_name("the name of a writer", &id.writer)?;
        }
        batch.rows.retain(|(_, rows)| rows.num_rows() > 0);
        let hash = || wal::fingerprint(&batch.catalog, &batch.changes, &batch.rows);
        let writer = batch.writer.map(|id| (id, batch.fingerprint.unwrap_or_else(hash)));
        let (deletes, rows) = match self.check(&batch.catalog, &batch.changes, batch.rows) {
            Ok(checked) => checked,
            Err(error) => return self.repeat_of(writer.as_ref()).map(Encoded::Repeat).ok_or(error),
        };
        let written_at = self.options.clock.now_nanos();
        let log_writer = writer.as_ref().map(|(id, fingerprint)| (id, *fingerprint));
        let payload = wal::encode_batch(log_writer, written_at, &batch.catalog, &rows, &batch.changes);
        if payload.len() > BATCH_BYTES_MAX {
            return Err(StorageError::TooLarge {
                what: "the batch's size in bytes",
                size: payload.len() as u64,
                limit: BATCH_BYTES_MAX as u64,
                remedy: "split it",
            });
        }
        let (fresh, definitions) = (Vec::new(), Vec::new());
        let catalog = batch.catalog;
        let pending =
            Pending { writer, written_at, catalog, deletes, rows, payload, fresh, definitions, reply };
        Ok(Encoded::New(pending))
    }

    /// The deletes, and the rows with the schemas they have after the changes of the catalog.
    fn check(
        &self,
        catalog_changes: &[CatalogChange],
        changes: &[Change],
        rows: Vec<(TableId, RecordBatch)>,
    ) -> Result<Checked> {
        let mut catalog = self.state.lock().catalog.clone();
        catalog_changes.iter().try_for_each(|change| catalog.apply(change))?;
        let check =
            |(table, rows): (TableId, RecordBatch)| check_rows(&catalog, table, &rows, &self.registry);
        Ok((check_changes(&catalog, changes)?, rows.into_iter().map(check).collect::<Result<_>>()?))
    }

    /// The answer to a batch that was applied before: it need not fit the catalog any more, since it may itself have
    /// created a table, and later batches may have altered or dropped one.
    fn repeat_of(&self, writer: Option<&(WriterSequence, u64)>) -> Option<WriteAck> {
        let (id, fingerprint) = writer?;
        let verdict = self.committer.lock().writers.judge(id, *fingerprint);
        let seq = self.state.lock().seq;
        matches!(verdict, Ok(Verdict::Duplicate)).then_some(WriteAck { seq, duplicate: true })
    }

    /// An id that is in use is not given away: a batch sent again after a restart brings one from before it.
    fn spend_table_id(&self, change: &CatalogChange) {
        if let CatalogChange::CreateTable(schema) = change {
            self.next_table_id.fetch_max(schema.id.saturating_add(1), Ordering::Relaxed);
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// After a failed sync: drops the memtables and reads the directory anew. Does nothing while all is well.
    fn mend(&self) -> Result<()> {
        if self.committer.lock().failed.is_none() {
            return Ok(());
        }
        self.without_compaction(|| {
            let mut flushing = self.flushing.lock();
            let mut committer = self.committer.lock();
            if committer.failed.is_some() {
                let loaded = open::load(&self.lasting());
                self.reserve.look(&*self.disk);
                let loaded = loaded?;
                self.wal_first.store(loaded.files.manifest.wal_first, Ordering::Relaxed);
                *self.files.lock() = loaded.files;
                *self.state.lock() = loaded.state;
                *flushing = loaded.series;
                *committer = loaded.committer;
            }
            Ok(())
        })
    }

    fn lasting(&self) -> Lasting<'_> {
        let Self { disk, options, budget, registry, next_segment_id, .. } = self;
        Lasting { disk, options, budget, registry, next_segment_id }
    }

    /// About how many bytes the WAL holds: each file but the last counts as full.
    fn wal_bytes(&self) -> u64 {
        let committer = self.committer.lock();
        let first = self.wal_first.load(Ordering::Relaxed);
        let full_files = committer.wal.number().saturating_sub(first);
        full_files.saturating_mul(self.options.wal_file_bytes_max).saturating_add(committer.wal.len())
    }
}

fn check_changes(catalog: &Catalog, changes: &[Change]) -> Result<Vec<(TableId, Arc<Deletion>)>> {
    if changes.len() > CHANGES_MAX {
        return Err(StorageError::TooLarge {
            what: "the number of changes in the batch",
            size: changes.len() as u64,
            limit: CHANGES_MAX as u64,
            remedy: "split it",
        });
    }
    let check = |change: &Change| match change {
        Change::Delete { table, predicate } => {
            Ok((*table, Deletion::new(Filter::new(predicate.clone(), catalog.table(*table)?)?)))
        }
    };
    changes.iter().map(check).collect()
}

/// Rows must have exactly the columns of their table, tags as text or as dictionaries of text, and each row a time.
fn check_rows(
    catalog: &Catalog,
    table: TableId,
    rows: &RecordBatch,
    registry: &SeriesRegistry,
) -> Result<(Arc<TableSchema>, Rows)> {
    let schema = catalog.table(table)?.clone();
    check_columns(&schema, rows)?;
    if rows.num_rows() > BATCH_ROWS_MAX {
        return Err(StorageError::TooLarge {
            what: "the number of rows of a table in the batch",
            size: rows.num_rows() as u64,
            limit: BATCH_ROWS_MAX as u64,
            remedy: "split it",
        });
    }
    let rows = registry.resolve(&schema, rows)?;
    memtable::time_range(&schema, &rows)?;
    Ok((schema, rows))
}

fn check_columns(schema: &TableSchema, rows: &RecordBatch) -> Result<()> {
    let wrong = |what: String| Err(StorageError::Invalid(format!("rows of table {}: {what}", schema.name)));
    if rows.num_columns() != schema.columns.len() {
        return wrong(format!("expected {} columns, found {}", schema.columns.len(), rows.num_columns()));
    }
    for (column, field) in schema.columns.iter().zip(rows.schema_ref().fields()) {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let fits = field.data_type().equals_datatype(&column.ty.arrow())
            || (column.role == Role::Tag && *field.data_type() == dictionary);
        if *field.name() != column.name || !fits {
            return wrong(format!(
                "expected column {} of type {}, found {} of Arrow type {}",
                column.name,
                column.ty.sql(),
                field.name(),
                field.data_type()
            ));
        }
    }
    Ok(())
}
