//! The series of a segment and their tags, so that the series file can be rebuilt from segments alone.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, StringArray};
use hashbrown::HashMap;

use super::column_block::{put_column, read_column};
use crate::encoding::{Cursor, Malformed, put_varint};
use crate::error::{Result, StorageError};
use crate::limits::{COLUMNS_MAX, SECTION_BYTES_MAX, SECTION_COLUMN_BYTES_MAX, SERIES_MAX};
use crate::schema::{ColumnId, ColumnType, SeriesId};

/// The series of a segment in rising order, each with its tags. The place of a series is its *ordinal*.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentTags {
    series: Vec<SeriesId>,
    columns: Vec<TagColumn>,
}

/// One tag of all series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TagColumn {
    pub(super) id: ColumnId,
    /// The distinct values in the order in which the series first have them: what was numbered stays so, and the
    /// codes of a tag that tells all series apart take no room.
    pub(super) values: StringArray,
    /// By ordinal: one more than the place of the value, 0 for a series without the tag.
    pub(super) codes: Vec<u32>,
}

impl SegmentTags {
    /// Of series that are sorted and distinct. `tags` gives those of a series by column id; a series that it does not
    /// know is an error, for its tags would be lost here.
    pub(super) fn build(
        series: Vec<SeriesId>,
        tags: impl Fn(SeriesId) -> Option<Vec<(ColumnId, Arc<str>)>>,
    ) -> Result<Self> {
        let mut builders: Vec<Builder> = Vec::new();
        for (ordinal, id) in series.iter().enumerate() {
            let found = tags(*id).ok_or_else(|| {
                StorageError::Invalid(format!("series {id} of a segment has no definition"))
            })?;
            for (column, value) in found {
                builder(&mut builders, column).add(ordinal, value);
            }
        }
        builders.sort_by_key(|builder| builder.id);
        let count = series.len();
        let columns = builders.into_iter().map(|builder| builder.finish(count)).collect::<Result<_>>()?;
        Ok(Self { series, columns })
    }

    /// The series, rising.
    pub fn series(&self) -> &[SeriesId] {
        &self.series
    }

    /// The ordinal of a series; none where the segment does not hold it.
    pub fn ordinal(&self, series: SeriesId) -> Option<usize> {
        self.series.binary_search(&series).ok()
    }

    /// The value that the series at an ordinal has in a tag column; none where it has none.
    pub fn value(&self, ordinal: usize, column: ColumnId) -> Option<&str> {
        self.columns.iter().find(|c| c.id == column)?.value(ordinal)
    }

    /// The tags of the series at an ordinal, by column id.
    pub fn tags_at(&self, ordinal: usize) -> impl Iterator<Item = (ColumnId, &str)> {
        self.columns.iter().filter_map(move |c| Some((c.id, c.value(ordinal)?)))
    }

    /// All series with their tags.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, impl Iterator<Item = (ColumnId, &str)>)> {
        self.series.iter().enumerate().map(|(ordinal, id)| (*id, self.tags_at(ordinal)))
    }

    pub(super) fn columns(&self) -> &[TagColumn] {
        &self.columns
    }

    /// The code of a value; none where no series has it.
    pub(super) fn code(&self, column: ColumnId, value: &str) -> Option<u32> {
        let column = self.columns.iter().find(|c| c.id == column)?;
        let place = column.values.iter().position(|v| v == Some(value))?;
        Some(place as u32 + 1)
    }

    /// Bytes it holds in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let column = |c: &TagColumn| c.values.get_array_memory_size() + c.codes.capacity() * 4;
        self.series.capacity() * 4 + self.columns.iter().map(column).sum::<usize>()
    }

    /// The section; fails where it is larger than a section may be.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        put_varint(&mut out, self.series.len() as u64);
        put_column(&mut out, ColumnType::BigInt, &integers(&self.series));
        put_varint(&mut out, self.columns.len() as u64);
        for TagColumn { id, values, codes } in &self.columns {
            put_varint(&mut out, u64::from(*id));
            put_varint(&mut out, values.len() as u64);
            put_column(&mut out, ColumnType::Text, &(Arc::new(values.clone()) as ArrayRef));
            put_column(&mut out, ColumnType::BigInt, &integers(codes));
        }
        if out.len() as u64 <= SECTION_BYTES_MAX {
            Ok(out)
        } else {
            Err(too_large(out.len(), SECTION_BYTES_MAX))
        }
    }

    /// The tags again, of a segment of so many rows.
    pub(super) fn decode(bytes: &[u8], rows: u64) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.count(SERIES_MAX.min(usize::try_from(rows).unwrap_or(usize::MAX)))?;
        let series = small_integers(&read_column(&mut cursor, ColumnType::BigInt, count)?)?;
        if !series.is_sorted_by(|a, b| a < b) {
            return Err(Malformed("series in rising order"));
        }
        let columns = cursor.count(COLUMNS_MAX)?;
        let columns =
            (0..columns).map(|_| decode_column(&mut cursor, count)).collect::<Result<Vec<_>, _>>()?;
        cursor.finish()?;
        Ok(Self { series, columns })
    }
}

impl TagColumn {
    fn value(&self, ordinal: usize) -> Option<&str> {
        let place = self.codes.get(ordinal)?.checked_sub(1)? as usize;
        (place < self.values.len()).then(|| self.values.value(place))
    }
}

fn decode_column(cursor: &mut Cursor<'_>, series: usize) -> Result<TagColumn, Malformed> {
    let id = u32::try_from(cursor.varint()?).map_err(|_| Malformed("a column of 32 bits"))?;
    let count = cursor.count(series)?;
    let values = read_column(cursor, ColumnType::Text, count)?.as_string::<i32>().clone();
    let codes = small_integers(&read_column(cursor, ColumnType::BigInt, series)?)?;
    if values.null_count() > 0 || codes.iter().any(|code| *code as usize > count) {
        return Err(Malformed("codes of tags that are there"));
    }
    Ok(TagColumn { id, values, codes })
}

/// Gathers one tag of all series.
struct Builder {
    id: ColumnId,
    values: Vec<Arc<str>>,
    known: HashMap<Arc<str>, u32>,
    codes: Vec<u32>,
}

fn builder(builders: &mut Vec<Builder>, id: ColumnId) -> &mut Builder {
    let at = builders.iter().position(|builder| builder.id == id).unwrap_or(builders.len());
    if at == builders.len() {
        builders.push(Builder { id, values: Vec::new(), known: HashMap::new(), codes: Vec::new() });
    }
    &mut builders[at]
}

impl Builder {
    fn add(&mut self, ordinal: usize, value: Arc<str>) {
        let next = self.values.len() as u32 + 1;
        let code = *self.known.entry(value.clone()).or_insert(next);
        if code == next {
            self.values.push(value);
        }
        self.codes.resize(ordinal, 0);
        self.codes.push(code);
    }

    fn finish(mut self, series: usize) -> Result<TagColumn> {
        self.codes.resize(series, 0);
        let bytes: usize = self.values.iter().map(|value| value.len()).sum();
        if bytes > SECTION_COLUMN_BYTES_MAX {
            return Err(too_large(bytes, SECTION_COLUMN_BYTES_MAX as u64));
        }
        let values = self.values.iter().map(|value| Some(value.as_ref())).collect();
        Ok(TagColumn { id: self.id, values, codes: self.codes })
    }
}

fn too_large(size: usize, limit: u64) -> StorageError {
    let remedy = "use shorter tags, or fewer that tell every row apart";
    StorageError::TooLarge { what: "the tags of a segment", size: size as u64, limit, remedy }
}

/// Numbers as a BIGINT column.
pub(super) fn integers(values: &[u32]) -> ArrayRef {
    Arc::new(values.iter().map(|value| i64::from(*value)).collect::<Int64Array>())
}

/// Such a column again.
pub(super) fn small_integers(array: &ArrayRef) -> Result<Vec<u32>, Malformed> {
    let array = array.as_primitive::<Int64Type>();
    let small = |value: &i64| u32::try_from(*value).map_err(|_| Malformed("a number of 32 bits"));
    if array.null_count() > 0 {
        return Err(Malformed("numbers without nulls"));
    }
    array.values().iter().map(small).collect()
}

#[cfg(test)]
mod tests;
