//! The section SUMM: a head that names units and columns, then a piece a column, so that one is read alone.

use crate::distribution::Lattice;
use crate::encoding::{Cursor, Malformed, put_signed, put_varint};
use crate::limits::{CELLS_MAX, COLUMNS_MAX, SUMMARY_COLUMN_BYTES_MAX};
use crate::partition::Width;
use crate::schema::ColumnId;
use crate::segment::cells::interval_of;
use crate::segment::directory::Tag;
use crate::segment::source::Extent;

/// The summaries.
pub(in crate::segment) const SUMMARIES: Tag = *b"SUMM";
/// The version of the section that this build writes and reads.
pub(super) const VERSION: u16 = 1;
/// Length and checksum of the head come first.
pub(in crate::segment) const PREFIX_BYTES: usize = 8;

const GIVEN_UP: u8 = 0;
const CATEGORIES: u8 = 1;
const DICT: u8 = 2;
const LOG: u8 = 3;
const AFFINE: u8 = 4;

/// What the section holds, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::segment) struct Head {
    /// Cells that have a summary, by their place in the cell table.
    pub(super) cells: Vec<u32>,
    /// Intervals that have one for their other cells.
    pub(super) intervals: Vec<i64>,
    pub(super) columns: Vec<HeadColumn>,
}

/// One column in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HeadColumn {
    pub(super) id: ColumnId,
    pub(super) kind: StoredKind,
    /// Bytes of the piece before zstd.
    pub(super) plain_bytes: usize,
    /// In the bytes offsets count from the end of the head; once read, from where the segment begins.
    pub(super) extent: Extent,
}

/// How the column was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoredKind {
    GivenUp,
    Categories,
    Numbers(Lattice),
}

impl Head {
    /// Units a column has.
    pub(super) fn units(&self) -> usize {
        self.cells.len() + self.intervals.len()
    }

    pub(super) fn column(&self, id: ColumnId) -> Option<&HeadColumn> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// Adds where the pieces begin to their offsets, which are within the segment as the section is.
    pub(super) fn move_by(&mut self, offset: u64) {
        self.columns.iter_mut().for_each(|column| column.extent.offset += offset);
    }

    /// Gives each piece another checksum. Offsets count from the end of the head.
    pub(in crate::segment) fn seal(&mut self, crc: impl Fn(Extent) -> u32) {
        let named = self.columns.iter_mut().filter(|column| column.kind != StoredKind::GivenUp);
        named.for_each(|column| column.extent.crc = crc(column.extent));
    }

    /// The head with its length and checksum before it. Intervals are kept by their number in units of `width`.
    pub(in crate::segment) fn encode(&self, width: Width) -> Vec<u8> {
        let mut head = Vec::new();
        put_varint(&mut head, self.cells.len() as u64);
        let mut next = 0;
        for cell in &self.cells {
            put_varint(&mut head, u64::from(cell - next));
            next = cell + 1;
        }
        put_varint(&mut head, self.intervals.len() as u64);
        let mut before = 0;
        for interval in &self.intervals {
            let number = interval.div_euclid(width.nanos());
            put_signed(&mut head, number - before);
            before = number;
        }
        put_varint(&mut head, self.columns.len() as u64);
        self.columns.iter().for_each(|column| column.encode(&mut head));
        let prefix = [(head.len() as u32).to_le_bytes(), crc32fast::hash(&head).to_le_bytes()].concat();
        [prefix, head].concat()
    }

    /// The head again, of a segment of so many cells and pieces of so many bytes. Each unit and column takes a byte
    /// at least, so memory stays in proportion to `bytes`.
    pub(in crate::segment) fn decode(
        bytes: &[u8],
        width: Width,
        cells: usize,
        pieces_bytes: u64,
    ) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let mut head = Self::default();
        let count = cursor.count(cells.min(CELLS_MAX))?;
        for _ in 0..count {
            head.push_cell(cursor.varint()?, cells)?;
        }
        let (count, mut number) = (cursor.count(cells)?, 0);
        for _ in 0..count {
            head.push_interval(&mut number, cursor.signed()?, width)?;
        }
        let (count, mut offset) = (cursor.count(COLUMNS_MAX)?, 0);
        for _ in 0..count {
            let column = HeadColumn::decode(&mut cursor, offset)?;
            offset = column.extent.end().ok_or(Malformed("pieces within the section"))?;
            head.columns.push(column);
        }
        cursor.finish()?;
        if offset == pieces_bytes { Ok(head) } else { Err(Malformed("pieces that fill the section")) }
    }

    fn push_cell(&mut self, skipped: u64, cells: usize) -> Result<(), Malformed> {
        let next = self.cells.last().map_or(0, |last| u64::from(*last) + 1);
        let cell = next.checked_add(skipped).filter(|cell| *cell < cells as u64);
        let cell =
            cell.and_then(|cell| u32::try_from(cell).ok()).ok_or(Malformed("cells of the cell table"))?;
        self.cells.push(cell);
        Ok(())
    }

    fn push_interval(&mut self, number: &mut i64, step: i64, width: Width) -> Result<(), Malformed> {
        const ORDER: Malformed = Malformed("intervals in order");
        *number = number.checked_add(step).ok_or(ORDER)?;
        let interval = interval_of(*number, width.nanos()).ok_or(ORDER)?;
        if self.intervals.last().is_some_and(|last| *last >= interval) {
            return Err(ORDER);
        }
        self.intervals.push(interval);
        Ok(())
    }
}

impl HeadColumn {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.id));
        match self.kind {
            StoredKind::GivenUp => return out.push(GIVEN_UP),
            StoredKind::Categories => out.push(CATEGORIES),
            StoredKind::Numbers(Lattice::Dict) => out.push(DICT),
            StoredKind::Numbers(Lattice::Log { bits }) => out.extend([LOG, bits]),
            StoredKind::Numbers(Lattice::Affine { exponent }) => {
                out.push(AFFINE);
                out.extend(exponent.to_le_bytes());
            }
        }
        put_varint(out, self.plain_bytes as u64);
        put_varint(out, self.extent.bytes);
        out.extend(self.extent.crc.to_le_bytes());
    }

    fn decode(cursor: &mut Cursor<'_>, offset: u64) -> Result<Self, Malformed> {
        let id = u32::try_from(cursor.varint()?).map_err(|_| Malformed("a column's id"))?;
        let kind = match cursor.u8()? {
            GIVEN_UP => StoredKind::GivenUp,
            CATEGORIES => StoredKind::Categories,
            DICT => StoredKind::Numbers(Lattice::Dict),
            LOG => StoredKind::Numbers(Lattice::Log { bits: cursor.u8()? }),
            AFFINE => StoredKind::Numbers(Lattice::Affine { exponent: cursor.u16()? as i16 }),
            _ => return Err(Malformed("a kind of summary of 0 to 4")),
        };
        if kind == StoredKind::GivenUp {
            return Ok(Self { id, kind, plain_bytes: 0, extent: Extent { offset, ..Extent::default() } });
        }
        let plain_bytes = cursor.count(SUMMARY_COLUMN_BYTES_MAX)?;
        let extent = Extent { offset, bytes: cursor.varint()?, crc: cursor.u32()? };
        Ok(Self { id, kind, plain_bytes, extent })
    }
}
