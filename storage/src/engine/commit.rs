//! Group commit: one thread turns waiting batches into one append and one fdatasync.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};

use super::Inner;
use super::options::SyncPolicy;
use crate::batch::{CatalogChange, WriteAck, WriterSequence};
use crate::catalog::Catalog;
use crate::error::{Result, StorageError};
use crate::limits::{COMMIT_GROUP_BYTES_MAX, SERIES_DEFINITIONS_BYTES_MAX};
use crate::overlay::Deletion;
use crate::rows::Rows;
use crate::schema::{Column, SeriesId, TableId, TableSchema};
use crate::series::SeriesRegistry;
use crate::wal::{Piece, RotateError, WalWriter};
use crate::writers::{Verdict, Writers};

/// A batch on its way to the log.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) writer: Option<(WriterSequence, u64)>,
    pub(super) written_at: i64,
    pub(super) catalog: Vec<CatalogChange>,
    pub(super) deletes: Vec<(TableId, Arc<Deletion>)>,
    pub(super) rows: Vec<(Arc<TableSchema>, Rows)>,
    pub(super) payload: Vec<u8>,
    /// Series that its frame has to define, and their definitions; empty before its turn comes.
    pub(super) fresh: Vec<SeriesId>,
    pub(super) definitions: Vec<u8>,
    pub(super) reply: SyncSender<Result<WriteAck>>,
}

/// What only one commit at a time may touch.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) wal: WalWriter,
    pub(super) writers: Writers,
    /// The greatest number any WAL file was begun with: names are never used twice.
    pub(super) greatest_number: u64,
    /// The files of the log from the first needed on, each with its first sequence.
    pub(super) wal_files: Vec<(u64, u64)>,
    /// When the first frame was appended that is not known to be durable.
    pub(super) unsynced_since: Option<i64>,
    /// Why the log can no longer be trusted: a sync failed. Only reopening from disk mends it.
    pub(super) failed: Option<String>,
}

impl Committer {
    /// Begins a new WAL file.
    pub(super) fn rotate(&mut self) -> Result<()> {
        self.greatest_number += 1;
        self.wal.rotate(self.greatest_number).map_err(|error| match error {
            RotateError::Create(error) => error,
            RotateError::Sync(error) => {
                self.failed = Some(error.to_string());
                error
            }
        })?;
        // A rotation syncs what came before it.
        self.unsynced_since = None;
        self.wal_files.push((self.wal.number(), self.wal.next_seq()));
        Ok(())
    }

    /// Makes the log durable. After an error only reopening from disk mends it.
    fn sync(&mut self) -> Result<()> {
        self.unsynced_since = None;
        self.wal.sync().map_err(|error| {
            self.failed = Some(error.to_string());
            StorageError::OutcomeUnknown { reason: error.to_string() }
        })
    }

    /// The file that holds write `oldest`, or the one in use where that is later, with its first sequence. Those
    /// before it are forgotten: whoever asks is about to say in a manifest that they are not needed.
    pub(super) fn first_needed(&mut self, oldest: u64) -> (u64, u64) {
        let last = self.wal_files.len().saturating_sub(1);
        let holds = self.wal_files.iter().rposition(|(_, first)| *first <= oldest).unwrap_or(0);
        self.wal_files.drain(..holds.min(last));
        self.wal_files.first().copied().unwrap_or((self.wal.number(), self.wal.next_seq()))
    }

    /// Appends the payloads, each with the series that the log does not define yet. After an error none of them is in
    /// the log, or the outcome is unknown.
    ///
    /// `make_room` gives up the reserve: on a full disk the head of a next file makes sure that a refused batch is not
    /// there, and whoever sent it need not wonder.
    fn append(
        &mut self,
        group: &[Pending],
        registry: &SeriesRegistry,
        file_bytes_max: u64,
        make_room: impl FnOnce(&StorageError) -> Option<()>,
    ) -> Result<()> {
        if self.wal.must_rotate(file_bytes_max) {
            self.rotate()?;
        }
        let pieces = group.iter().map(Pending::piece);
        let Err(error) = self.wal.append(pieces) else {
            group.iter().for_each(|pending| registry.mark_logged(&pending.fresh));
            return Ok(());
        };
        // Frames may have landed whole. Only the head of a next file takes them out of the log for certain.
        let rotated = self.rotate().or_else(|failed| match make_room(&failed) {
            Some(()) if self.failed.is_none() => self.rotate(),
            _ => Err(failed),
        });
        match rotated {
            Ok(()) => Err(error),
            Err(_) => Err(StorageError::OutcomeUnknown { reason: error.to_string() }),
        }
    }
}

impl Pending {
    fn piece(&self) -> Piece<'_> {
        let (definitions, batch) = (self.definitions.as_slice(), self.payload.as_slice());
        Piece { definitions, batch, has_changes: !self.deletes.is_empty() }
    }

    /// Prepares the definitions of its series that neither the log nor a series file has. Only when its turn comes: of
    /// the batches that were to define a series first, one may have been refused.
    fn define(&mut self, registry: &SeriesRegistry) -> Result<()> {
        self.fresh = self.rows.iter().flat_map(|(_, rows)| registry.unlogged(&rows.series)).collect();
        self.fresh.sort_unstable();
        self.fresh.dedup();
        self.definitions.clear();
        if !self.fresh.is_empty() {
            registry.encode(&self.fresh, &mut self.definitions);
        }
        if self.definitions.len() > SERIES_DEFINITIONS_BYTES_MAX {
            return Err(StorageError::TooLarge {
                what: "the size in bytes of the tags that no batch had before",
                size: self.definitions.len() as u64,
                limit: SERIES_DEFINITIONS_BYTES_MAX as u64,
                remedy: "split the batch, and keep what is long or differs in every row in a FIELD",
            });
        }
        Ok(())
    }
}

/// Runs until every sender is gone.
pub(super) fn run(inner: &Inner, queue: &Receiver<Pending>) {
    let mut carried: Option<Pending> = None;
    while let Some(first) = carried.take().or_else(|| next(inner, queue)) {
        let mut bytes = first.payload.len();
        let mut group = vec![first];
        while bytes < COMMIT_GROUP_BYTES_MAX
            && let Ok(next) = queue.try_recv()
        {
            bytes += next.payload.len();
            if repeats(&group, &next) {
                carried = Some(next);
                break;
            }
            group.push(next);
        }
        commit(inner, group);
    }
}

/// The next batch. While the log holds what is not durable, waits no longer than the policy allows before it makes it so.
fn next(inner: &Inner, queue: &Receiver<Pending>) -> Option<Pending> {
    loop {
        let wait = match inner.options.sync {
            SyncPolicy::Interval(interval) if inner.committer.lock().unsynced_since.is_some() => interval,
            _ => return queue.recv().ok(),
        };
        match queue.recv_timeout(wait) {
            Ok(pending) => return Some(pending),
            Err(RecvTimeoutError::Timeout) => inner.sync_log(),
            Err(RecvTimeoutError::Disconnected) => {
                inner.sync_log();
                return None;
            }
        }
    }
}

/// Whether the group already holds this writer's sequence: it must be durable before the repeat is judged.
fn repeats(group: &[Pending], next: &Pending) -> bool {
    let id = |p: &Pending| p.writer.as_ref().map(|(id, _)| (id.writer.clone(), id.sequence));
    next.writer.is_some() && group.iter().map(id).collect::<HashSet<_>>().contains(&id(next))
}

fn commit(inner: &Inner, group: Vec<Pending>) {
    if let Err(error) = inner.mend() {
        return refuse(group, &error);
    }
    let mut committer = inner.committer.lock();
    let (admitted, verdicts) = admit(inner, &committer.writers, group);
    if !admitted.is_empty() {
        match persist(inner, &mut committer, &admitted) {
            Ok(first_seq) => publish(inner, &mut committer, admitted, first_seq),
            Err(error) => refuse(admitted, &error),
        }
    }
    for (pending, verdict) in verdicts {
        answer(&pending, verdict);
    }
    let failed = committer.failed.is_some();
    drop(committer);
    if failed {
        // The waiters have their answer; where the disk is still bad the next write tries again.
        let _ = inner.mend();
    }
    inner.last_write.store(inner.options.clock.now_nanos(), std::sync::atomic::Ordering::Relaxed);
    inner.note_pressure();
}

type Verdicts = Vec<(Pending, Result<WriteAck>)>;

/// Parts the batches that go to the log from those that are answered at once.
fn admit(inner: &Inner, writers: &Writers, group: Vec<Pending>) -> (Vec<Pending>, Verdicts) {
    let (seq, mut trial) = {
        let state = inner.state.lock();
        let deleting = state.tables.iter().filter(|(_, data)| data.has_tombstones()).map(|(id, _)| *id);
        (state.seq, Trial { catalog: state.catalog.clone(), deleting: deleting.collect() })
    };
    let mut admitted = Vec::with_capacity(group.len());
    let mut verdicts = Vec::new();
    for mut pending in group {
        match judge(inner, writers, &mut trial, &mut pending) {
            Ok(Verdict::Apply) => admitted.push(pending),
            Ok(Verdict::Duplicate) => verdicts.push((pending, Ok(WriteAck { seq, duplicate: true }))),
            Err(error) => verdicts.push((pending, Err(error))),
        }
    }
    (admitted, verdicts)
}

/// What batches meet when their turn comes.
#[derive(Clone, Debug)]
struct Trial {
    catalog: Catalog,
    /// Tables with deletes that no flush has written down yet. These look at columns as they were when the delete came.
    deleting: HashSet<TableId>,
}

impl Trial {
    /// A column that pending deletes may look at stays what it is: the log must find it when it is replayed.
    fn apply(&mut self, change: &CatalogChange) -> Result<()> {
        if let CatalogChange::AlterTable(after) = change
            && self.deleting.contains(&after.id)
        {
            let before = self.catalog.table(after.id)?;
            let is_kept = |column: &Column| after.column(column.id).is_some_and(|c| c.ty == column.ty);
            if !before.columns.iter().all(is_kept) {
                return Err(StorageError::DeletesPending(before.name.clone()));
            }
        }
        self.catalog.apply(change)
    }

    /// A delete was checked against the catalog of its time, and is read against the one that the log then has.
    fn delete(&mut self, table: TableId, deletion: &Deletion) -> Result<()> {
        let schema = self.catalog.table(table)?;
        if !deletion.filter().fits(schema) {
            return Err(StorageError::SchemaChanged(schema.name.clone()));
        }
        self.deleting.insert(table);
        Ok(())
    }
}

/// Tries a batch on the catalog as it will be when its turn comes; a refused one leaves no trace there.
fn judge(inner: &Inner, writers: &Writers, so_far: &mut Trial, pending: &mut Pending) -> Result<Verdict> {
    if let Some((id, fingerprint)) = &pending.writer
        && writers.judge(id, *fingerprint)? == Verdict::Duplicate
    {
        return Ok(Verdict::Duplicate);
    }
    let mut trial = so_far.clone();
    pending.catalog.iter().try_for_each(|change| trial.apply(change))?;
    for (schema, _) in &pending.rows {
        trial.catalog.table(schema.id)?;
    }
    pending.deletes.iter().try_for_each(|(table, deletion)| trial.delete(*table, deletion))?;
    pending.define(&inner.registry)?;
    *so_far = trial;
    Ok(Verdict::Apply)
}

/// Appends, and syncs where the policy says so; the sequence of the first batch.
fn persist(inner: &Inner, committer: &mut Committer, admitted: &[Pending]) -> Result<u64> {
    let make_room = |error: &StorageError| inner.spend_reserve(error);
    committer.append(admitted, &inner.registry, inner.options.wal_file_bytes_max, make_room).inspect_err(
        // A flush makes the log shorter.
        |_| inner.press(),
    )?;
    let first_seq = committer.wal.next_seq() - admitted.len() as u64;
    let now = inner.options.clock.now_nanos();
    let since = *committer.unsynced_since.get_or_insert(now);
    let is_due = match inner.options.sync {
        SyncPolicy::Always => true,
        SyncPolicy::Interval(interval) => i128::from(now) - i128::from(since) >= interval.as_nanos() as i128,
        SyncPolicy::Os => false,
    };
    if is_due {
        committer.sync()?;
    }
    Ok(first_seq)
}

impl Inner {
    /// Makes the log durable outside of a commit. A failure is mended before the next write.
    fn sync_log(&self) {
        let failed = self.committer.lock().sync().is_err();
        if failed {
            let _ = self.mend();
        }
    }
}

/// Makes the batches visible, then answers: who has an acknowledgement also sees his rows.
fn publish(inner: &Inner, committer: &mut Committer, admitted: Vec<Pending>, first_seq: u64) {
    let mut answers = Vec::with_capacity(admitted.len());
    admitted.iter().flat_map(|pending| &pending.catalog).for_each(|change| inner.spend_table_id(change));
    {
        let mut state = inner.state.lock();
        for (seq, mut pending) in (first_seq..).zip(admitted) {
            if let Some((id, fingerprint)) = &pending.writer {
                committer.writers.applied(id, *fingerprint, pending.written_at);
            }
            let rows = std::mem::take(&mut pending.rows);
            let deletes = std::mem::take(&mut pending.deletes);
            let result = state.apply(seq, &pending.catalog, deletes, rows);
            answers.push((pending, result.map(|()| WriteAck { seq, duplicate: false })));
        }
    }
    for (pending, result) in answers {
        answer(&pending, result);
    }
}

fn refuse(group: Vec<Pending>, error: &StorageError) {
    for pending in group {
        answer(&pending, Err(error.again()));
    }
}

/// A waiter that went away needs no answer.
fn answer(pending: &Pending, result: Result<WriteAck>) {
    let _ = pending.reply.send(result);
}
