//! The log: how much of it can be read, what goes with the rest, and how it is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;

use super::report::Loss;
use super::{is_damage, table_name};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits::WAL_FILE_BYTES_MAX;
use crate::manifest::Manifest;
use crate::operations::copy::list;
use crate::schema::{Role, TableId};
use crate::segment::TimeRange;
use crate::series::SeriesRegistry;
use crate::wal::survey::{Readable, beyond, readable};
use crate::wal::{self, Logged, LoggedBatch, LoggedRows, Recovered, RotateError, WAL_DIR, WalWriter};

/// Empty frames written at a time.
const FILL_FRAMES: u64 = 4_096;

/// The log is to end earlier than it does.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) readable: Readable,
    /// Why.
    pub(super) damage: StorageError,
    /// Rows behind it that can still be read, and so counted.
    pub(super) lost: Vec<Loss>,
    /// The last sequence among them.
    pub(super) last_lost: u64,
}

/// Reads the log as an opening would. Rows of series that nobody knows are damage: their tags are lost.
pub(super) fn replay(disk: &dyn Disk, manifest: &Manifest, registry: &SeriesRegistry) -> Result<Recovered> {
    let (first, first_seq) = (manifest.wal_first, manifest.wal_first_seq);
    let mut check = |logged: Logged<'_>| check_batch(logged, registry);
    wal::recover(disk, first, first_seq, registry, &mut check)
}

fn check_batch(logged: Logged<'_>, registry: &SeriesRegistry) -> Result<()> {
    let Logged { path, offset, .. } = logged;
    let batch = wal::decode_batch(logged)?;
    let unknown = batch.rows.iter().flat_map(|rows| rows.series.iter()).find(|id| !registry.is_known(**id));
    match unknown {
        None => Ok(()),
        Some(id) => {
            Err(StorageError::corrupt(path, offset, format!("rows whose tags are known, not of series {id}")))
        }
    }
}

/// Where the log has to be cut, if it has; and how many writes it holds then.
pub(super) fn look(
    disk: &dyn Disk,
    manifest: &Manifest,
    registry: &SeriesRegistry,
) -> Result<(u64, Option<Cut>)> {
    let first_seq = manifest.wal_first_seq;
    let damage = match replay(disk, manifest, registry) {
        Ok(log) if log.last_seq >= last_seq_of(manifest) => return Ok((log.last_seq + 1 - first_seq, None)),
        Ok(log) => StorageError::corrupt(
            wal::path_of(manifest.wal_first),
            0,
            format!("a log up to sequence {}, found {}", last_seq_of(manifest), log.last_seq),
        ),
        Err(error) if is_damage(&error) => error,
        Err(error) => return Err(error),
    };
    let mut check = |logged: Logged<'_>| check_batch(logged, registry);
    let readable = readable(disk, manifest.wal_first, first_seq, registry, &mut check)?;
    let mut counts = Counts { manifest, tables: BTreeMap::new(), last_seq: 0 };
    beyond(disk, manifest.wal_first, &readable, &mut |seq, batch| counts.add(seq, batch))?;
    let (lost, last_lost) = (counts.losses(), counts.last_seq);
    Ok((readable.next_seq - first_seq, Some(Cut { readable, damage, lost, last_lost })))
}

/// The last sequence that segments and catalog hold: no later write may get one of these again.
pub(super) fn last_seq_of(manifest: &Manifest) -> u64 {
    let segments = manifest.segments.iter().map(|segment| segment.last_seq);
    segments.chain(manifest.flushed_seq.values().copied()).fold(manifest.catalog_seq, u64::max)
}

/// Counts the rows that go, but for those that segments have.
struct Counts<'a> {
    manifest: &'a Manifest,
    tables: BTreeMap<TableId, (u64, Option<TimeRange>)>,
    last_seq: u64,
}

impl Counts<'_> {
    fn add(&mut self, seq: u64, batch: Option<LoggedBatch>) {
        self.last_seq = self.last_seq.max(seq);
        for rows in batch.into_iter().flat_map(|batch| batch.rows) {
            let flushed = self.manifest.flushed_seq.get(&rows.table).copied();
            if seq > flushed.unwrap_or(self.manifest.catalog_seq) {
                let time = self.times(&rows);
                let (count, all) = self.tables.entry(rows.table).or_default();
                *count += rows.series.len() as u64;
                *all = [*all, time].into_iter().flatten().reduce(TimeRange::union);
            }
        }
    }

    fn times(&self, rows: &LoggedRows) -> Option<TimeRange> {
        let schema = self.manifest.tables.iter().find(|table| table.id == rows.table)?;
        let time = schema.columns.iter().find(|column| column.role == Role::Time)?.id;
        let (_, _, array) = rows.columns.iter().find(|(id, _, _)| *id == time)?;
        let times = array.as_primitive_opt::<TimestampNanosecondType>()?.values();
        Some(TimeRange { min: *times.iter().min()?, max: *times.iter().max()? })
    }

    fn losses(&self) -> Vec<Loss> {
        let loss = |(table, (rows, time)): (&TableId, &(u64, Option<TimeRange>))| Loss {
            table: table_name(self.manifest, *table),
            rows: *rows,
            time: *time,
        };
        self.tables.iter().map(loss).collect()
    }
}

impl Cut {
    /// The files of the log that are changed, or belong to it no more.
    pub(super) fn files(&self, disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<String>> {
        let last = self.readable.end.map_or(manifest.wal_first, |(number, _)| number);
        let numbers = list(disk, WAL_DIR)?.iter().filter_map(|name| wal::number_of(name)).collect::<Vec<_>>();
        Ok(numbers.into_iter().filter(|number| *number >= last).map(wal::path_of).collect())
    }

    /// Cuts. A new file says how many bytes of the last readable one count; what lies behind goes, of which copies
    /// are in the quarantine. Cut short anywhere, what is left is a log with the same end or one that does not open.
    ///
    /// Where nothing can be read a log of its own begins, which only the manifest puts in force.
    pub(super) fn carry_out(&self, disk: &Arc<dyn Disk>, manifest: &mut Manifest) -> Result<()> {
        let (top, number) = (last_seq_of(manifest), self.readable.next_number);
        let Some((last, _)) = self.readable.end else {
            let next_seq = self.readable.next_seq.max(top.saturating_add(1));
            WalWriter::create(disk.clone(), number, None, next_seq)?;
            (manifest.wal_first, manifest.wal_first_seq) = (number, next_seq);
            return Ok(());
        };
        let kept = wal::path_of(last);
        for path in self.files(&**disk, manifest)?.into_iter().filter(|path| *path != kept) {
            disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
        }
        disk.sync_dir(WAL_DIR).map_err(|e| StorageError::io("sync directory", WAL_DIR, e))?;
        let log = WalWriter::create(disk.clone(), number, self.readable.end, self.readable.next_seq)?;
        fill(log, top)
    }
}

/// Writes empty frames up to `last`: sequences that segments hold rows of are not given to other writes.
fn fill(mut log: WalWriter, last: u64) -> Result<()> {
    let empty = wal::encode_batch(None, 0, &[], &[], &[]);
    while log.next_seq() <= last {
        if log.must_rotate(WAL_FILE_BYTES_MAX) {
            let next = log.number() + 1;
            log.rotate(next).map_err(|(RotateError::Create(error) | RotateError::Sync(error))| error)?;
        }
        let count = FILL_FRAMES.min(last + 1 - log.next_seq()) as usize;
        let piece = wal::Piece { definitions: &[], batch: &empty, has_changes: false };
        log.append(std::iter::repeat_n(piece, count))?;
    }
    log.sync()
}
