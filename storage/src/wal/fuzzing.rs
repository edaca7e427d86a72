//! A log from bytes of any kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::{HEADER_BYTES, Header, HeaderState};
use super::frame::{FRAME_ALIGN, FRAME_HEAD};
use super::{
    Logged, LoggedBatch, LoggedRows, decode_batch, encode_batch, path_of, recover as recover_log, survey,
};
use crate::bytes::Cursor;
use crate::catalog::Catalog;
use crate::change::{Change, Filter};
use crate::disk::Disk;
use crate::error::Result;
use crate::fuzzing::{disk_of, put_crc};
use crate::rows::Rows;
use crate::schema::TableSchema;
use crate::series::SeriesRegistry;

/// Files that one input may hold.
const FILES_MAX: usize = 8;

/// Files one behind the other, each after its length as u32: recovered as a log whose manifest names the first, as they
/// are and with true checksums; and surveyed as for a repair.
pub fn recover(data: &[u8]) {
    let mut files = unpack(data);
    look(&files);
    files.iter_mut().for_each(|file| seal(file));
    look(&files);
}

/// An input of such files.
pub(crate) fn pack(files: &[Vec<u8>]) -> Vec<u8> {
    let parts = files.iter().flat_map(|file| [(file.len() as u32).to_le_bytes().to_vec(), file.clone()]);
    parts.flatten().collect()
}

fn unpack(data: &[u8]) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(data);
    let mut files = Vec::new();
    while files.len() < FILES_MAX && cursor.remaining() > 0 {
        let length = cursor.u32("a length").map_or(0, |length| length as usize).min(cursor.remaining());
        files.push(cursor.take(length, "a file").map(<[u8]>::to_vec).unwrap_or_default());
    }
    files
}

fn head_of(file: &[u8]) -> Option<Header> {
    if let HeaderState::Valid(head) = Header::decode(file) { Some(head) } else { None }
}

/// The checksums of the head and of each frame as its length says.
fn seal(file: &mut [u8]) {
    put_crc(file, HEADER_BYTES - 4, 0..HEADER_BYTES - 4);
    let Some(head) = head_of(file) else { return };
    let mut at = HEADER_BYTES;
    while let Some(length) =
        file.get(at..).and_then(|rest| rest.first_chunk()).map(|b| u32::from_le_bytes(*b))
    {
        let Some(end) = at.checked_add(FRAME_HEAD + length as usize).filter(|end| *end <= file.len()) else {
            return;
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&head.salt.to_le_bytes());
        hasher.update(&file[at..at + 4]);
        hasher.update(&file[at + 8..end]);
        file[at + 4..at + 8].copy_from_slice(&hasher.finalize().to_le_bytes());
        at = end.next_multiple_of(FRAME_ALIGN);
    }
}

fn look(files: &[Vec<u8>]) {
    let heads: Vec<Option<Header>> = files.iter().map(|file| head_of(file)).collect();
    let number = |at: usize| heads[at].map_or(at as u64 + 1, |head| head.number);
    let (first, first_seq) = (if files.is_empty() { 1 } else { number(0) }, heads.first().copied().flatten());
    let mut names = BTreeMap::new();
    files.iter().enumerate().for_each(|(at, file)| {
        names.entry(number(at)).or_insert(file.as_slice());
    });
    let disk = disk_of(names.iter().map(|(number, file)| (path_of(*number), *file)));
    let first_seq = first_seq.map_or(1, |head| head.first_seq);
    let mut frames = Frames::default();
    let found =
        recover_log(&*disk, first, first_seq, &SeriesRegistry::new(), &mut |logged| frames.take(logged));
    if let Ok(found) = found {
        assert_eq!(found.last_seq.wrapping_add(1), first_seq.wrapping_add(frames.count));
    }
    survey(&*disk, &names, first, first_seq, frames.count);
}

/// What a repair looks at. It reads as much of a log as a recovery does, or more.
fn survey(disk: &dyn Disk, names: &BTreeMap<u64, &[u8]>, first: u64, first_seq: u64, count: u64) {
    let mut frames = Frames::default();
    let readable =
        survey::readable(disk, first, first_seq, &SeriesRegistry::new(), &mut |logged| frames.take(logged));
    if let Ok(readable) = readable {
        assert!(readable.next_seq.wrapping_sub(first_seq) >= count.min(frames.count));
    }
    for (number, file) in names {
        survey::damage(*number, file, None);
        survey::previous(*number, file);
    }
}

/// The batches of a log, played onto a catalog.
#[derive(Default)]
struct Frames {
    catalog: Catalog,
    count: u64,
}

impl Frames {
    fn take(&mut self, logged: Logged<'_>) -> Result<()> {
        let batch = decode_batch(logged)?;
        for change in &batch.catalog {
            // One that does not fit is refused; frames after it may still be read.
            let _ = self.catalog.apply(change);
        }
        for change in &batch.changes {
            match change {
                Change::Delete { table, predicate } => {
                    let schema = self.catalog.table(*table).cloned();
                    let _ = schema.and_then(|schema| Filter::new(predicate.clone(), &schema));
                }
            }
        }
        let rows: Vec<_> = batch.rows.iter().filter_map(|rows| self.rows_of(rows)).collect();
        let writer = batch.writer.as_ref().map(|(id, fingerprint)| (id, *fingerprint));
        let again = encode_batch(writer, batch.written_at, &batch.catalog, &rows, &batch.changes);
        read_again(&again, &batch, &rows, logged);
        self.count += 1;
        Ok(())
    }

    fn rows_of(&self, rows: &LoggedRows) -> Option<(Arc<TableSchema>, Rows)> {
        let schema = self.catalog.table(rows.table).ok()?.clone();
        let rows = rows.to_rows(&schema).ok()?;
        // As the engine does; a batch without a time in each row was never written.
        crate::memtable::time_range(&schema, &rows).ok()?;
        Some((schema, rows))
    }
}

/// A batch encoded anew says the same.
fn read_again(bytes: &[u8], batch: &LoggedBatch, rows: &[(Arc<TableSchema>, Rows)], logged: Logged<'_>) {
    let has_changes = !batch.changes.is_empty();
    let again = decode_batch(Logged { payload: bytes, has_changes, ..logged });
    let Ok(again) = again else { panic!("a batch that does not read back: {again:?}") };
    // As bytes: a NaN in a condition does not equal itself.
    let bytes = |batch: &LoggedBatch| encode_batch(None, 0, &batch.catalog, &[], &batch.changes);
    assert!(bytes(&again) == bytes(batch), "changes that do not read back");
    for ((schema, rows), logged) in rows.iter().zip(&again.rows) {
        let found = logged.to_rows(schema);
        let same = found.is_ok_and(|found| found.batch == rows.batch && found.series == rows.series);
        assert!(same, "rows of table {} that do not read back", schema.name);
    }
}
