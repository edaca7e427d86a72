//! The cell table: which rows belong to which interval and series.

use std::ops::Range;

use crate::encoding::{Cursor, Effort, Malformed, decode_integers, encode_integers, put_varint};
use crate::limits::{CELL_BLOCK_MAX, CELLS_MAX, SUMMARY_ROWS_MIN};
use crate::partition::{CellKey, Width};
use crate::schema::SeriesId;
use crate::segment::Unit;

/// The cells of a segment in the order of its rows, a row of the table a cell. Keys ascend: each cell is there once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellTable {
    /// Where each cell's interval begins, in nanoseconds.
    pub intervals: Vec<i64>,
    /// Each cell's series.
    pub series: Vec<SeriesId>,
    /// The first row of each cell, and at the end the number of all rows.
    pub first_rows: Vec<u64>,
}

impl CellTable {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Interval and series of a cell.
    pub fn key(&self, cell: usize) -> Option<CellKey> {
        Some(CellKey { interval: *self.intervals.get(cell)?, series: *self.series.get(cell)? })
    }

    /// The rows of a cell; none for one that is not there.
    pub fn rows(&self, cell: usize) -> Range<u64> {
        match (self.first_rows.get(cell), self.first_rows.get(cell + 1)) {
            (Some(first), Some(end)) => *first..*end,
            _ => 0..0,
        }
    }

    /// The cell that holds a row.
    pub fn cell_of_row(&self, row: u64) -> Option<usize> {
        let cell = self.first_rows.partition_point(|first| *first <= row).checked_sub(1)?;
        (cell < self.len()).then_some(cell)
    }

    /// What counts the rows of a cell: itself, or where it is small the small ones of its interval together.
    pub(crate) fn unit(&self, cell: usize) -> Option<Unit> {
        let rows = self.rows(cell);
        match rows.end - rows.start >= SUMMARY_ROWS_MIN as u64 {
            true => u32::try_from(cell).ok().map(Unit::Cell),
            false => self.key(cell).map(|key| Unit::Interval(key.interval)),
        }
    }

    /// The cell of this interval and series.
    pub fn find(&self, key: CellKey) -> Option<usize> {
        let intervals = self.interval_cells(key.interval);
        let series = self.series.get(intervals.clone())?;
        Some(intervals.start + series.binary_search(&key.series).ok()?)
    }

    /// The cells of the interval that begins at `interval`.
    pub fn interval_cells(&self, interval: i64) -> Range<usize> {
        let start = self.intervals.partition_point(|i| *i < interval);
        start..self.intervals.partition_point(|i| *i <= interval)
    }

    /// The cells that share a row with `rows`.
    pub(crate) fn cells_of_rows(&self, rows: &Range<u64>) -> Range<usize> {
        let start = self.cell_of_row(rows.start).unwrap_or(self.len());
        start..self.first_rows.partition_point(|first| *first < rows.end).min(self.len()).max(start)
    }

    /// The series of each of `rows`.
    pub(super) fn series_of_rows(&self, rows: &Range<u64>) -> Vec<SeriesId> {
        let mut out = Vec::with_capacity((rows.end - rows.start) as usize);
        for cell in self.cells_of_rows(rows) {
            let of_cell = self.rows(cell);
            let count = of_cell.end.min(rows.end) - of_cell.start.max(rows.start);
            let series = self.series.get(cell).copied().unwrap_or_default();
            out.resize(out.len() + count as usize, series);
        }
        out
    }

    /// Adds rows at the end: to the last cell if it has this key.
    pub(super) fn push(&mut self, key: CellKey, rows: u64) {
        if self.first_rows.is_empty() {
            self.first_rows.push(0);
        }
        let all = self.first_rows.last().copied().unwrap_or(0) + rows;
        if self.len().checked_sub(1).and_then(|last| self.key(last)) == Some(key) {
            self.first_rows.pop();
        } else {
            self.intervals.push(key.interval);
            self.series.push(key.series);
        }
        self.first_rows.push(all);
    }

    /// Rows of the cell in the middle, were they sorted by size.
    pub(super) fn median_rows(&self) -> u64 {
        let mut rows: Vec<u64> = self.first_rows.windows(2).map(|w| w[1] - w[0]).collect();
        let middle = rows.len() / 2;
        if rows.is_empty() { 0 } else { *rows.select_nth_unstable(middle).1 }
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.intervals.capacity() * 8 + self.series.capacity() * 4 + self.first_rows.capacity() * 8
    }
}

/// The table as bytes. Intervals are kept by their number, since 1970, in units of `width`.
pub(super) fn encode(cells: &CellTable, width: Width, effort: Effort) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, cells.len() as u64);
    let (mut number, mut series) = (0, 0);
    for start in (0..cells.len()).step_by(CELL_BLOCK_MAX) {
        let (mut steps, mut ids, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for cell in start..cells.len().min(start + CELL_BLOCK_MAX) {
            let key = cells.key(cell).unwrap_or_default();
            let next = key.interval.div_euclid(width.nanos());
            steps.push(next - number);
            ids.push(i64::from(key.series) - if next == number { series } else { 0 });
            rows.push((cells.rows(cell).end - cells.rows(cell).start) as i64);
            (number, series) = (next, i64::from(key.series));
        }
        [steps, ids, rows].iter().for_each(|column| out.extend(encode_integers(column, effort)));
    }
    out
}

/// The table again, of a segment of `rows` rows.
pub(super) fn decode(bytes: &[u8], width: Width, rows: u64) -> Result<CellTable, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(CELLS_MAX.min(usize::try_from(rows).unwrap_or(usize::MAX)))?;
    let mut decoder = Decoder::new(width);
    while decoder.cells.len() < count {
        decoder.read_block(&mut cursor, count)?;
    }
    cursor.finish()?;
    if decoder.rows != rows {
        return Err(Malformed("as many rows in cells as in the segment"));
    }
    Ok(decoder.cells)
}

/// What has been read, and the number of the last interval.
struct Decoder {
    width: i64,
    number: i64,
    rows: u64,
    cells: CellTable,
}

impl Decoder {
    fn new(width: Width) -> Self {
        let cells = CellTable { first_rows: vec![0], ..CellTable::default() };
        Self { width: width.nanos(), number: 0, rows: 0, cells }
    }

    fn read_block(&mut self, cursor: &mut Cursor<'_>, count: usize) -> Result<(), Malformed> {
        let length = CELL_BLOCK_MAX.min(count - self.cells.len());
        let mut column = || {
            let values = decode_integers(cursor, length)?;
            if values.len() == length { Ok(values) } else { Err(Malformed("a value for each cell")) }
        };
        let (steps, ids, rows) = (column()?, column()?, column()?);
        for ((step, id), rows) in steps.into_iter().zip(ids).zip(rows) {
            self.read_cell(step, id, rows)?;
        }
        Ok(())
    }

    fn read_cell(&mut self, step: i64, id: i64, rows: i64) -> Result<(), Malformed> {
        const ORDER: Malformed = Malformed("cells in order");
        let first = self.cells.is_empty();
        self.number = self.number.checked_add(step).ok_or(ORDER)?;
        let interval = interval_of(self.number, self.width).ok_or(ORDER)?;
        let before = if step == 0 { self.cells.series.last().copied().unwrap_or(0) } else { 0 };
        let series = id.checked_add(i64::from(before)).and_then(|s| u32::try_from(s).ok()).ok_or(ORDER)?;
        let ascends = first || step > 0 || (step == 0 && series > before);
        let rows = u64::try_from(rows).ok().filter(|r| *r > 0).ok_or(Malformed("rows in each cell"))?;
        let follows = first || step == 0 || self.cells.intervals.last().is_some_and(|last| *last < interval);
        if !ascends || !follows {
            return Err(ORDER);
        }
        self.rows = self.rows.checked_add(rows).ok_or(ORDER)?;
        self.cells.intervals.push(interval);
        self.cells.series.push(series);
        self.cells.first_rows.push(self.rows);
        Ok(())
    }
}

/// Where the interval of a number begins; none behind all time. The first of all begins at the least time, which is no
/// multiple of the width.
pub(super) fn interval_of(number: i64, width: i64) -> Option<i64> {
    match number.checked_mul(width) {
        None if number < 0 => Some(i64::MIN),
        interval => interval,
    }
}
