//! Takes the summaries of row groups over with their rows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_select::concat::concat;

use super::builder::SummaryBuilder;
use super::count::{Counted, GroupSummaries, Part, count};
use super::piece::Piece;
use super::plan::{Kind, Summarised};
use super::section::{Head, HeadColumn, StoredKind};
use super::spans::{Span, SpanKind, spans};
use crate::distribution::Distribution;
use crate::error::{Result, StorageError};
use crate::limits::SUMMARY_ROWS_MIN;
use crate::schema::ColumnId;
use crate::segment::{CellTable, SegmentReader, TimeRange};

/// The summaries of one segment, by column, read as they are needed.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    segment: Option<u64>,
    columns: BTreeMap<ColumnId, Arc<Piece>>,
}

impl Pieces {
    fn get(&mut self, from: &SegmentReader, column: &HeadColumn) -> Result<Arc<Piece>> {
        if let Some(piece) = self.columns.get(&column.id) {
            return Ok(piece.clone());
        }
        let piece = Arc::new(from.summary_piece(column)?);
        self.columns.insert(column.id, piece.clone());
        Ok(piece)
    }
}

impl SummaryBuilder {
    /// Adds a row group of another segment of the same width, whose first cell has this place in the cell table here.
    ///
    /// Summaries of cells come over as they are. Where a column is counted otherwise here, or an interval's small
    /// cells are not all in the row group, its rows are read and counted.
    pub(in crate::segment) fn copy(
        &mut self,
        from: &SegmentReader,
        group: usize,
        first_cell: u32,
    ) -> Result<()> {
        if self.plan.columns.is_empty() {
            return Ok(());
        }
        let none = Head::default();
        let head = from.summary_head()?.unwrap_or(&none);
        self.prepare_by(head);
        let mut pieces = std::mem::take(&mut self.pieces);
        if pieces.segment != Some(from.info().id) {
            pieces = Pieces { segment: Some(from.info().id), columns: BTreeMap::new() };
        }
        let taking = Taking::new(from, head, group)?;
        let columns = self.plan.columns.iter().map(|column| taking.column(column, &mut pieces));
        let columns = columns.collect::<Result<_>>()?;
        self.pieces = pieces;
        self.add(GroupSummaries { spans: taking.spans, columns }, first_cell)
    }
}

struct Taking<'a> {
    from: &'a SegmentReader,
    head: &'a Head,
    group: usize,
    rows: usize,
    /// The cells of the row group by their place in the segment it comes from.
    cells: Range<usize>,
    /// The cells at its ends are all in it.
    whole: bool,
    spans: Vec<Span>,
}

impl<'a> Taking<'a> {
    fn new(from: &'a SegmentReader, head: &'a Head, group: usize) -> Result<Self> {
        let info = from.group_and_chunks(group)?.0.info;
        let table = from.cells()?;
        let rows = info.first_row..info.first_row + info.rows as u64;
        let cells = table.cells_of_rows(&rows);
        let part = |cell: usize| {
            let of_cell = table.rows(cell);
            let count = of_cell.end.min(rows.end) - of_cell.start.max(rows.start);
            (table.key(cell).unwrap_or_default(), count as usize)
        };
        let parts: Vec<_> = cells.clone().map(part).collect();
        let (rows, whole) = (info.rows, info.whole_cells);
        Ok(Self { from, head, group, rows, cells, whole, spans: spans(&parts, whole) })
    }

    fn column(&self, column: &Summarised, pieces: &mut Pieces) -> Result<Counted> {
        let stored = self.head.column(column.column.id);
        if column.kind == Kind::GivenUp || stored.is_some_and(|stored| stored.kind == StoredKind::GivenUp) {
            return Ok(Counted::Not);
        }
        let taken = match stored.filter(|stored| column.kind.is(stored.kind)) {
            Some(stored) => self.take(&*pieces.get(self.from, stored)?, column.kind)?,
            None => self.spans.iter().map(|_| None).collect(),
        };
        self.fill(column, taken)
    }

    /// What the segment says of each span; none where it does not.
    fn take(&self, piece: &Piece, kind: Kind) -> Result<Vec<Option<Part>>> {
        let table = self.from.cells()?;
        let take = |span: &Span| {
            let Some(encoded) = self.unit(table, span).and_then(|unit| piece.get(unit)) else {
                return Ok(None);
            };
            let part = Part::Encoded(encoded.to_vec());
            // Categories are looked at, because the segment as a whole may have too many.
            let is_taken_as_it_is = matches!((span.kind, kind), (SpanKind::Cell(_), Kind::Numbers(_)));
            Ok(Some(if is_taken_as_it_is { part } else { Part::Counts(part.decoded()?) }))
        };
        self.spans.iter().map(take).collect()
    }

    /// The place of a span's summary among those of the segment.
    fn unit(&self, table: &CellTable, span: &Span) -> Option<usize> {
        match span.kind {
            // Of an interval that goes on elsewhere the segment's summary counts rows elsewhere too.
            _ if !self.whole => None,
            SpanKind::Edge(..) => None,
            SpanKind::Cell(at) => {
                let cell = u32::try_from(self.cells.start + at).ok()?;
                self.head.cells.binary_search(&cell).ok()
            }
            SpanKind::Small(interval) => {
                let is_small = |cell: &usize| {
                    let rows = table.rows(*cell);
                    rows.end - rows.start < SUMMARY_ROWS_MIN as u64
                };
                let mut small = table.interval_cells(interval).filter(is_small);
                let at = self.head.intervals.binary_search(&interval).ok()?;
                small.all(|cell| self.cells.contains(&cell)).then_some(self.head.cells.len() + at)
            }
        }
    }

    /// Counts the spans of which nothing was taken.
    fn fill(&self, column: &Summarised, taken: Vec<Option<Part>>) -> Result<Counted> {
        let missing = self.spans.iter().zip(&taken).filter(|(_, part)| part.is_none());
        let missing: Vec<Span> = missing.map(|(span, _)| span.clone()).collect();
        if missing.is_empty() {
            return Ok(Counted::Spans(taken.into_iter().flatten().collect()));
        }
        let Some(counted) = count(&self.read(column)?, column.kind, &missing) else {
            return Ok(Counted::Not);
        };
        let mut counted = counted.into_iter().map(Part::Counts);
        let parts = taken.into_iter().filter_map(|part| part.or_else(|| counted.next()));
        Ok(Counted::Spans(parts.collect()))
    }

    /// The values of the column in the row group; nulls where it is younger.
    fn read(&self, column: &Summarised) -> Result<ArrayRef> {
        let pages = self.from.read(self.group, std::slice::from_ref(&column.column), TimeRange::ALL)?;
        let arrays: Vec<&dyn Array> =
            pages.iter().filter_map(|page| page.columns().first()).map(AsRef::as_ref).collect();
        if arrays.is_empty() {
            return Ok(new_null_array(&column.column.ty.arrow(), self.rows));
        }
        concat(&arrays).map_err(|e| StorageError::Invalid(format!("pages of a row group do not join: {e}")))
    }
}

impl Kind {
    /// Whether counts of a segment may stand among these.
    fn is(self, stored: StoredKind) -> bool {
        match self {
            Self::GivenUp => false,
            Self::Categories(_) => stored == StoredKind::Categories,
            Self::Numbers(lattice) => stored == StoredKind::Numbers(lattice),
        }
    }
}

impl Part {
    /// As a distribution.
    pub(super) fn decoded(self) -> Result<Distribution> {
        match self {
            Self::Counts(distribution) => Ok(distribution),
            Self::Encoded(bytes) => Distribution::decode(&bytes),
        }
    }

    pub(super) fn encoded(self) -> Vec<u8> {
        match self {
            Self::Counts(distribution) => distribution.encode(),
            Self::Encoded(bytes) => bytes,
        }
    }
}
