//! The bytes of one simulated file.

use std::io;
use std::ops::Range;

use super::random::{Fate, Random};

/// A device writes a sector whole or not at all.
const SECTOR: usize = 512;

/// What a reader sees, and which parts of it a power cut can take.
///
/// `bytes[..synced]` was synced, except for the `lost` ranges, which a failed sync dropped. Each later append is one
/// range of `pending`; together they are `synced..bytes.len()`.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
    synced: usize,
    lost: Vec<Range<usize>>,
    pending: Vec<Range<usize>>,
}

/// What a power cut does to an append that was not synced.
enum Outcome {
    Whole,
    Gone,
    Torn,
    Garbage,
}

impl Outcome {
    fn draw(fate: Fate, random: &mut Random) -> Self {
        match (fate, random.below(4)) {
            (Fate::All, _) | (Fate::Each, 0) => Self::Whole,
            (Fate::Nothing, _) | (Fate::Each, 1) => Self::Gone,
            (Fate::Each, 2) => Self::Torn,
            (Fate::Each, _) => Self::Garbage,
        }
    }
}

impl Body {
    /// Bytes that nothing can take any more.
    fn durable(bytes: Vec<u8>) -> Self {
        Self { synced: bytes.len(), bytes, ..Self::default() }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.pending.push(start..self.bytes.len());
    }

    pub(super) fn sync(&mut self) {
        self.pending.clear();
        self.synced = self.bytes.len();
    }

    /// Like Linux, which marks pages clean whose write failed: readers still see them, the device never will.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.lost.extend(self.pending.drain(..).filter(|_| random.coin()));
        self.synced = self.bytes.len();
    }

    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(buffer.len());
        let bytes = end.and_then(|end| self.bytes.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn flip(&mut self, offset: u64, mask: u8) -> bool {
        let byte = usize::try_from(offset).ok().and_then(|at| self.bytes.get_mut(at));
        byte.is_some_and(|byte| {
            *byte ^= mask;
            true
        })
    }

    pub(super) fn truncate(&mut self, len: u64) -> bool {
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= self.bytes.len()) else {
            return false;
        };
        self.bytes.truncate(len);
        self.synced = self.synced.min(len);
        cut(&mut self.lost, len);
        cut(&mut self.pending, len);
        true
    }

    /// What is found after the power came back.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut bytes = self.after_failed_syncs(random);
        let fate = Fate::draw(random);
        for range in self.pending.iter().filter(|range| !range.is_empty()) {
            let written = &self.bytes[range.clone()];
            let outcome = Outcome::draw(fate, random);
            if matches!(outcome, Outcome::Gone) {
                continue;
            }
            bytes.resize(range.start, 0);
            match outcome {
                Outcome::Whole => bytes.extend_from_slice(written),
                Outcome::Torn => bytes.extend_from_slice(&written[..torn(range, random)]),
                Outcome::Garbage => bytes.extend(written.iter().map(|_| random.next() as u8)),
                Outcome::Gone => {}
            }
        }
        Self::durable(bytes)
    }

    /// The synced part, zeros where a failed sync dropped bytes. At the end of the file the length may not have
    /// grown either.
    fn after_failed_syncs(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.bytes[..self.synced].to_vec();
        for range in &self.lost {
            bytes[range.clone()].fill(0);
        }
        for range in self.lost.iter().rev() {
            if range.end == bytes.len() && random.coin() {
                bytes.truncate(range.start);
            }
        }
        bytes
    }
}

/// How many bytes of an append stay when it is torn between two sectors of the file; none where it lies in one.
fn torn(range: &Range<usize>, random: &mut Random) -> usize {
    let first = range.start / SECTOR + 1;
    let boundaries = (range.end - 1) / SECTOR + 1 - first;
    if boundaries == 0 {
        return 0;
    }
    (first + random.below(boundaries)) * SECTOR - range.start
}

fn cut(ranges: &mut Vec<Range<usize>>, len: usize) {
    ranges.retain(|range| range.start < len);
    for range in ranges {
        range.end = range.end.min(len);
    }
}
