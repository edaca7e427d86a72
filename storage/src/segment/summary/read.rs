//! Reads summaries, a column at a time.

use super::piece::Piece;
use super::section::{Head, HeadColumn, PREFIX_BYTES, SUMMARIES, StoredKind, VERSION};
use super::{Summaries, Unit};
use crate::distribution::{Distribution, Lattice};
use crate::encoding::{Cursor, unsqueeze};
use crate::error::Result;
use crate::schema::ColumnId;
use crate::segment::SegmentReader;
use crate::segment::source::Extent;

impl SegmentReader {
    /// What a column holds, cell by cell; read without any row, and without the other columns' summaries.
    ///
    /// None where the segment has none of the column: it has no meaning, too many categories, too few rows, or came
    /// later. Counted is what the rows of each unit hold, nulls, NaN and infinities too.
    ///
    /// # Errors
    /// Damage, with file and offset.
    pub fn summaries(&self, column: ColumnId) -> Result<Option<Summaries>> {
        let Some(encoded) = self.encoded_summaries(column)? else { return Ok(None) };
        let units = encoded.units().enumerate().map(|(at, unit)| Ok((unit, encoded.decode(at)?)));
        Ok(Some(Summaries { lattice: encoded.lattice(), units: units.collect::<Result<_>>()? }))
    }

    /// On what the numbers of a column are counted in this segment; none where they are not, or are categories.
    ///
    /// # Errors
    /// Damage, with file and offset.
    pub fn lattice(&self, column: ColumnId) -> Result<Option<Lattice>> {
        let Some(column) = self.summary_head()?.and_then(|head| head.column(column)) else { return Ok(None) };
        Ok(if let StoredKind::Numbers(lattice) = column.kind { Some(lattice) } else { None })
    }

    /// The distributions of a column's cells as bytes, each as [`Distribution::encode`] writes it; none where
    /// [`Self::summaries`] has none.
    ///
    /// # Errors
    /// Damage, with file and offset.
    pub fn cell_summaries(&self, column: ColumnId) -> Result<Option<CellSummaries>> {
        let Some(encoded) = self.encoded_summaries(column)? else { return Ok(None) };
        Ok(Some(CellSummaries { cells: encoded.head.cells.clone(), piece: encoded.piece }))
    }

    /// The same, not decoded yet: of many cells that are wanted one by one.
    pub(crate) fn encoded_summaries(&self, column: ColumnId) -> Result<Option<EncodedSummaries<'_>>> {
        let Some(head) = self.summary_head()? else { return Ok(None) };
        let Some(column) = head.column(column).filter(|column| column.kind != StoredKind::GivenUp) else {
            return Ok(None);
        };
        Ok(Some(EncodedSummaries { reader: self, head, column, piece: self.summary_piece(column)? }))
    }

    /// Which units and columns have summaries, and where; none without the section.
    pub(in crate::segment) fn summary_head(&self) -> Result<Option<&Head>> {
        let read = || self.read_summary_head();
        Ok(crate::segment::once(&self.summary_head, read)?.as_ref())
    }

    fn read_summary_head(&self) -> Result<Option<Head>> {
        let sections = &self.footer()?.sections;
        let known = |tag, version| tag == SUMMARIES && version <= VERSION;
        let Some(section) = sections.iter().find(|s| known(s.tag, s.version)) else { return Ok(None) };
        let source = self.source();
        let Extent { offset, bytes, .. } = section.extent;
        let malformed = source.malformed(offset);
        let prefix = source.read(offset, bytes.min(PREFIX_BYTES as u64))?;
        let mut cursor = Cursor::new(&prefix);
        let length = u64::from(cursor.u32().map_err(&malformed)?);
        let crc = cursor.u32().map_err(&malformed)?;
        let Some(rest) = bytes.checked_sub(PREFIX_BYTES as u64 + length) else {
            return Err(source.corrupt(offset, "a head of summaries within their section"));
        };
        let head =
            source.read_checked(Extent { offset: offset + PREFIX_BYTES as u64, bytes: length, crc })?;
        let cells = self.cells()?.len();
        let mut head = Head::decode(&head, self.info().width, cells, rest).map_err(&malformed)?;
        head.move_by(offset + PREFIX_BYTES as u64 + length);
        Ok(Some(head))
    }

    /// The encoded distributions of a column, verified.
    pub(super) fn summary_piece(&self, column: &HeadColumn) -> Result<Piece> {
        let malformed = self.source().malformed(column.extent.offset);
        let stored = self.source().read_checked(column.extent)?;
        let plain = unsqueeze(&stored, column.plain_bytes).map_err(&malformed)?;
        let units = self.summary_head()?.map_or(0, Head::units);
        Piece::decode(&plain, units).map_err(&malformed)
    }
}

/// The distributions of one column by cell, encoded.
#[derive(Clone, Debug)]
pub struct CellSummaries {
    /// Cells that have one, by their places, rising.
    cells: Vec<u32>,
    piece: Piece,
}

impl CellSummaries {
    /// That of a cell; none where it has none, as small cells.
    pub fn get(&self, cell: usize) -> Option<&[u8]> {
        let cell = u32::try_from(cell).ok()?;
        self.piece.get(self.cells.binary_search(&cell).ok()?)
    }

    /// Bytes they hold.
    pub fn held_bytes(&self) -> usize {
        self.piece.held() + self.cells.capacity() * size_of::<u32>()
    }
}

/// The summaries of one column, each decoded when it is asked for.
#[derive(Debug)]
pub(crate) struct EncodedSummaries<'a> {
    reader: &'a SegmentReader,
    head: &'a Head,
    column: &'a HeadColumn,
    piece: Piece,
}

impl EncodedSummaries<'_> {
    /// What numbers are counted on; none for categories.
    pub(crate) fn lattice(&self) -> Option<Lattice> {
        if let StoredKind::Numbers(lattice) = self.column.kind { Some(lattice) } else { None }
    }

    /// Where in the segment they lie.
    pub(super) fn offset(&self) -> u64 {
        self.column.extent.offset
    }

    /// Cells first, both in ascending order.
    pub(crate) fn units(&self) -> impl Iterator<Item = Unit> {
        let cells = self.head.cells.iter().map(|cell| Unit::Cell(*cell));
        cells.chain(self.head.intervals.iter().map(|interval| Unit::Interval(*interval)))
    }

    /// The counts of a unit; none where it has none.
    pub(crate) fn get(&self, unit: Unit) -> Result<Option<Distribution>> {
        let at = match unit {
            Unit::Cell(cell) => self.head.cells.binary_search(&cell).ok(),
            Unit::Interval(interval) => {
                let at = self.head.intervals.binary_search(&interval).ok();
                at.map(|at| self.head.cells.len() + at)
            }
        };
        at.map(|at| self.decode(at)).transpose()
    }

    fn decode(&self, at: usize) -> Result<Distribution> {
        let decoded = self.piece.get(at).and_then(|bytes| Distribution::decode(bytes).ok());
        decoded.filter(|found| self.column.kind.holds(found)).ok_or_else(|| {
            let expected = "a distribution for each unit of the summaries";
            self.reader.source().corrupt(self.column.extent.offset, expected)
        })
    }
}

impl StoredKind {
    fn holds(self, distribution: &Distribution) -> bool {
        match self {
            Self::GivenUp => false,
            Self::Categories => matches!(distribution, Distribution::Categorical(_)),
            Self::Numbers(_) => matches!(distribution, Distribution::Numeric(_)),
        }
    }
}
