//! The series files: append-only, checksummed blocks of definitions.

use std::sync::Arc;

use super::{SERIES_DIR, SeriesRegistry};
use crate::bytes::{Cursor, Put};
use crate::disk::{AppendFile, Disk};
use crate::error::{Result, StorageError};
use crate::limits::{SERIES_BLOCK_BYTES_MAX, SERIES_FILES_MAX};
use crate::schema::SeriesId;

const MAGIC: [u8; 8] = *b"DRFTSER\n";
/// The format this build writes and the newest it reads.
const SERIES_VERSION: u16 = 1;
/// Magic, version, two zeros, number, CRC.
const HEADER_BYTES: usize = 24;
/// Length and CRC before a block's definitions.
const BLOCK_HEAD: usize = 8;
/// Series in one block, and in one where single series are so large that this many would pass its limit.
const BLOCK_SERIES: u32 = 8_192;
const BLOCK_SERIES_LARGE: u32 = 16;

/// What the manifest says of the series files: number and bytes that count, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeriesPlaces(pub(crate) Vec<(u64, u64)>);

/// The series files of a directory, one of them being appended to.
#[derive(Debug)]
pub(crate) struct SeriesFiles {
    disk: Arc<dyn Disk>,
    places: SeriesPlaces,
    /// The last file, where it may be appended to.
    open: Option<Arc<dyn AppendFile>>,
    /// The files hold every series up to this one.
    stored: SeriesId,
    /// Above every number used.
    next_number: u64,
}

impl SeriesFiles {
    /// Reads the files' counted bytes into the registry, which then counts these series as durable. Bytes past the
    /// counted length are remains of a crash: later appends go to a new file in any case.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        places: &SeriesPlaces,
        registry: &SeriesRegistry,
    ) -> Result<Self> {
        disk.create_dir(SERIES_DIR).map_err(|e| StorageError::io("create directory", SERIES_DIR, e))?;
        let mut stored = 0;
        for (number, length) in &places.0 {
            stored = stored.max(read_file(&**disk, *number, *length, registry)?);
        }
        registry.mark_stored(stored);
        let greatest = numbers(&**disk)?.into_iter().chain(places.0.iter().map(|(n, _)| *n)).max();
        let next_number = greatest.map_or(1, |number| number.saturating_add(1));
        Ok(Self { disk: disk.clone(), places: places.clone(), open: None, stored, next_number })
    }

    /// Appends every series not yet stored and syncs the file (and the directory where it is new); gives the places
    /// the next manifest must name. After an error the file is not appended to again: the next call begins a new one.
    pub(crate) fn store(&mut self, registry: &SeriesRegistry) -> Result<SeriesPlaces> {
        let last = registry.last();
        if last <= self.stored {
            return Ok(self.places.clone());
        }
        let piled_up = self.open.is_none() && self.places.0.len() >= SERIES_FILES_MAX;
        let after = if piled_up { 0 } else { self.stored };
        // Taken out, so that an error leaves no file to append to.
        let appended = self.open.take().filter(|_| !piled_up);
        let (file, number, length) = match (appended, self.places.0.last()) {
            (Some(file), Some((number, length))) => (file, *number, *length),
            _ => self.begin()?,
        };
        let length = append_blocks(&*file, number, length, registry, after, last).inspect_err(|_| {
            // On a full disk each further try would leave one. A file that a manifest names stays.
            if length == HEADER_BYTES as u64 {
                let _ = self.disk.remove(&path_of(number));
            }
        })?;
        if length.begun {
            self.disk.sync_dir(SERIES_DIR).map_err(|e| StorageError::io("sync directory", SERIES_DIR, e))?;
        }
        if piled_up {
            self.places.0.clear();
        }
        self.places.0.retain(|(known, _)| *known != number);
        self.places.0.push((number, length.bytes));
        self.open = Some(file);
        self.stored = last;
        Ok(self.places.clone())
    }

    fn begin(&mut self) -> Result<(Arc<dyn AppendFile>, u64, u64)> {
        let number = self.next_number;
        // A number is spent even where this fails: the file may be there.
        self.next_number += 1;
        let path = path_of(number);
        let file = self.disk.create(&path).map_err(|e| StorageError::io("create", &path, e))?;
        file.append(&header(number)).map_err(|e| {
            let _ = self.disk.remove(&path);
            StorageError::io("append to", &path, e)
        })?;
        Ok((file, number, HEADER_BYTES as u64))
    }

    /// To be called once a manifest that names [`Self::places`] is durable: frames of the log need not define these
    /// series any more. Leaving it out costs bytes in the log, nothing else; calling it earlier loses series.
    pub(crate) fn published(&self, registry: &SeriesRegistry) {
        registry.mark_stored(self.stored);
    }

    /// What the last successful `store` gave, or what was opened.
    #[cfg(test)]
    pub(crate) fn places(&self) -> &SeriesPlaces {
        &self.places
    }
}

/// Removes the series files that no durable manifest names.
pub(crate) fn remove_unnamed(disk: &dyn Disk, places: &SeriesPlaces) -> Result<()> {
    for number in numbers(disk)? {
        if !places.0.iter().any(|(named, _)| *named == number) {
            let path = path_of(number);
            disk.remove(&path).map_err(|e| StorageError::io("remove", &path, e))?;
        }
    }
    Ok(())
}

/// Where the series file of a number lies.
pub(crate) fn path_of(number: u64) -> String {
    format!("{SERIES_DIR}/{number:020}.series")
}

fn numbers(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list(SERIES_DIR).map_err(|e| StorageError::io("list", SERIES_DIR, e))?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".series")?.parse().ok()).collect())
}

fn header(number: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.put_u16(SERIES_VERSION);
    out.put_u16(0);
    out.put_u64(number);
    let crc = crc32fast::hash(&out);
    out.put_u32(crc);
    out
}

/// Where a file ends after an append, and whether it was empty before.
struct Length {
    bytes: u64,
    begun: bool,
}

/// Appends the series after `after` up to `last`, block by block, and syncs.
fn append_blocks(
    file: &dyn AppendFile,
    number: u64,
    length: u64,
    registry: &SeriesRegistry,
    mut after: SeriesId,
    last: SeriesId,
) -> Result<Length> {
    let path = path_of(number);
    let mut bytes = length;
    while after < last {
        let (mut upto, mut definitions) = registry.encode_after(after, last, BLOCK_SERIES);
        if definitions.len() > SERIES_BLOCK_BYTES_MAX {
            (upto, definitions) = registry.encode_after(after, last, BLOCK_SERIES_LARGE);
        }
        let block = block(number, bytes, &definitions);
        file.append(&block).map_err(|e| StorageError::io("append to", &path, e))?;
        bytes += block.len() as u64;
        after = upto;
    }
    file.sync().map_err(|e| StorageError::io("sync", &path, e))?;
    Ok(Length { bytes, begun: length == HEADER_BYTES as u64 })
}

fn block(number: u64, offset: u64, definitions: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(BLOCK_HEAD + definitions.len());
    // Below the limit: 16 series of 16 MiB each, the most that a batch can carry, fit u32.
    out.put_u32(definitions.len() as u32);
    out.put_u32(checksum(number, offset, definitions));
    out.extend_from_slice(definitions);
    out
}

/// Covers where the block lies: one that was moved or comes from another file never validates.
fn checksum(number: u64, offset: u64, definitions: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(&(definitions.len() as u32).to_le_bytes());
    hasher.update(definitions);
    hasher.finalize()
}

/// Reads the first `length` bytes of a file; the greatest series in them.
fn read_file(disk: &dyn Disk, number: u64, length: u64, registry: &SeriesRegistry) -> Result<SeriesId> {
    let path = path_of(number);
    let bytes = disk.read(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => StorageError::corrupt(&path, 0, "the series file the manifest names"),
        _ => StorageError::io("read", &path, e),
    })?;
    let found = bytes.len() as u64;
    let Some(bytes) = usize::try_from(length).ok().and_then(|length| bytes.get(..length)) else {
        return Err(StorageError::corrupt(path, found, format!("{length} bytes, as the manifest says")));
    };
    check_header(bytes, number, &path)?;
    let mut last = 0;
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let definitions = take_block(&bytes[at..], number, at as u64)
            .ok_or_else(|| StorageError::corrupt(&path, at as u64, "a block that fits its checksum"))?;
        let base = (at + BLOCK_HEAD) as u64;
        let series = registry.define(definitions).map_err(|e| e.at(&path, base))?;
        last = last.max(series.last().copied().unwrap_or_default());
        at += BLOCK_HEAD + definitions.len();
    }
    Ok(last)
}

/// Every place among the counted bytes of a file that is damaged. What can be read goes into the registry all the
/// same: whoever asks wants to know what is left.
pub(crate) fn survey(number: u64, bytes: &[u8], registry: &SeriesRegistry) -> Vec<StorageError> {
    let path = path_of(number);
    let mut damage: Vec<StorageError> = check_header(bytes, number, &path).err().into_iter().collect();
    let mut at = HEADER_BYTES;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match take_block(rest, number, at as u64) {
            Some(definitions) => {
                let base = (at + BLOCK_HEAD) as u64;
                damage.extend(registry.define(definitions).err().map(|e| e.at(&path, base)));
                at += BLOCK_HEAD + definitions.len();
            }
            None => {
                damage.push(StorageError::corrupt(&path, at as u64, "a block that fits its checksum"));
                // Where its length is right the next block tells: a checksum holds for one place only.
                let Some(next) = next_block(bytes, number, at) else { break };
                at = next;
            }
        }
    }
    damage
}

/// Where the block behind a damaged one begins, if the damaged one's length leads there.
fn next_block(bytes: &[u8], number: u64, at: usize) -> Option<usize> {
    let length = Cursor::new(bytes.get(at..)?).u32("length").ok()?;
    let next = at.checked_add(BLOCK_HEAD)?.checked_add(length as usize)?;
    take_block(bytes.get(next..)?, number, next as u64).map(|_| next)
}

/// Whether the first `bytes` bytes of a file are whole blocks, each true to its checksum.
pub(crate) fn check(number: u64, bytes: &[u8]) -> Result<()> {
    let path = path_of(number);
    check_header(bytes, number, &path)?;
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let block = take_block(&bytes[at..], number, at as u64);
        let block =
            block.ok_or_else(|| StorageError::corrupt(&path, at as u64, "a block that fits its checksum"))?;
        at += BLOCK_HEAD + block.len();
    }
    Ok(())
}

fn take_block(bytes: &[u8], number: u64, offset: u64) -> Option<&[u8]> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.u32("length").ok()?;
    let crc = cursor.u32("checksum").ok()?;
    let definitions = cursor.take(length as usize, "definitions").ok()?;
    (checksum(number, offset, definitions) == crc).then_some(definitions)
}

fn check_header(bytes: &[u8], number: u64, path: &str) -> Result<()> {
    let invalid = || StorageError::corrupt(path, 0, format!("the head of series file {number}"));
    let head = bytes.get(..HEADER_BYTES).ok_or_else(invalid)?;
    let mut cursor = Cursor::new(head);
    let magic = cursor.take(8, "magic").map_err(|e| e.at(path, 0))?;
    let version = cursor.u16("version").map_err(|e| e.at(path, 0))?;
    cursor.u16("zero").map_err(|e| e.at(path, 0))?;
    let found = cursor.u64("number").map_err(|e| e.at(path, 0))?;
    let crc = cursor.u32("checksum").map_err(|e| e.at(path, 0))?;
    if magic != MAGIC || crc32fast::hash(&head[..HEADER_BYTES - 4]) != crc {
        return Err(invalid());
    }
    if version > SERIES_VERSION {
        return Err(StorageError::NewerFormat { path: path.into(), found: version, known: SERIES_VERSION });
    }
    if found == number { Ok(()) } else { Err(invalid()) }
}
