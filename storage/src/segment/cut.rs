//! Regroups rows of any number into row groups and pages within their limits, at the edges of cells where it can.

use std::collections::VecDeque;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef};
use arrow_select::concat::concat;

use crate::error::{Result, StorageError};
use crate::limits::{
    PAGE_BYTES_MAX, PAGE_ROWS_MAX, ROW_GROUP_BYTES_MAX, ROW_GROUP_CELL_CUT_ROWS, ROW_GROUP_INTERVAL_CUT_ROWS,
    ROW_GROUP_ROWS_MAX, VALUE_BYTES_MAX,
};
use crate::partition::{CellKey, Width};
use crate::rows::Rows;
use crate::schema::ColumnType;

/// The rows of one row group, column by column, and how many of them each page takes.
#[derive(Debug)]
pub(super) struct GroupRows {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) page_rows: Vec<usize>,
    /// Its cells, or their parts in it, and the rows of each.
    pub(super) cells: Vec<(CellKey, usize)>,
    /// Whether the first cell begins in it, as far as is known when it is cut.
    pub(super) starts_cell: bool,
}

/// Rows not yet in a row group.
#[derive(Debug)]
pub(super) struct Cutter {
    types: Vec<ColumnType>,
    time: usize,
    width: Width,
    pieces: VecDeque<Rows>,
    cells: VecDeque<(CellKey, usize)>,
    rows: usize,
    bytes: usize,
    /// An interval may end where a row group may.
    look: bool,
    /// Key and time of the last row taken.
    last: Option<(CellKey, i64)>,
    /// The last cell that went into a row group.
    cut: Option<CellKey>,
}

impl Cutter {
    /// `types` of the stored columns, of which `time` is the event time.
    pub(super) fn new(types: Vec<ColumnType>, time: usize, width: Width) -> Self {
        Self {
            types,
            time,
            width,
            pieces: VecDeque::new(),
            cells: VecDeque::new(),
            rows: 0,
            bytes: 0,
            look: false,
            last: None,
            cut: None,
        }
    }

    /// Takes rows that have the stored columns' types, no time null.
    pub(super) fn push(&mut self, rows: Rows) -> Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        let times = rows.batch.column(self.time).as_primitive::<TimestampNanosecondType>().values().clone();
        self.push_cells(&times, &rows.series)?;
        self.bytes += self.bytes_of(&rows);
        self.pieces.push_back(rows);
        Ok(())
    }

    /// The cell of rows that went elsewhere: what is pushed next must lie behind it.
    pub(super) fn pass(&mut self, key: CellKey, time: i64) -> Result<()> {
        self.check_order(key, time)?;
        self.last = Some((key, time));
        self.cut = Some(key);
        Ok(())
    }

    fn push_cells(&mut self, times: &[i64], series: &[u32]) -> Result<()> {
        let width = self.width.nanos();
        let mut interval = i64::MIN;
        let mut known = false;
        for (time, series) in times.iter().zip(series) {
            // A division a row would be most of the work here.
            if !known || *time < interval || time.wrapping_sub(interval) as u64 >= width as u64 {
                interval = self.width.interval(*time);
                known = true;
            }
            self.push_row(CellKey { interval, series: *series }, *time)?;
        }
        Ok(())
    }

    fn push_row(&mut self, key: CellKey, time: i64) -> Result<()> {
        self.check_order(key, time)?;
        self.last = Some((key, time));
        match self.cells.back_mut() {
            Some((last, rows)) if *last == key => *rows += 1,
            last => {
                self.look |= self.rows >= ROW_GROUP_INTERVAL_CUT_ROWS
                    && last.is_some_and(|(last, _)| last.interval != key.interval);
                self.cells.push_back((key, 1));
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn check_order(&self, key: CellKey, time: i64) -> Result<()> {
        if self.last.is_none_or(|last| last <= (key, time)) {
            return Ok(());
        }
        Err(StorageError::Invalid("rows of a segment have to come by interval, series and time".into()))
    }

    /// The next row group that is full; with `end` also one that is not.
    pub(super) fn take(&mut self, end: bool) -> Result<Option<GroupRows>> {
        let full = self.rows > ROW_GROUP_ROWS_MAX || self.bytes > ROW_GROUP_BYTES_MAX || self.look;
        if self.rows == 0 || !(full || end) {
            return Ok(None);
        }
        let mut take = self.edge().unwrap_or(self.rows);
        if take == self.rows && self.bytes <= ROW_GROUP_BYTES_MAX && !end {
            self.look = false;
            return Ok(None);
        }
        while take > 1 && self.bytes_of_first(take) > ROW_GROUP_BYTES_MAX {
            take /= 2;
        }
        self.group(take).map(Some)
    }

    /// After how many rows a row group best ends; none while all may stay in one.
    fn edge(&self) -> Option<usize> {
        let mut rows = 0;
        let mut before = None;
        for (key, length) in &self.cells {
            let turns = before.is_some_and(|before| before != key.interval);
            if turns && rows >= ROW_GROUP_INTERVAL_CUT_ROWS {
                return Some(rows);
            }
            if rows + length > ROW_GROUP_ROWS_MAX {
                return Some(if rows >= ROW_GROUP_CELL_CUT_ROWS { rows } else { ROW_GROUP_ROWS_MAX });
            }
            rows += length;
            before = Some(key.interval);
        }
        None
    }

    fn group(&mut self, rows: usize) -> Result<GroupRows> {
        let pieces = self.take_pieces(rows);
        let cells = self.take_cells(rows);
        let starts_cell = self.cut.is_none() || cells.first().map(|(key, _)| *key) != self.cut;
        self.cut = cells.last().map(|(key, _)| *key);
        self.look = self.rows >= ROW_GROUP_INTERVAL_CUT_ROWS;
        let columns = (0..self.types.len()).map(|c| join(&pieces, c)).collect::<Result<Vec<_>>>()?;
        let page_rows = self.page_rows(&columns)?;
        Ok(GroupRows { columns, page_rows, cells, starts_cell })
    }

    fn take_pieces(&mut self, rows: usize) -> Vec<Rows> {
        let (mut taken, mut missing) = (Vec::new(), rows);
        while missing > 0 {
            let Some(piece) = self.pieces.pop_front() else { break };
            let take = missing.min(piece.len());
            let (first, length) = (piece.slice(0, take), piece.len());
            self.bytes = self.bytes.saturating_sub(self.bytes_of(&piece));
            if take < length {
                let rest = piece.slice(take, length - take);
                self.bytes += self.bytes_of(&rest);
                self.pieces.push_front(rest);
            }
            missing -= take;
            taken.push(first);
        }
        self.rows -= rows - missing;
        taken
    }

    fn take_cells(&mut self, rows: usize) -> Vec<(CellKey, usize)> {
        let (mut taken, mut missing) = (Vec::new(), rows);
        while missing > 0 {
            let Some((key, length)) = self.cells.pop_front() else { break };
            let take = missing.min(length);
            if take < length {
                self.cells.push_front((key, length - take));
            }
            missing -= take;
            taken.push((key, take));
        }
        taken
    }

    fn bytes_of(&self, rows: &Rows) -> usize {
        self.types.iter().zip(rows.batch.columns()).map(|(ty, array)| plain_bytes(*ty, array)).sum()
    }

    fn bytes_of_first(&self, rows: usize) -> usize {
        let (mut bytes, mut missing) = (0, rows);
        for piece in &self.pieces {
            let take = missing.min(piece.len());
            bytes += self.bytes_of(&piece.slice(0, take));
            missing -= take;
            if missing == 0 {
                break;
            }
        }
        bytes
    }

    fn page_rows(&self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let rows = columns.first().map_or(0, |c| c.len());
        let (mut pages, mut start) = (Vec::new(), 0);
        while start < rows {
            let mut take = PAGE_ROWS_MAX.min(rows - start);
            while take > 1 && self.widest(columns, start, take) > PAGE_BYTES_MAX {
                take /= 2;
            }
            check_size(self.widest(columns, start, take))?;
            pages.push(take);
            start += take;
        }
        Ok(pages)
    }

    fn widest(&self, columns: &[ArrayRef], start: usize, rows: usize) -> usize {
        let bytes = |(ty, array): (&ColumnType, &ArrayRef)| plain_bytes(*ty, &array.slice(start, rows));
        self.types.iter().zip(columns).map(bytes).max().unwrap_or(0)
    }
}

fn join(pieces: &[Rows], column: usize) -> Result<ArrayRef> {
    if let [piece] = pieces {
        return Ok(piece.batch.column(column).clone());
    }
    let arrays: Vec<&dyn Array> = pieces.iter().map(|p| p.batch.column(column).as_ref()).collect();
    concat(&arrays).map_err(|e| StorageError::Invalid(format!("rows of a segment do not join: {e}")))
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(StorageError::TooLarge {
        what: "a value",
        size: bytes as u64,
        limit: VALUE_BYTES_MAX as u64,
        remedy: "store a reference to it instead",
    })
}

/// Bytes of a column as a plain Arrow array, without its null bitmap.
pub(super) fn plain_bytes(ty: ColumnType, array: &ArrayRef) -> usize {
    let rows = array.len();
    match ty {
        ColumnType::Boolean => rows.div_ceil(8),
        ColumnType::BigInt | ColumnType::Double | ColumnType::Timestamp => rows * 8,
        ColumnType::Text | ColumnType::Json => text_bytes(array.as_string::<i32>().value_offsets()),
        ColumnType::Distribution => text_bytes(array.as_binary::<i32>().value_offsets()),
        ColumnType::Vector(size) => rows * size as usize * 4,
    }
}

fn text_bytes(offsets: &[i32]) -> usize {
    let data = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last.abs_diff(*first));
    data as usize + size_of_val(offsets)
}

/// The series of rows without any tag.
#[cfg(test)]
pub(super) fn no_tags(rows: usize) -> arrow_buffer::ScalarBuffer<u32> {
    vec![crate::schema::NO_TAGS; rows].into()
}
