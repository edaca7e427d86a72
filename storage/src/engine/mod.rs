//! The engine: one data directory, open.
//!
//! Locks are taken in this order: `files` (a flush or a mending at a time), `committer` (a commit at a time),
//! `state` (short, never across the disk).

mod commit;
mod flush;
mod open;
mod options;
mod state;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use parking_lot::{Condvar, Mutex};

use self::commit::{Committer, Pending};
use self::open::Files;
pub use self::options::{EngineOptions, SyncPolicy};
use self::state::State;
use crate::batch::{CatalogChange, WriteAck, WriteBatch, WriterSequence};
use crate::catalog::{self, Catalog};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits::{BATCH_BYTES_MAX, COMMIT_QUEUE_MAX, ROOM_WAIT_STEP_MS};
use crate::memtable;
use crate::schema::{TableId, TableSchema};
use crate::snapshot::Snapshot;
use crate::wal::{self, WAL_DIR};
use crate::writers::Verdict;

const LOCK_FILE: &str = "LOCK";

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
    files: Mutex<Files>,
    committer: Mutex<Committer>,
    state: Mutex<State>,
    next_table_id: AtomicU32,
    /// The first WAL file still needed.
    wal_first: AtomicU64,
    closed: AtomicBool,
    /// Whether a flush is wanted; the flush thread waits for it.
    pressure: Mutex<bool>,
    pressed: Condvar,
    /// Told after each flush; writers over the budget wait for it.
    flushed: Condvar,
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
}

impl Engine {
    /// Opens the directory behind `disk`, replays the WAL and flushes what it held.
    pub fn open(disk: Arc<dyn Disk>, options: EngineOptions) -> Result<Arc<Self>> {
        disk.create_dir("").map_err(|e| StorageError::io("create directory", disk.root(), e))?;
        let lock = disk.lock(LOCK_FILE).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => StorageError::InUse { path: disk.root() },
            _ => StorageError::io("lock", LOCK_FILE, e),
        })?;
        open::prepare(&*disk)?;
        let loaded = open::load(&disk, &options)?;
        let wal_first = AtomicU64::new(loaded.files.manifest.wal_first);
        let inner = Arc::new(Inner {
            disk,
            options,
            wal_first,
            files: Mutex::new(loaded.files),
            committer: Mutex::new(loaded.committer),
            state: Mutex::new(loaded.state),
            next_table_id: AtomicU32::new(loaded.next_table_id),
            closed: AtomicBool::new(false),
            pressure: Mutex::new(false),
            pressed: Condvar::new(),
            flushed: Condvar::new(),
        });
        let (queue, pending) = sync_channel(COMMIT_QUEUE_MAX);
        let committing = inner.clone();
        let mut threads = vec![spawn("driftline-commit", move || commit::run(&committing, &pending))?];
        if inner.options.background_flush {
            let flushing = inner.clone();
            threads.push(spawn("driftline-flush", move || flushing.flush_when_pressed())?);
        }
        let (queue, threads) = (Mutex::new(Some(queue)), Mutex::new(threads));
        Ok(Arc::new(Self { inner, queue, threads, lock: Mutex::new(Some(lock)) }))
    }

    /// Writes a batch; returns once it is durable (by the policy) and visible to the next snapshot. Blocks.
    ///
    /// After [`StorageError::OutcomeUnknown`] the batch may be there or not: send it again with the same writer and
    /// sequence. After every other error it is not there.
    pub fn write(&self, batch: WriteBatch) -> Result<WriteAck> {
        let queue = self.queue.lock().clone().ok_or(StorageError::Closed)?;
        self.inner.await_room()?;
        let (reply, answer) = sync_channel(1);
        match self.inner.encode(batch, reply)? {
            Encoded::New(pending) => queue.send(pending).map_err(|_| StorageError::Closed)?,
            Encoded::Repeat(ack) => return Ok(ack),
        }
        drop(queue);
        let lost = || StorageError::OutcomeUnknown { reason: "the commit thread stopped".into() };
        answer.recv().map_err(|_| lost())?
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

    /// Moves all memtables into segments.
    pub fn flush(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(StorageError::Closed);
        }
        self.inner.flush()
    }

    /// The clock by which the engine goes.
    pub fn now_nanos(&self) -> i64 {
        self.inner.options.clock.now_nanos()
    }

    /// Bytes on disk by kind of file.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let disk = &self.inner.disk;
        let files = self.inner.files.lock();
        let mut wal = 0;
        for name in disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))? {
            let path = format!("{WAL_DIR}/{name}");
            wal += disk.open(&path).and_then(|f| f.len()).map_err(|e| StorageError::io("read", &path, e))?;
        }
        let segments = files.manifest.segments.iter().map(|s| s.bytes).sum();
        Ok(DiskUsage { segments, wal, manifest: files.manifest_bytes })
    }

    /// Stops the threads and gives the lock back. Flushes nothing: acknowledged writes are in the WAL.
    pub fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::Release);
        drop(self.queue.lock().take());
        *self.inner.pressure.lock() = true;
        self.inner.pressed.notify_all();
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

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|e| StorageError::io("start thread", name, e))
}

impl Inner {
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
        let hash = || wal::fingerprint(&batch.catalog, &batch.rows);
        let writer = batch.writer.map(|id| (id, batch.fingerprint.unwrap_or_else(hash)));
        let rows = match self.check(&batch.catalog, batch.rows) {
            Ok(rows) => rows,
            Err(error) => return self.repeat_of(writer.as_ref()).map(Encoded::Repeat).ok_or(error),
        };
        let written_at = self.options.clock.now_nanos();
        let log_writer = writer.as_ref().map(|(id, fingerprint)| (id, *fingerprint));
        let payload = wal::encode_batch(log_writer, written_at, &batch.catalog, &rows);
        if payload.len() > BATCH_BYTES_MAX {
            return Err(StorageError::TooLarge {
                what: "the batch's size in bytes",
                size: payload.len() as u64,
                limit: BATCH_BYTES_MAX as u64,
                remedy: "split it",
            });
        }
        Ok(Encoded::New(Pending { writer, written_at, catalog: batch.catalog, rows, payload, reply }))
    }

    /// The rows with the schemas they have after the changes.
    fn check(
        &self,
        changes: &[CatalogChange],
        rows: Vec<(TableId, RecordBatch)>,
    ) -> Result<Vec<(Arc<TableSchema>, RecordBatch)>> {
        let mut catalog = self.state.lock().catalog.clone();
        changes.iter().try_for_each(|change| catalog.apply(change))?;
        rows.into_iter().map(|(table, rows)| check_rows(&catalog, table, rows)).collect()
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

    /// After a failed sync: drops the memtables and reads the directory anew. Does nothing while all is well.
    fn mend(&self) -> Result<()> {
        if self.committer.lock().failed.is_none() {
            return Ok(());
        }
        let mut files = self.files.lock();
        let mut committer = self.committer.lock();
        if committer.failed.is_some() {
            let loaded = open::load(&self.disk, &self.options)?;
            *self.state.lock() = loaded.state;
            self.wal_first.store(loaded.files.manifest.wal_first, Ordering::Relaxed);
            *files = loaded.files;
            *committer = loaded.committer;
        }
        Ok(())
    }

    /// Waits while memtables hold twice their budget and a flush can still free some; refuses the write where none
    /// does in time (flushes that keep failing must not hold writers for ever).
    fn await_room(&self) -> Result<()> {
        let limit = self.options.memtable_bytes_max.saturating_mul(2);
        let step = std::time::Duration::from_millis(ROOM_WAIT_STEP_MS);
        let mut waited = std::time::Duration::ZERO;
        let mut state = self.state.lock();
        while self.options.background_flush && state.memtable_bytes() > limit {
            if self.closed.load(Ordering::Acquire) {
                return Err(StorageError::Closed);
            }
            self.press();
            if waited >= self.options.room_wait {
                return Err(StorageError::TooLarge {
                    what: "the bytes waiting in memory to be flushed",
                    size: state.memtable_bytes() as u64,
                    limit: limit as u64,
                    remedy: "see that the disk has room and is well, then send the batch again",
                });
            }
            self.flushed.wait_for(&mut state, step);
            waited += step;
        }
        Ok(())
    }

    /// Asks for a flush where memtables or WAL have reached their limit.
    fn note_pressure(&self) {
        let memtables = self.state.lock().memtable_bytes();
        if memtables > self.options.memtable_bytes_max || self.wal_bytes() > self.options.wal_total_bytes_max
        {
            self.press();
        }
    }

    /// About how many bytes the WAL holds: each file but the last counts as full.
    fn wal_bytes(&self) -> u64 {
        let committer = self.committer.lock();
        let first = self.wal_first.load(Ordering::Relaxed);
        let full_files = committer.wal.number().saturating_sub(first);
        full_files.saturating_mul(self.options.wal_file_bytes_max).saturating_add(committer.wal.len())
    }

    fn press(&self) {
        *self.pressure.lock() = true;
        self.pressed.notify_one();
    }

    /// The flush thread: flushes when asked, until the engine closes.
    fn flush_when_pressed(&self) {
        loop {
            let mut wanted = self.pressure.lock();
            while !*wanted {
                self.pressed.wait(&mut wanted);
            }
            *wanted = false;
            drop(wanted);
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            // A flush that fails leaves everything where it was; the next write over the limit asks again.
            let _ = self.flush();
        }
    }
}

/// Rows must have exactly the columns of their table, and each row a time.
fn check_rows(
    catalog: &Catalog,
    table: TableId,
    rows: RecordBatch,
) -> Result<(Arc<TableSchema>, RecordBatch)> {
    let schema = catalog.table(table)?.clone();
    let wanted = schema.arrow();
    let same = wanted.fields().len() == rows.num_columns()
        && wanted
            .fields()
            .iter()
            .zip(rows.schema().fields())
            .all(|(w, f)| w.name() == f.name() && w.data_type().equals_datatype(f.data_type()));
    if !same {
        return Err(StorageError::Invalid(format!(
            "rows of table {} do not have its columns: expected {wanted:?}, found {:?}",
            schema.name,
            rows.schema()
        )));
    }
    memtable::time_range(&schema, &rows)?;
    Ok((schema, rows))
}
