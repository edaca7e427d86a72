//! Gathers the statistics of a segment while it is written, a block of cells at a time.

use super::tally::Tallies;
use super::{block, encode_index};
use crate::encoding::Effort;
use crate::error::Result;
use crate::limits::{CELL_BLOCK_MAX, STATISTICS_CELL_ROWS_MIN};
use crate::schema::ColumnId;
use crate::segment::CellTable;
use crate::segment::index::Columns;
use crate::segment::sink::Sink;

/// Statistics so far: of whole blocks as bytes, of the cells since then as they are.
#[derive(Debug)]
pub(in crate::segment) struct Builder {
    columns: Vec<Column>,
    effort: Effort,
    /// Cells in whole blocks.
    encoded: usize,
    /// The cells are too small to be worth it.
    given_up: bool,
}

#[derive(Debug)]
struct Column {
    id: ColumnId,
    blocks: Vec<u8>,
    pending: Tallies,
}

impl Builder {
    pub(in crate::segment) fn new(columns: &Columns, effort: Effort) -> Self {
        let column = |c: &crate::segment::index::StoredColumn| {
            Some(Column { id: c.id, blocks: Vec::new(), pending: Tallies::empty(c.ty)? })
        };
        let columns: Vec<Column> = columns.list.iter().filter_map(column).collect();
        Self { given_up: columns.is_empty(), columns, effort, encoded: 0 }
    }

    /// Whether there will be none, so that nobody need tally any more.
    pub(in crate::segment) fn given_up(&self) -> bool {
        self.given_up
    }

    /// Adds the tallies of a row group, whose cells are the last of `cells`; `continues` if its first one began before.
    pub(in crate::segment) fn add(&mut self, cells: &CellTable, tallies: Vec<Tallies>, continues: bool) {
        if self.given_up {
            return;
        }
        for (column, more) in self.columns.iter_mut().zip(tallies) {
            column.pending.append(more, continues);
        }
        // The last cell may go on.
        while cells.len() - self.encoded > CELL_BLOCK_MAX {
            self.encode_block(cells, CELL_BLOCK_MAX);
            self.give_up_if_small(cells);
        }
    }

    /// Writes what was gathered, and gives the section that names it; none where the cells are too small.
    pub(in crate::segment) fn finish(
        &mut self,
        cells: &CellTable,
        sink: &mut Sink,
    ) -> Result<Option<Vec<u8>>> {
        if self.given_up || cells.median_rows() < STATISTICS_CELL_ROWS_MIN {
            return Ok(None);
        }
        self.encode_block(cells, cells.len() - self.encoded);
        let mut index = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            index.push((column.id, sink.append(&column.blocks)?));
        }
        Ok(Some(encode_index(&index)))
    }

    fn encode_block(&mut self, cells: &CellTable, count: usize) {
        for column in &mut self.columns {
            let tallies = column.pending.take(count);
            block::encode(&mut column.blocks, &tallies, cells, self.encoded, self.effort);
        }
        self.encoded += count;
    }

    /// Where half of the cells have their least rows, all have half as many on average: what has fewer by now is not
    /// gathered any longer, for many small cells would take much memory for nothing.
    fn give_up_if_small(&mut self, cells: &CellTable) {
        let rows = cells.first_rows.get(self.encoded).copied().unwrap_or(0);
        if rows < self.encoded as u64 * (STATISTICS_CELL_ROWS_MIN / 2) {
            self.given_up = true;
            self.columns.clear();
        }
    }
}
