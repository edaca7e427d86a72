//! Reading the WAL after a stop: what is in the log, what is a torn tail, and what is damage.

use std::collections::BTreeMap;
use std::io;

use super::file::{HEADER_BYTES, Header, HeaderState, WAL_VERSION};
use super::frame::{self, FRAME_ALIGN, FRAME_HEAD, Frame, KIND_BATCH, KIND_CHANGES};
use super::{WAL_DIR, number_of, path_of};
use crate::bytes::Cursor;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::limits::SEQUENCE_MAX;
use crate::series::SeriesRegistry;

/// A batch in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged<'a> {
    pub(crate) seq: u64,
    pub(crate) payload: &'a [u8],
    /// Whether changes follow the rows in it.
    pub(crate) has_changes: bool,
    /// The file it lies in.
    pub(crate) path: &'a str,
    /// Where the payload begins there.
    pub(crate) offset: u64,
}

/// What takes the batches of the log, one after the other.
pub(crate) type Apply<'a> = dyn FnMut(Logged<'_>) -> Result<()> + 'a;

/// Where the log stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The sequence of the last frame.
    pub(crate) last_seq: u64,
    /// The greatest number any file had, so that no name is used twice.
    pub(crate) greatest_number: u64,
}

/// A file of the chain, and how much of it counts where a later file says so.
#[derive(Debug)]
struct Link {
    header: Header,
    valid_len: Option<u64>,
}

/// Reads all frames from file `first` on, whose first sequence must be `first_seq`, and hands each to `apply`.
///
/// Files are a chain: each head names the file before it and how many bytes of that one count. In the last file
/// the log ends at the first invalid frame, unless a later frame proves that this one had been acknowledged.
pub(crate) fn recover(
    disk: &dyn Disk,
    first: u64,
    first_seq: u64,
    registry: &SeriesRegistry,
    apply: &mut Apply<'_>,
) -> Result<Recovered> {
    let headers = read_headers(disk, first)?;
    let greatest_number = headers.keys().next_back().copied().unwrap_or(first);
    let chain = chain(disk, &headers, first)?;
    // Sequences begin at 1, and no log ever comes near their end.
    let Some(before) = first_seq.checked_sub(1).filter(|_| first_seq <= SEQUENCE_MAX) else {
        let expected = format!("a first sequence from 1 to {SEQUENCE_MAX}, found {first_seq}");
        return Err(StorageError::corrupt(path_of(first), 16, expected));
    };
    let mut state = Recovered { last_seq: before, greatest_number };
    // One for all files: fresh pages for each cost as much as reading them.
    let mut bytes = Vec::new();
    for link in &chain {
        let path = path_of(link.header.number);
        let is_first = link.header.prev_number == 0;
        if !is_first && link.header.prev_last_seq != state.last_seq {
            let expected =
                format!("last sequence {} before it, found {}", state.last_seq, link.header.prev_last_seq);
            return Err(StorageError::corrupt(path, 40, expected));
        }
        if link.header.first_seq != state.last_seq + 1 {
            let expected = format!("first sequence {}, found {}", state.last_seq + 1, link.header.first_seq);
            return Err(StorageError::corrupt(path, 16, expected));
        }
        read(disk, &path, &mut bytes).map_err(|e| StorageError::io("read", &path, e))?;
        let mut take = |frame: &Frame<'_>, offset| take(frame, &path, offset, registry, apply);
        replay_file(&bytes, link, &path, &mut state.last_seq, &mut take)?;
    }
    Ok(state)
}

/// Reads a whole file into `bytes`, in place of what is there.
fn read(disk: &dyn Disk, path: &str, bytes: &mut Vec<u8>) -> io::Result<()> {
    let file = disk.open(path)?;
    bytes.resize(usize::try_from(file.len()?).map_err(io::Error::other)?, 0);
    file.read_at(0, bytes)
}

/// The heads of all files from `first` on; `None` where a head is not valid.
fn read_headers(disk: &dyn Disk, first: u64) -> Result<BTreeMap<u64, Option<Header>>> {
    let names = disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))?;
    let mut headers = BTreeMap::new();
    for number in names.iter().filter_map(|name| number_of(name)).filter(|number| *number >= first) {
        let path = path_of(number);
        let file = disk.open(&path).map_err(|e| StorageError::io("open", &path, e))?;
        let length = file.len().map_err(|e| StorageError::io("read", &path, e))?;
        let mut head = vec![0; length.min(HEADER_BYTES as u64) as usize];
        file.read_at(0, &mut head).map_err(|e| StorageError::io("read", &path, e))?;
        let header = match Header::decode(&head) {
            HeaderState::Newer(found) => {
                return Err(StorageError::NewerFormat { path, found, known: WAL_VERSION });
            }
            HeaderState::Valid(header) if header.number == number => Some(header),
            _ => None,
        };
        // A file takes frames only after its head is durable: a bad head with frames behind it is damage, one
        // without is a file whose birth the crash cut short.
        if header.is_none() && length > HEADER_BYTES as u64 {
            return Err(StorageError::corrupt(path, 0, "a valid WAL file header"));
        }
        headers.insert(number, header);
    }
    Ok(headers)
}

/// The files of the log in order, found from the last one backwards.
fn chain(disk: &dyn Disk, headers: &BTreeMap<u64, Option<Header>>, first: u64) -> Result<Vec<Link>> {
    let mut links: Vec<Link> = Vec::new();
    for header in headers.values().rev().flatten() {
        match links.last() {
            // Begun by a recovery that did not get as far as the manifest that names it: it says nothing of the log.
            None if header.prev_number == 0 && header.number != first => {
                must_be_frameless(disk, header.number)?;
            }
            None => links.push(Link { header: *header, valid_len: None }),
            Some(next) if next.header.prev_number == header.number => {
                let valid_len = Some(next.header.prev_valid_len);
                links.push(Link { header: *header, valid_len });
            }
            Some(_) => must_be_frameless(disk, header.number)?,
        }
    }
    match links.last() {
        Some(link) if link.header.number == first => {}
        _ => return Err(StorageError::corrupt(path_of(first), 0, "the WAL file that the manifest names")),
    }
    links.reverse();
    Ok(links)
}

/// A file that the chain passes by was begun and given up before its first frame.
fn must_be_frameless(disk: &dyn Disk, number: u64) -> Result<()> {
    let path = path_of(number);
    let length =
        disk.open(&path).and_then(|file| file.len()).map_err(|e| StorageError::io("read", &path, e))?;
    if length > HEADER_BYTES as u64 {
        return Err(StorageError::corrupt(
            path,
            HEADER_BYTES as u64,
            "no frames in a file outside the log's chain",
        ));
    }
    Ok(())
}

/// Takes over the series that a frame defines, and hands its batch on.
pub(super) fn take(
    frame: &Frame<'_>,
    path: &str,
    offset: u64,
    registry: &SeriesRegistry,
    apply: &mut Apply<'_>,
) -> Result<()> {
    if !matches!(frame.kind, KIND_BATCH | KIND_CHANGES) {
        return Err(StorageError::UnknownFrame { path: path.into(), offset, kind: frame.kind });
    }
    let base = offset + FRAME_HEAD as u64;
    let mut cursor = Cursor::new(frame.payload);
    let definitions = cursor.bytes("definitions of series").map_err(|e| e.at(path, base))?;
    if !definitions.is_empty() {
        registry.define(definitions).map_err(|e| e.at(path, base + 4))?;
    }
    let at = cursor.offset() as usize;
    apply(Logged {
        seq: frame.seq,
        payload: &frame.payload[at..],
        has_changes: frame.kind == KIND_CHANGES,
        path,
        offset: base + at as u64,
    })
}

/// Replays one file.
fn replay_file(
    bytes: &[u8],
    link: &Link,
    path: &str,
    last_seq: &mut u64,
    take: &mut dyn FnMut(&Frame<'_>, u64) -> Result<()>,
) -> Result<()> {
    let end = link.valid_len.unwrap_or(bytes.len() as u64);
    let log = usize::try_from(end).ok().and_then(|end| bytes.get(..end)).ok_or_else(|| {
        StorageError::corrupt(path, bytes.len() as u64, format!("{end} bytes, as the next WAL file says"))
    })?;
    let mut at = HEADER_BYTES;
    while at < log.len() {
        match frame::read(&log[at..], link.header.salt).filter(|f| f.seq == *last_seq + 1) {
            Some(frame) => {
                take(&frame, at as u64)?;
                *last_seq = frame.seq;
                at += frame.length;
            }
            None if link.valid_len.is_some() => {
                return Err(StorageError::corrupt(
                    path,
                    at as u64,
                    format!("the frame of sequence {}", *last_seq + 1),
                ));
            }
            None => {
                refuse_lost_acknowledgement(log, at, link, path, *last_seq + 1)?;
                break;
            }
        }
    }
    Ok(())
}

/// The log seems to end at `at`, before sequence `seq`. A later valid frame which says that `seq` was durable when
/// it was written proves damage. Without one the rest is a torn tail, or rot in the last acknowledged group, which
/// no single log can tell from it (DESIGN C6).
fn refuse_lost_acknowledgement(log: &[u8], at: usize, link: &Link, path: &str, seq: u64) -> Result<()> {
    let mut offset = at.next_multiple_of(FRAME_ALIGN);
    while offset < log.len() {
        if let Some(frame) = frame::read(&log[offset..], link.header.salt)
            && frame.durable_seq >= seq
            && frame.seq > seq
        {
            let expected = format!("the frame of sequence {seq}, which was acknowledged");
            return Err(StorageError::corrupt(path, at as u64, expected));
        }
        offset += FRAME_ALIGN;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
