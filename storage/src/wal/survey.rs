//! Looks at a log that may be damaged, and changes nothing: how far it is a log, and what else can be read of it.

use std::collections::BTreeMap;

use super::file::{HEADER_BYTES, Header, HeaderState, WAL_VERSION};
use super::frame::{self, FRAME_ALIGN, FRAME_HEAD, Frame, KIND_CHANGES};
use super::payload::{LoggedBatch, decode_batch};
use super::recovery::{self, Apply};
use super::{Logged, WAL_DIR, number_of, path_of};
use crate::bytes::Cursor;
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::series::SeriesRegistry;

/// The longest beginning of a log that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    /// The last file of it, and the bytes of that which belong to it; none where not even the first file can be read.
    pub(crate) end: Option<(u64, u64)>,
    /// The sequence after its last frame.
    pub(crate) next_seq: u64,
    /// Above every number that a file has.
    pub(crate) next_number: u64,
}

/// Files of the log by number, each with its length and its head, where that is valid.
type Heads = BTreeMap<u64, (u64, Option<Header>)>;

/// Reads the log from file `first` on as far as it is whole, and hands each frame to `apply`; where that fails, or the
/// frame's definitions do not fit `registry`, the log ends before the frame.
///
/// # Errors
/// Only what a newer driftline wrote, and what the disk refuses.
pub(crate) fn readable(
    disk: &dyn Disk,
    first: u64,
    first_seq: u64,
    registry: &SeriesRegistry,
    apply: &mut Apply<'_>,
) -> Result<Readable> {
    let heads = heads(disk, first)?;
    let next_number = heads.keys().next_back().map_or(first, |number| *number).saturating_add(1);
    let mut found = Readable { end: None, next_seq: first_seq, next_number };
    let mut next = heads.get(&first).and_then(|(_, head)| *head).filter(|head| head.first_seq == first_seq);
    while let Some(head) = next {
        let path = path_of(head.number);
        let bytes = disk.read(&path).map_err(|e| StorageError::io("read", &path, e))?;
        let after = successor(&heads, head.number);
        let stated = after.map_or(bytes.len() as u64, |after| after.prev_valid_len);
        let (end, seq) = read_file(&bytes, &head, stated, found.next_seq, registry, apply)?;
        (found.end, found.next_seq) = (Some((head.number, end)), seq);
        // Numbers grow along a log: heads that name each other would never end.
        next = after.filter(|after| {
            after.number > head.number && after.prev_valid_len == end && after.first_seq == seq
        });
    }
    Ok(found)
}

/// The file that goes on where this one ends: of several the last, since one whose birth failed has no frames.
fn successor(heads: &Heads, number: u64) -> Option<Header> {
    heads.values().rev().find_map(|(_, head)| head.filter(|head| head.prev_number == number))
}

/// The frames of one file up to `stated`; where they end, and the sequence after them.
fn read_file(
    bytes: &[u8],
    head: &Header,
    stated: u64,
    mut seq: u64,
    registry: &SeriesRegistry,
    apply: &mut Apply<'_>,
) -> Result<(u64, u64)> {
    let path = path_of(head.number);
    let log = bytes.get(..usize::try_from(stated).unwrap_or(usize::MAX)).unwrap_or(bytes);
    let mut at = HEADER_BYTES.min(log.len());
    while let Some(frame) = frame::read(&log[at..], head.salt).filter(|frame| frame.seq == seq) {
        match recovery::take(&frame, &path, at as u64, registry, apply) {
            Ok(()) => {}
            Err(error @ StorageError::UnknownFrame { .. }) => return Err(error),
            Err(_) => break,
        }
        seq += 1;
        at += frame.length;
    }
    Ok((at as u64, seq))
}

/// The heads of all files from `first` on.
fn heads(disk: &dyn Disk, first: u64) -> Result<Heads> {
    let names = disk.list(WAL_DIR).map_err(|e| StorageError::io("list", WAL_DIR, e))?;
    let mut heads = Heads::new();
    for number in names.iter().filter_map(|name| number_of(name)).filter(|number| *number >= first) {
        let path = path_of(number);
        let io = |e| StorageError::io("read", &path, e);
        let file = disk.open(&path).map_err(io)?;
        let length = file.len().map_err(io)?;
        let mut bytes = vec![0; length.min(HEADER_BYTES as u64) as usize];
        file.read_at(0, &mut bytes).map_err(io)?;
        heads.insert(number, (length, head_of(number, &bytes)?));
    }
    Ok(heads)
}

/// The head of a file, none where it is damaged.
fn head_of(number: u64, bytes: &[u8]) -> Result<Option<Header>> {
    match Header::decode(bytes) {
        HeaderState::Valid(head) => Ok(Some(head).filter(|head| head.number == number)),
        HeaderState::Newer(found) => {
            Err(StorageError::NewerFormat { path: path_of(number), found, known: WAL_VERSION })
        }
        HeaderState::Invalid => Ok(None),
    }
}

/// Which file came before one, and how many bytes of that count; by the head of the one, where it is valid.
pub(crate) fn previous(number: u64, head: &[u8]) -> Option<(u64, u64)> {
    let head = head_of(number, head).ok().flatten()?;
    Some((head.prev_number, head.prev_valid_len))
}

/// Frames behind what can be read of a log, each with its sequence and its batch, where that can be decoded. They are
/// not part of the log any more; this tells what goes with them.
pub(crate) fn beyond(
    disk: &dyn Disk,
    first: u64,
    readable: &Readable,
    take: &mut dyn FnMut(u64, Option<LoggedBatch>),
) -> Result<()> {
    let (last, end) = readable.end.unwrap_or((0, 0));
    for (number, (_, head)) in heads(disk, first)?.into_iter().filter(|(number, _)| *number >= last) {
        let Some(head) = head else { continue };
        let path = path_of(number);
        let bytes = disk.read(&path).map_err(|e| StorageError::io("read", &path, e))?;
        let from = if number == last { end as usize } else { HEADER_BYTES };
        for (at, frame) in frames(&bytes, head.salt, from, head.first_seq) {
            take(frame.seq, batch_of(&frame, &path, at));
        }
    }
    Ok(())
}

fn batch_of(frame: &Frame<'_>, path: &str, offset: usize) -> Option<LoggedBatch> {
    let mut cursor = Cursor::new(frame.payload);
    cursor.bytes("definitions of series").ok()?;
    let at = cursor.offset() as usize;
    let payload = frame.payload.get(at..)?;
    let has_changes = frame.kind == KIND_CHANGES;
    let offset = (offset + FRAME_HEAD + at) as u64;
    decode_batch(Logged { seq: frame.seq, payload, has_changes, path, offset }).ok()
}

/// All true frames from an offset on, those behind damage too.
fn frames(bytes: &[u8], salt: u64, from: usize, first_seq: u64) -> impl Iterator<Item = (usize, Frame<'_>)> {
    let mut at = from.next_multiple_of(FRAME_ALIGN);
    // Each frame takes its head at least.
    let seqs = first_seq..=first_seq.saturating_add((bytes.len() / FRAME_HEAD) as u64);
    std::iter::from_fn(move || {
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= FRAME_HEAD) {
            let found = looks_like_frame(rest, &seqs).then(|| frame::read(rest, salt)).flatten();
            let begin = at;
            at += found.as_ref().map_or(FRAME_ALIGN, |frame| frame.length);
            if let Some(frame) = found {
                return Some((begin, frame));
            }
        }
        None
    })
}

/// Whether a frame may begin here. A checksum over what is none would take long, at each of millions of places.
fn looks_like_frame(bytes: &[u8], seqs: &std::ops::RangeInclusive<u64>) -> bool {
    let mut cursor = Cursor::new(bytes);
    let head = cursor.take(8, "length and checksum").and_then(|_| cursor.u64("sequence"));
    head.is_ok_and(|seq| seqs.contains(&seq))
        && bytes.get(25..FRAME_HEAD).is_some_and(|zeros| zeros == [0; 7])
}

/// Every place in a file of the log that is damaged. `end` is how many of its bytes count; without it the file is the
/// last of the log, which may end in a torn frame: then damage is only what was acknowledged.
pub(crate) fn damage(number: u64, bytes: &[u8], end: Option<u64>) -> Vec<StorageError> {
    let path = path_of(number);
    let head = match head_of(number, bytes) {
        Ok(Some(head)) => head,
        Ok(None) if bytes.len() <= HEADER_BYTES && end.is_none() => return Vec::new(),
        Ok(None) => return vec![StorageError::corrupt(path, 0, "a valid WAL file header")],
        Err(error) => return vec![error],
    };
    let (mut at, mut seq, mut damage) = (HEADER_BYTES, head.first_seq, Vec::new());
    let counted = end.and_then(|end| usize::try_from(end).ok()).unwrap_or(bytes.len());
    let log = bytes.get(..counted).unwrap_or(bytes);
    for (begin, frame) in frames(log, head.salt, at, seq) {
        let is_gap = begin != at || frame.seq != seq;
        if is_gap && (end.is_some() || frame.durable_seq >= seq) {
            damage.push(lost(&path, at, seq, frame.seq));
        }
        (at, seq) = (begin + frame.length, frame.seq.saturating_add(1));
    }
    if end.is_some() && at != counted {
        damage.push(StorageError::corrupt(path, at as u64, format!("the frame of sequence {seq}")));
    }
    damage
}

fn lost(path: &str, at: usize, seq: u64, next: u64) -> StorageError {
    let last = next.saturating_sub(1).max(seq);
    let expected = match seq == last {
        true => format!("the frame of sequence {seq}, which was acknowledged"),
        false => format!("the frames of sequences {seq} to {last}, which were acknowledged"),
    };
    StorageError::corrupt(path, at as u64, expected)
}
