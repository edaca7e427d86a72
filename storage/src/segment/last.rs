//! The last row of every series, so that "what is it now" reads one section and not the rows.
//!
//! Rows stand in the order of interval, series and time, so a series' last row is the last row of its last cell.
//!
//! ```text
//! count of series varint, count of columns varint, bytes of the series' block varint
//! for each column: id varint, bytes of its block varint
//! series, then the columns: a column block each
//! ```

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};

use super::column_block::{put_column, read_column};
use super::index::Columns;
use super::tags::{integers, small_integers};
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::limits::{COLUMNS_MAX, LAST_SERIES_MAX, LAST_TEXT_BYTES_MAX};
use crate::schema::{ColumnId, ColumnType, SeriesId};

mod collect;

pub(super) use collect::Collector;

/// The last rows of a segment's series.
#[derive(Clone, Debug)]
pub struct LastRows {
    /// The series, rising.
    pub series: Vec<SeriesId>,
    /// The row with the greatest time of each; of equal times the later one.
    pub batch: RecordBatch,
}

/// The section, its columns still encoded.
#[derive(Debug)]
pub(super) struct EncodedLast {
    pub(super) series: Vec<SeriesId>,
    bytes: Vec<u8>,
    columns: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    id: ColumnId,
    start: usize,
    end: usize,
}

/// Whether last rows hold columns of a type: those whose values are small.
pub(super) fn is_kept(ty: ColumnType) -> bool {
    !matches!(ty, ColumnType::Vector(_) | ColumnType::Distribution | ColumnType::Json)
}

/// Whether each value is short enough.
fn is_short(ty: ColumnType, array: &ArrayRef) -> bool {
    ty != ColumnType::Text
        || array.as_string::<i32>().iter().flatten().all(|text| text.len() <= LAST_TEXT_BYTES_MAX)
}

/// The section, of columns that have a value for each of `series`, which rise.
fn encode(series: &[SeriesId], columns: &[(ColumnId, ColumnType, ArrayRef)]) -> Vec<u8> {
    let block = |ty: ColumnType, array: &ArrayRef| {
        let mut block = Vec::new();
        put_column(&mut block, ty, array);
        block
    };
    let ids = block(ColumnType::BigInt, &integers(series));
    let blocks: Vec<Vec<u8>> = columns.iter().map(|(_, ty, array)| block(*ty, array)).collect();
    let mut out = Vec::new();
    put_varint(&mut out, series.len() as u64);
    put_varint(&mut out, columns.len() as u64);
    put_varint(&mut out, ids.len() as u64);
    for ((id, ..), block) in columns.iter().zip(&blocks) {
        put_varint(&mut out, u64::from(*id));
        put_varint(&mut out, block.len() as u64);
    }
    out.extend(ids);
    blocks.iter().for_each(|block| out.extend(block));
    out
}

impl EncodedLast {
    /// Reads the series, and where the columns lie.
    pub(super) fn decode(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(&bytes);
        let count = cursor.count(LAST_SERIES_MAX)?;
        let columns = cursor.count(COLUMNS_MAX)?;
        let ids = cursor.count(bytes.len())?;
        let mut places = Vec::new();
        for _ in 0..columns {
            let id = u32::try_from(cursor.varint()?).map_err(|_| Malformed("a column of 32 bits"))?;
            places.push((id, cursor.count(bytes.len())?));
        }
        let mut ids = Cursor::new(cursor.take(ids)?);
        let series = small_integers(&read_column(&mut ids, ColumnType::BigInt, count)?)?;
        ids.finish()?;
        if !series.is_sorted_by(|a, b| a < b) {
            return Err(Malformed("series in rising order"));
        }
        let mut start = bytes.len() - cursor.rest().len();
        let mut found = Vec::with_capacity(places.len());
        for (id, length) in places {
            let end = start.checked_add(length).ok_or(Malformed("columns of the last rows"))?;
            found.push(Place { id, start, end });
            start = end;
        }
        if start != bytes.len() {
            return Err(Malformed("columns up to the end of the last rows"));
        }
        Ok(Self { series, bytes, columns: found })
    }

    /// A column; none where it is not kept.
    pub(super) fn column(&self, id: ColumnId, ty: ColumnType) -> Result<Option<ArrayRef>, Malformed> {
        let Some(place) = self.columns.iter().find(|place| place.id == id) else { return Ok(None) };
        let bytes = self.bytes.get(place.start..place.end).ok_or(Malformed("a column of the last rows"))?;
        let mut cursor = Cursor::new(bytes);
        let array = read_column(&mut cursor, ty, self.series.len())?;
        cursor.finish()?;
        Ok(Some(array))
    }

    /// Decodes every column, each of which has to be one of the segment's.
    pub(super) fn check(&self, columns: &Columns) -> Result<(), Malformed> {
        for place in &self.columns {
            let column = columns.list.iter().find(|column| column.id == place.id);
            let ty = column.ok_or(Malformed("a column of the segment"))?.ty;
            self.column(place.id, ty)?;
        }
        Ok(())
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.series.capacity() * 4 + self.bytes.capacity() + self.columns.capacity() * size_of::<Place>()
    }
}

#[cfg(test)]
mod tests;
