//! Reads summaries, a column at a time.

use super::piece::Piece;
use super::section::{Head, HeadColumn, PREFIX_BYTES, SUMMARIES, StoredKind, VERSION};
use super::{Summaries, Unit};
use crate::distribution::Distribution;
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
        let Some(head) = self.summary_head()? else { return Ok(None) };
        let Some(stored) = head.column(column).filter(|stored| stored.kind != StoredKind::GivenUp) else {
            return Ok(None);
        };
        let piece = self.summary_piece(stored)?;
        let cells = head.cells.iter().map(|cell| Unit::Cell(*cell));
        let intervals = head.intervals.iter().map(|interval| Unit::Interval(*interval));
        let decode = |(at, unit)| {
            let distribution = piece.get(at).and_then(|bytes| Distribution::decode(bytes).ok());
            let distribution = distribution.filter(|found| stored.kind.is(found));
            Ok((unit, distribution.ok_or_else(|| self.not_a_summary(stored))?))
        };
        let units = cells.chain(intervals).enumerate().map(decode).collect::<Result<_>>()?;
        let lattice = if let StoredKind::Numbers(lattice) = stored.kind { Some(lattice) } else { None };
        Ok(Some(Summaries { lattice, units }))
    }

    fn not_a_summary(&self, column: &HeadColumn) -> crate::error::StorageError {
        self.source().corrupt(column.extent.offset, "a distribution for each unit of the summaries")
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

impl StoredKind {
    fn is(self, distribution: &Distribution) -> bool {
        match self {
            Self::GivenUp => false,
            Self::Categories => matches!(distribution, Distribution::Categorical(_)),
            Self::Numbers(_) => matches!(distribution, Distribution::Numeric(_)),
        }
    }
}
