//! Gathers the last rows of a segment while it is written.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_select::interleave::interleave;
use arrow_select::take::take;
use hashbrown::HashMap;

use super::{encode, is_kept, is_short};
use crate::error::{Result, StorageError};
use crate::limits::{LAST_BYTES_MAX, LAST_ROWS_A_SERIES_MIN, LAST_SERIES_MAX};
use crate::schema::{Column, ColumnId, ColumnType, SeriesId, TableSchema};
use crate::segment::SegmentReader;
use crate::segment::cut::{GroupRows, plain_bytes};

/// The last row of each series so far. Holds at most `bytes_max` bytes of rows; where more would be needed it
/// gives up, and the segment has no last rows.
#[derive(Debug)]
pub(in crate::segment) struct Collector {
    columns: Vec<Kept>,
    places: HashMap<SeriesId, Place>,
    pieces: Vec<Piece>,
    /// Bytes of the rows held, outdated ones too.
    bytes: usize,
    bytes_max: usize,
    rows: u64,
    given_up: bool,
}

/// A column that last rows have, and its place among those of a row group.
#[derive(Debug)]
struct Kept {
    at: usize,
    column: Column,
}

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    piece: u32,
    row: u32,
}

#[derive(Debug)]
enum Piece {
    /// Rows in memory, column by column.
    Held(Vec<ArrayRef>),
    /// A row group that was taken over undecoded: read at the end, if a series has its last row in it.
    Copied(Arc<SegmentReader>, usize),
}

impl Collector {
    pub(in crate::segment) fn new(schema: &TableSchema) -> Self {
        Self::within(schema, LAST_BYTES_MAX)
    }

    pub(super) fn within(schema: &TableSchema, bytes_max: usize) -> Self {
        let kept = |(at, column): (usize, &Column)| Kept { at, column: column.clone() };
        let columns = schema.stored_columns().enumerate().filter(|(_, c)| is_kept(c.ty)).map(kept).collect();
        Self {
            columns,
            places: HashMap::new(),
            pieces: Vec::new(),
            bytes: 0,
            bytes_max,
            rows: 0,
            given_up: false,
        }
    }

    /// Takes in a row group that lies behind all before.
    pub(in crate::segment) fn push(&mut self, group: &GroupRows) -> Result<()> {
        if self.given_up {
            return Ok(());
        }
        let cells: Vec<(SeriesId, usize)> =
            group.cells.iter().map(|(key, rows)| (key.series, *rows)).collect();
        self.note(&cells);
        let piece = self.pieces.len() as u32;
        let (mut rows, mut end) = (Vec::new(), 0);
        for (series, count) in cells {
            end += count as u32;
            let last = Place { piece, row: end.saturating_sub(1) };
            if let Some(place) = self.places.get_mut(&series).filter(|place| **place == last) {
                place.row = rows.len() as u32;
                rows.push(last.row);
            }
        }
        let rows = UInt32Array::from(rows);
        let taken = self.columns.iter().filter_map(|kept| group.columns.get(kept.at));
        let held = taken.map(|array| take(array, &rows, None).map_err(failed)).collect::<Result<Vec<_>>>()?;
        self.hold(held)
    }

    /// The same for a row group that is taken over: its cells in order, and the rows of each.
    pub(in crate::segment) fn copy(
        &mut self,
        from: &Arc<SegmentReader>,
        group: usize,
        cells: &[(SeriesId, usize)],
    ) {
        if !self.given_up {
            self.note(cells);
            self.pieces.push(Piece::Copied(from.clone(), group));
        }
    }

    /// Notes the last row of each cell as its series' last, in the piece that comes next.
    fn note(&mut self, cells: &[(SeriesId, usize)]) {
        let piece = self.pieces.len() as u32;
        let mut end = 0;
        for (series, rows) in cells {
            end += *rows as u32;
            self.places.insert(*series, Place { piece, row: end.saturating_sub(1) });
        }
        self.rows += u64::from(end);
        if self.places.len() > LAST_SERIES_MAX {
            self.give_up();
        }
    }

    fn hold(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        if self.given_up {
            return Ok(());
        }
        self.bytes += self.bytes_of(&columns);
        self.pieces.push(Piece::Held(columns));
        // What is outdated is dropped only when it is about half, so that each row is moved a few times at most.
        if self.bytes > self.bytes_max {
            self.shrink()?;
            if self.bytes > self.bytes_max / 2 {
                self.give_up();
            }
        }
        Ok(())
    }

    fn give_up(&mut self) {
        *self = Self { columns: Vec::new(), given_up: true, ..Self::new(&TableSchema::new("", Vec::new())) };
    }

    fn bytes_of(&self, columns: &[ArrayRef]) -> usize {
        self.columns.iter().zip(columns).map(|(kept, array)| plain_bytes(kept.column.ty, array)).sum()
    }

    /// Brings the rows held into one piece, without those that are no series' last any more.
    fn shrink(&mut self) -> Result<()> {
        let is_held = |place: &Place| matches!(self.pieces.get(place.piece as usize), Some(Piece::Held(_)));
        let mut held: Vec<(SeriesId, Place)> =
            self.places.iter().filter(|(_, place)| is_held(place)).map(|(id, place)| (*id, *place)).collect();
        held.sort_unstable_by_key(|(_, place)| (place.piece, place.row));
        let places: Vec<Place> = held.iter().map(|(_, place)| *place).collect();
        let columns = self.gather(&places)?;
        for piece in &mut self.pieces {
            if let Piece::Held(held) = piece {
                held.clear();
            }
        }
        self.bytes = self.bytes_of(&columns);
        let piece = self.pieces.len() as u32;
        self.pieces.push(Piece::Held(columns));
        for ((series, _), row) in held.into_iter().zip(0..) {
            self.places.insert(series, Place { piece, row });
        }
        Ok(())
    }

    /// The rows at these places, all of them held, column by column.
    fn gather(&self, places: &[Place]) -> Result<Vec<ArrayRef>> {
        let mut held: Vec<(u32, &Vec<ArrayRef>)> = Vec::new();
        for (at, piece) in (0..).zip(&self.pieces) {
            if let Piece::Held(columns) = piece {
                held.extend((!columns.is_empty()).then_some((at, columns)));
            }
        }
        let of_piece: HashMap<u32, usize> =
            held.iter().enumerate().map(|(at, (piece, _))| (*piece, at)).collect();
        let index = |place: &Place| Some((*of_piece.get(&place.piece)?, place.row as usize));
        let indices: Vec<(usize, usize)> = places.iter().filter_map(index).collect();
        let column = |(at, kept): (usize, &Kept)| {
            let arrays: Vec<&dyn Array> =
                held.iter().filter_map(|(_, c)| Some(c.get(at)?.as_ref())).collect();
            if indices.is_empty() {
                return Ok(arrow_array::new_empty_array(&kept.column.ty.arrow()));
            }
            interleave(&arrays, &indices).map_err(failed)
        };
        self.columns.iter().enumerate().map(column).collect()
    }

    /// The section; none where the segment has too few rows a series to be worth it, or too much to hold.
    pub(in crate::segment) fn finish(mut self) -> Result<Option<Vec<u8>>> {
        let enough = self.rows / LAST_ROWS_A_SERIES_MIN >= self.places.len() as u64;
        if self.given_up || !enough || self.places.is_empty() {
            return Ok(None);
        }
        self.read_copied()?;
        if self.given_up {
            return Ok(None);
        }
        let mut rows: Vec<(SeriesId, Place)> = self.places.iter().map(|(id, place)| (*id, *place)).collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        let (series, places): (Vec<SeriesId>, Vec<Place>) = rows.into_iter().unzip();
        let arrays = self.gather(&places)?;
        let columns: Vec<(ColumnId, ColumnType, ArrayRef)> = self
            .columns
            .iter()
            .zip(arrays)
            .filter(|(kept, array)| is_short(kept.column.ty, array))
            .map(|(kept, array)| (kept.column.id, kept.column.ty, array))
            .collect();
        Ok(Some(encode(&series, &columns)))
    }

    /// Reads what the row groups taken over hold of last rows, and only the pages that have some.
    fn read_copied(&mut self) -> Result<()> {
        let mut wanted: HashMap<u32, Vec<(SeriesId, u32)>> = HashMap::new();
        for (series, place) in &self.places {
            wanted.entry(place.piece).or_default().push((*series, place.row));
        }
        let columns: Vec<Column> = self.columns.iter().map(|kept| kept.column.clone()).collect();
        for piece in 0..self.pieces.len() {
            let Some(Piece::Copied(from, group)) = self.pieces.get(piece) else { continue };
            let Some(mut rows) = wanted.remove(&(piece as u32)) else { continue };
            rows.sort_unstable_by_key(|(_, row)| *row);
            let places: Vec<usize> = rows.iter().map(|(_, row)| *row as usize).collect();
            let held = from.rows_at(*group, &columns, &places)?;
            self.bytes += self.bytes_of(&held);
            if self.bytes > self.bytes_max {
                self.give_up();
                return Ok(());
            }
            for ((series, _), row) in rows.into_iter().zip(0..) {
                self.places.insert(series, Place { piece: piece as u32, row });
            }
            self.pieces[piece] = Piece::Held(held);
        }
        Ok(())
    }
}

fn failed(error: arrow_schema::ArrowError) -> StorageError {
    StorageError::Invalid(format!("last rows of a segment do not join: {error}"))
}
