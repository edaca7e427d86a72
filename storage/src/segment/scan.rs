//! Reads one row group page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
    new_null_array,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::{concat, concat_batches};
use arrow_select::filter::filter;
use arrow_select::take::take_record_batch;
use roaring::RoaringBitmap;

use super::index::{Chunk, Columns, RowGroup, StoredColumn};
use super::last::{EncodedLast, LastRows};
use super::source::Source;
use super::value_range::ValueRange;
use super::{SegmentReader, TimeRange};
use crate::encoding::{ChunkDecoder, Sought};
use crate::error::{Result, StorageError};
use crate::label::Laid;
use crate::limits::ROW_GROUP_ROWS_MAX;
use crate::schema::{Column, ColumnId, ColumnType, NO_TAGS, Role, SeriesId};

/// A row group being read. Keeps the decoders of its chunks from page to page.
#[derive(Debug)]
pub(super) struct GroupScan<'a> {
    segment: &'a SegmentReader,
    source: &'a Source,
    stored: &'a Columns,
    group: &'a RowGroup,
    chunks: &'a [Chunk],
    schema: SchemaRef,
    wanted: Vec<Wanted>,
    decoders: BTreeMap<usize, ChunkDecoder>,
    /// Rows to leave out, by their places in the segment.
    hidden: Option<&'a RoaringBitmap>,
    /// By column of the output the labels that stand over it; shorter where there are none.
    labels: &'a [Option<Laid>],
}

/// Where a column of the output comes from.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// The segment is older than the column.
    Absent(ColumnType),
    /// A stored column as it is.
    Stored(usize),
    /// A tag, which the series of the rows have.
    Tag(ColumnId),
    /// A stored BIGINT that has become a DOUBLE.
    Widened(usize),
}

/// Which rows of a page are in the range of time.
enum Selection {
    None,
    All,
    /// Some; where the times were decoded to tell which, they may be wanted again.
    Some(BooleanArray, Option<ArrayRef>),
}

impl<'a> GroupScan<'a> {
    pub(super) fn new(
        segment: &'a SegmentReader,
        group: &'a RowGroup,
        chunks: &'a [Chunk],
        columns: &[Column],
    ) -> Result<Self> {
        let (source, stored) = (segment.source(), &segment.footer()?.columns);
        let wanted = columns.iter().map(|c| find(source, &stored.list, c)).collect::<Result<_>>()?;
        let schema = Arc::new(Schema::new(columns.iter().map(Column::arrow).collect::<Vec<_>>()));
        let decoders = BTreeMap::new();
        Ok(Self {
            segment,
            source,
            stored,
            group,
            chunks,
            schema,
            wanted,
            decoders,
            hidden: None,
            labels: &[],
        })
    }

    /// Leaves rows out, which are given by their places in the segment.
    pub(super) fn without(mut self, hidden: Option<&'a RoaringBitmap>) -> Self {
        self.hidden = hidden;
        self
    }

    /// Puts labels over what was written, by column of the output.
    pub(super) fn labelled(mut self, labels: &'a [Option<Laid>]) -> Self {
        self.labels = labels;
        self
    }

    /// The rows of a page that lie in `time`; none where there are none.
    pub(super) fn read_page(&mut self, page: usize, time: TimeRange) -> Result<Option<RecordBatch>> {
        let in_time = self.select(page, time)?;
        match self.visible(page, in_time)? {
            Selection::None => Ok(None),
            Selection::All => self.batch(page, None).map(Some),
            Selection::Some(rows, times) => self.batch(page, Some((&rows, times.as_ref()))).map(Some),
        }
    }

    /// Without the hidden rows of the page.
    fn visible(&self, page: usize, in_time: Selection) -> Result<Selection> {
        let first = self.first_row(page);
        let rows = self.rows(page)?;
        let Some(hidden) =
            self.hidden.filter(|hidden| hidden.range_cardinality(first..first + rows as u32) > 0)
        else {
            return Ok(in_time);
        };
        let is_shown = |row: usize| !hidden.contains(first + row as u32);
        let (shown, times): (BooleanArray, _) = match in_time {
            Selection::None => return Ok(Selection::None),
            Selection::All => ((0..rows).map(|row| Some(is_shown(row))).collect(), None),
            Selection::Some(kept, times) => {
                ((0..rows).map(|row| Some(kept.value(row) && is_shown(row))).collect(), times)
            }
        };
        Ok(if shown.true_count() == 0 { Selection::None } else { Selection::Some(shown, times) })
    }

    /// Reads the times only of a page that the range cuts.
    fn select(&mut self, page: usize, time: TimeRange) -> Result<Selection> {
        let range = self.time_of(page)?;
        if range.is_some_and(|range| time.contains(range)) {
            return Ok(Selection::All);
        }
        if range.is_some_and(|range| !time.overlaps(range)) {
            return Ok(Selection::None);
        }
        let times = self.decode(self.stored.time, page)?;
        let within = |t: &i64| (time.min..=time.max).contains(t);
        let rows: Vec<bool> =
            times.as_primitive::<TimestampNanosecondType>().values().iter().map(within).collect();
        Ok(if rows.contains(&true) { Selection::Some(rows.into(), Some(times)) } else { Selection::None })
    }

    fn batch(
        &mut self,
        page: usize,
        some: Option<(&BooleanArray, Option<&ArrayRef>)>,
    ) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.wanted.len());
        for (at, wanted) in self.wanted.clone().into_iter().enumerate() {
            let array = self.array(wanted, page, some.and_then(|(_, times)| times))?;
            let array = self.label(at, array, page)?;
            arrays.push(match some {
                None => array,
                Some((rows, _)) => filter(&array, rows).map_err(|e| StorageError::Invalid(e.to_string()))?,
            });
        }
        let rows = some.map_or(self.rows(page)?, |(rows, _)| rows.true_count());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|e| StorageError::Invalid(format!("{}: {e}", self.source.path())))
    }

    /// The columns of the output.
    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// All rows of a page, column by column; its times where they are known already.
    pub(super) fn arrays(&mut self, page: usize, times: Option<&ArrayRef>) -> Result<Vec<ArrayRef>> {
        let wanted = self.wanted.clone().into_iter().enumerate();
        let mut arrays = Vec::with_capacity(self.wanted.len());
        for (at, wanted) in wanted {
            let array = self.array(wanted, page, times)?;
            arrays.push(self.label(at, array, page)?);
        }
        Ok(arrays)
    }

    /// The times of all rows of a page.
    pub(super) fn times(&mut self, page: usize) -> Result<ArrayRef> {
        self.decode(self.stored.time, page)
    }

    /// The least and the greatest time of a page.
    pub(super) fn time_of(&self, page: usize) -> Result<Option<TimeRange>> {
        Ok(self.chunk(self.stored.time)?.pages.get(page).and_then(|p| p.range).and_then(|r| r.time()))
    }

    /// The least and the greatest value of a column in a page, where that is kept.
    pub(super) fn range_of(&self, page: usize, column: ColumnId) -> Option<ValueRange> {
        let at = self.stored.list.iter().position(|stored| stored.id == column)?;
        self.chunks.get(at)?.pages.get(page)?.range
    }

    fn array(&mut self, wanted: Wanted, page: usize, times: Option<&ArrayRef>) -> Result<ArrayRef> {
        match (wanted, times) {
            (Wanted::Tag(column), _) => self.tag(column, page),
            (Wanted::Absent(ty), _) => Ok(new_null_array(&ty.arrow(), self.rows(page)?)),
            (Wanted::Stored(column), Some(times)) if column == self.stored.time => Ok(times.clone()),
            (Wanted::Stored(column), _) => self.decode(column, page),
            (Wanted::Widened(column), _) => Ok(widen(&self.decode(column, page)?)),
        }
    }

    /// The place of a page's first row in the segment, which has fewer rows than a u32 can count.
    pub(super) fn first_row(&self, page: usize) -> u32 {
        let before: usize = self.group.page_rows.iter().take(page).sum();
        (self.group.info.first_row + before as u64) as u32
    }

    fn label(&self, column: usize, written: ArrayRef, page: usize) -> Result<ArrayRef> {
        match self.labels.get(column) {
            Some(Some(labels)) => labels.over(&written, self.first_row(page)),
            _ => Ok(written),
        }
    }

    fn tag(&self, column: ColumnId, page: usize) -> Result<ArrayRef> {
        let before: usize = self.group.page_rows.iter().take(page).sum();
        let first = self.group.info.first_row + before as u64;
        let rows = first..first + self.rows(page)? as u64;
        let series = self.segment.cells()?.series_of_rows(&rows);
        // The rows of a table without tags ask the registry nothing.
        if series.iter().all(|s| *s == NO_TAGS) {
            return Ok(new_null_array(&ColumnType::Text.arrow(), series.len()));
        }
        Ok(Arc::new(self.segment.series().tag_column(column, &series)))
    }

    fn decode(&mut self, column: usize, page: usize) -> Result<ArrayRef> {
        let rows = self.rows(page)?;
        let place = *self.chunk(column)?.pages.get(page).ok_or_else(|| self.missing())?;
        let bytes = self.source.read_checked(place.extent)?;
        let malformed = self.source.malformed(place.extent.offset);
        self.decoder(column)?.decode(&bytes, rows, place.nulls).map_err(malformed)
    }

    /// Whether a page may hold one of these texts: looked for in its encoded form, before any text of it is made.
    pub(super) fn may_hold(&mut self, page: usize, column: ColumnId, texts: &[String]) -> Result<bool> {
        let Some(at) = self.stored.list.iter().position(|stored| stored.id == column) else {
            return Ok(true);
        };
        let rows = self.rows(page)?;
        let place = *self.chunk(at)?.pages.get(page).ok_or_else(|| self.missing())?;
        let malformed = self.source.malformed(place.extent.offset);
        let source = self.source;
        match self.decoder(at)?.seek(texts) {
            Sought::Nowhere => Ok(false),
            Sought::Anywhere => Ok(true),
            Sought::InPages(sought) => {
                sought.is_in(&source.read_checked(place.extent)?, rows, place.nulls).map_err(malformed)
            }
        }
    }

    fn decoder(&mut self, column: usize) -> Result<&ChunkDecoder> {
        if !self.decoders.contains_key(&column) {
            let decoder = self.open_chunk(column)?;
            self.decoders.insert(column, decoder);
        }
        self.decoders.get(&column).ok_or_else(|| self.missing())
    }

    /// Some rows, given by their places in the row group, which rise; column by column.
    pub(super) fn rows_at(&mut self, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        let mut batches = Vec::new();
        let (mut first, mut rest) = (0, rows);
        for page in 0..self.group.page_rows.len() {
            let end = first + self.rows(page)?;
            let (here, behind) = rest.split_at(rest.partition_point(|row| *row < end));
            if let Some(batch) = if here.is_empty() { None } else { self.read_page(page, TimeRange::ALL)? } {
                let places: UInt32Array = here.iter().map(|row| (row - first) as u32).collect();
                batches.push(take_record_batch(&batch, &places).map_err(|e| invalid(self.source, &e))?);
            }
            (first, rest) = (end, behind);
        }
        let all = concat_batches(&self.schema, &batches).map_err(|e| invalid(self.source, &e))?;
        Ok(all.columns().to_vec())
    }

    fn open_chunk(&self, column: usize) -> Result<ChunkDecoder> {
        let chunk = self.chunk(column)?;
        let ty = self.stored.list.get(column).ok_or_else(|| self.missing())?.ty;
        let meta = self.source.read_checked(chunk.meta)?;
        ChunkDecoder::new(chunk.encoding, ty, &meta).map_err(self.source.malformed(chunk.meta.offset))
    }

    fn chunk(&self, column: usize) -> Result<&'a Chunk> {
        self.chunks.get(column).ok_or_else(|| self.missing())
    }

    /// Rows of a page.
    pub(super) fn rows(&self, page: usize) -> Result<usize> {
        self.group.page_rows.get(page).copied().ok_or_else(|| self.missing())
    }

    /// Not to be seen: the footer was checked for a page of every column.
    fn missing(&self) -> StorageError {
        self.source.corrupt(0, "a page of every column in the page index")
    }
}

/// Columns of the last rows, which the section at `offset` holds; none where it lacks one.
pub(super) fn last_rows(
    segment: &SegmentReader,
    last: &EncodedLast,
    columns: &[Column],
    offset: u64,
) -> Result<Option<LastRows>> {
    let (source, stored) = (segment.source(), &segment.footer()?.columns.list);
    let kept = |at: usize| match stored.get(at) {
        Some(column) => last.column(column.id, column.ty).map_err(source.malformed(offset)),
        None => Ok(None),
    };
    let mut arrays = Vec::with_capacity(columns.len());
    for column in columns {
        let array = match find(source, stored, column)? {
            Wanted::Absent(ty) => Some(new_null_array(&ty.arrow(), last.series.len())),
            Wanted::Tag(id) => Some(tags(segment, id, &last.series)?),
            Wanted::Stored(at) => kept(at)?,
            Wanted::Widened(at) => kept(at)?.map(|array| widen(&array)),
        };
        let Some(array) = array else { return Ok(None) };
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(columns.iter().map(Column::arrow).collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(last.series.len()));
    let batch = RecordBatch::try_new_with_options(schema, arrays, &options)
        .map_err(|_| source.corrupt(offset, "a time in each of the last rows"))?;
    Ok(Some(LastRows { series: last.series.clone(), batch }))
}

/// A tag of each of any number of series.
fn tags(segment: &SegmentReader, column: ColumnId, series: &[SeriesId]) -> Result<ArrayRef> {
    let chunk = |ids: &[SeriesId]| segment.series().tag_column(column, ids);
    let chunks: Vec<StringArray> = series.chunks(ROW_GROUP_ROWS_MAX).map(chunk).collect();
    let chunks: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk as &dyn Array).collect();
    if chunks.is_empty() {
        return Ok(new_null_array(&ColumnType::Text.arrow(), 0));
    }
    concat(&chunks).map_err(|e| invalid(segment.source(), &e))
}

fn invalid(source: &Source, error: &ArrowError) -> StorageError {
    StorageError::Invalid(format!("{}: {error}", source.path()))
}

fn find(source: &Source, stored: &[StoredColumn], column: &Column) -> Result<Wanted> {
    let Some(at) = stored.iter().position(|s| s.id == column.id) else {
        let tag = column.role == Role::Tag;
        return Ok(if tag { Wanted::Tag(column.id) } else { Wanted::Absent(column.ty) });
    };
    let ty = stored.get(at).map_or(column.ty, |s| s.ty);
    if ty.arrow() == column.ty.arrow() {
        return Ok(Wanted::Stored(at));
    }
    if (ty, column.ty) == (ColumnType::BigInt, ColumnType::Double) {
        return Ok(Wanted::Widened(at));
    }
    let (path, name) = (source.path(), &column.name);
    Err(StorageError::Invalid(format!(
        "{path} has column {name} as {}, not as {}",
        ty.sql(),
        column.ty.sql()
    )))
}

/// Exact, for the schema lets a BIGINT become a DOUBLE only where all its values are.
fn widen(array: &ArrayRef) -> ArrayRef {
    let doubles: PrimitiveArray<Float64Type> = array.as_primitive::<Int64Type>().unary(|v| v as f64);
    Arc::new(doubles)
}
