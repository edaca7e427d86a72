//! The encoded distributions of one column: those of cells, then those of intervals.

use crate::encoding::{Cursor, Malformed, put_varint};

/// Encoded distributions, one behind the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    /// Where each ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Piece {
    pub(super) fn push(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..*self.ends.get(at)?)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes it holds.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// This and another one behind it: all lengths, then all bytes.
    pub(super) fn encode(&self, behind: &Self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + behind.bytes.len() + 2 * self.ends.len());
        for piece in [self, behind] {
            let starts = std::iter::once(&0).chain(&piece.ends);
            piece.ends.iter().zip(starts).for_each(|(end, start)| put_varint(&mut out, (end - start) as u64));
        }
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&behind.bytes);
        out
    }

    /// So many distributions again. A length takes a byte at least, so memory stays in proportion to `plain`.
    pub(super) fn decode(plain: &[u8], count: usize) -> Result<Self, Malformed> {
        const LENGTHS: Malformed = Malformed("distributions as long as noted");
        let mut cursor = Cursor::new(plain);
        let (mut ends, mut end) = (Vec::with_capacity(count.min(plain.len())), 0_usize);
        for _ in 0..count {
            end = end.checked_add(cursor.count(plain.len())?).ok_or(LENGTHS)?;
            ends.push(end);
        }
        let bytes = cursor.rest().to_vec();
        if bytes.len() == end { Ok(Self { ends, bytes }) } else { Err(LENGTHS) }
    }
}
