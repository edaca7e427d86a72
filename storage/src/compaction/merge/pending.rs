//! Rows on their way into the next row group.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave;

use super::cursor::{invalid, join};
use super::keys::Keys;
use crate::error::Result;
use crate::partition::CellKey;
use crate::rows::Rows;

/// Pieces shorter than this on average are gathered row by row, longer ones are copied as wholes.
const PIECE_ROWS_MIN: usize = 32;

/// Pieces of blocks in order, not yet copied out of them.
#[derive(Debug)]
pub(super) struct Pending {
    keys: Keys,
    blocks: Vec<Arc<Rows>>,
    pieces: Vec<(usize, Range<usize>)>,
    rows: usize,
}

impl Pending {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, blocks: Vec::new(), pieces: Vec::new(), rows: 0 }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The cell of the first row.
    pub(super) fn first(&self) -> Option<CellKey> {
        let (block, range) = self.pieces.first()?;
        Some(self.keys.head(self.blocks.get(*block)?, range.start).cell)
    }

    /// The cell of the last row.
    pub(super) fn last(&self) -> Option<CellKey> {
        let (block, range) = self.pieces.last()?;
        let rows = self.blocks.get(*block)?;
        Some(self.keys.head(rows, range.end.checked_sub(1)?).cell)
    }

    pub(super) fn add(&mut self, block: &Arc<Rows>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let known = self.blocks.iter().position(|b| Arc::ptr_eq(b, block));
        let at = known.unwrap_or_else(|| {
            self.blocks.push(block.clone());
            self.blocks.len() - 1
        });
        self.rows += range.len();
        match self.pieces.last_mut() {
            Some((last, piece)) if *last == at && piece.end == range.start => piece.end = range.end,
            _ => self.pieces.push((at, range)),
        }
    }

    /// Takes a row group's rows, with the cell of the last: all, or as many whole cells as make at least half of them.
    /// A row group of whole cells can later be copied as it is.
    pub(super) fn group(&mut self, all: bool) -> Result<Option<(Rows, CellKey)>> {
        let Some(rows) = self.gather()? else { return Ok(None) };
        self.clear();
        let end = if all { rows.len() } else { self.whole_cells(&rows) };
        if end < rows.len() {
            self.add(&Arc::new(rows.slice(end, rows.len() - end)), 0..rows.len() - end);
        }
        let last = self.keys.head(&rows, end.saturating_sub(1)).cell;
        Ok(Some((rows.slice(0, end), last)))
    }

    /// The end of the last cell that is followed by another, where at least half of the rows lie before it.
    fn whole_cells(&self, rows: &Rows) -> usize {
        let cell = |row: usize| self.keys.head(rows, row).cell;
        let half = rows.len() / 2;
        let last = rows.len().saturating_sub(1);
        let start = self.keys.partition_point(rows, 0, |head| head.cell < cell(last));
        if start >= half.max(1) { start } else { rows.len() }
    }

    fn clear(&mut self) {
        self.blocks.clear();
        self.pieces.clear();
        self.rows = 0;
    }

    fn gather(&self) -> Result<Option<Rows>> {
        if self.rows >= self.pieces.len() * PIECE_ROWS_MIN {
            let slice = |(block, range): &(usize, Range<usize>)| {
                self.blocks.get(*block).map(|rows| rows.slice(range.start, range.len()))
            };
            return join(&self.pieces.iter().filter_map(slice).collect::<Vec<_>>());
        }
        let of_piece = |(block, range): &(usize, Range<usize>)| {
            let block = *block;
            range.clone().map(move |row| (block, row))
        };
        let places: Vec<(usize, usize)> = self.pieces.iter().flat_map(of_piece).collect();
        let Some(first) = self.blocks.first() else { return Ok(None) };
        self.interleave(&first.batch.schema(), &places).map(Some)
    }

    fn interleave(&self, schema: &SchemaRef, places: &[(usize, usize)]) -> Result<Rows> {
        let series_of = |(block, row): &(usize, usize)| self.blocks.get(*block)?.series.get(*row).copied();
        let series = places.iter().filter_map(series_of).collect();
        let column = |at: usize| {
            let arrays: Vec<_> = self.blocks.iter().map(|rows| rows.batch.column(at).as_ref()).collect();
            interleave(&arrays, places).map_err(invalid)
        };
        let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>>>()?;
        Ok(Rows { series, batch: RecordBatch::try_new(schema.clone(), columns).map_err(invalid)? })
    }
}
