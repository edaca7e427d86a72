//! Rows that are in the WAL but in no segment yet.

mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, new_null_array,
};
use arrow_schema::Schema;
use arrow_select::concat::{concat, concat_batches};
use arrow_select::filter::{filter_record_batch, prep_null_mask_filter};
use roaring::RoaringBitmap;

use self::keys::KeyFilters;
use crate::error::{Result, StorageError};
use crate::label::Laid;
use crate::limits::{PAGE_ROWS_MAX, ROW_GROUP_ROWS_MAX};
use crate::overlay::{Supersede, Tombstone};
use crate::read::{Filter, Piece, Run, Want};
use crate::rows::Rows;
use crate::schema::{Column, ColumnType, Role, SeriesId, TableSchema};
use crate::segment::{Over, TimeRange, is_labelled};
use crate::series::SeriesRegistry;

/// Rows written together, with the schema they had then.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) rows: Rows,
    pub(crate) time: TimeRange,
    pub(crate) bytes: usize,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// The place of its first row among all that were ever written to this memtable.
    pub(crate) start: u64,
    /// Tells it from every other chunk of this process.
    id: u64,
    /// What is known of the rows it hides.
    pub(crate) supersede: Supersede,
    keys: KeyFilters,
}

/// The number of the next chunk.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The chunks of one table, oldest write first. A clone is cheap and stays as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memtable {
    chunks: Arc<Vec<Arc<Chunk>>>,
    /// Deletes, each of rows written before it, in the order of writing.
    tombstones: Arc<Vec<Tombstone>>,
    rows: u64,
    bytes: usize,
    /// The place of the next row: it counts on through flushes.
    next: u64,
}

impl Chunk {
    /// A chunk of at least one row.
    pub(crate) fn new(schema: Arc<TableSchema>, rows: Rows, first_seq: u64, last_seq: u64) -> Result<Self> {
        let time = time_range(&schema, &rows)?;
        // What the rows take, not the buffers they may be a slice of: a batch off the wire shares one among columns.
        let columns = rows.batch.columns().iter();
        let bytes: usize = columns.map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        let bytes = bytes + size_of_val(&*rows.series);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (supersede, keys) = (Supersede::default(), KeyFilters::default());
        Ok(Self { schema, rows, time, bytes, first_seq, last_seq, start: 0, id, supersede, keys })
    }

    /// Tells it from every other chunk of this process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Some of the columns that are no tags, in the order given.
    pub(crate) fn stored_columns(&self, columns: &[Column]) -> Result<RecordBatch> {
        let arrays = columns.iter().map(|column| stored(&self.schema, &self.rows, column)).collect();
        let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|e| StorageError::Invalid(e.to_string()))
    }

    /// The given columns of the rows whose time lies in `time` and which are not among the hidden, tags as `registry`
    /// knows them.
    pub(crate) fn read(
        &self,
        columns: &[Column],
        time: TimeRange,
        registry: &SeriesRegistry,
        hidden: Option<&RoaringBitmap>,
    ) -> Result<Option<RecordBatch>> {
        self.read_labelled(columns, time, registry, hidden, &[])
    }

    /// The same with labels over what was written, by place in `columns`.
    pub(crate) fn read_labelled(
        &self,
        columns: &[Column],
        time: TimeRange,
        registry: &SeriesRegistry,
        hidden: Option<&RoaringBitmap>,
        labels: &[Option<Laid>],
    ) -> Result<Option<RecordBatch>> {
        let invalid = |e: arrow_schema::ArrowError| StorageError::Invalid(e.to_string());
        let rows = self.project(columns, registry, labels)?;
        if time.contains(self.time) && hidden.is_none() {
            return Ok(Some(rows));
        }
        let times = times(&self.schema, &self.rows)?;
        let is_hidden = |row: usize| hidden.is_some_and(|hidden| hidden.contains(row as u32));
        let is_kept = |(row, t): (usize, &i64)| time.min <= *t && *t <= time.max && !is_hidden(row);
        let keep = times.iter().enumerate().map(|row| Some(is_kept(row))).collect();
        let kept = filter_record_batch(&rows, &keep).map_err(invalid)?;
        Ok((kept.num_rows() > 0).then_some(kept))
    }

    /// The rows of it that are wanted; none where its times, series and keys tell that there are none.
    pub(crate) fn pick(&self, want: &Want<'_>, over: Over<'_>) -> Result<Option<Piece>> {
        let may_meet = |filter: &Filter<'_>| {
            let unlabelled = filter.bounds.iter().filter(|bound| !is_labelled(filter, over, bound));
            unlabelled.into_iter().all(|bound| self.keys.may_meet(&self.schema, &self.rows, bound))
        };
        if !want.filter.is_none_or(may_meet) {
            return Ok(None);
        }
        let times = times(&self.schema, &self.rows)?;
        let is_hidden = |row: usize| over.hidden.is_some_and(|hidden| hidden.contains(row as u32));
        let is_wanted = |series: SeriesId| want.series.is_none_or(|wanted| wanted.contains(series));
        let is_picked = |(row, time): (usize, &i64)| {
            want.time.min <= *time
                && *time <= want.time.max
                && is_wanted(self.rows.series[row])
                && !is_hidden(row)
        };
        let keep: BooleanArray = times.iter().enumerate().map(|row| Some(is_picked(row))).collect();
        if keep.true_count() == 0 {
            return Ok(None);
        }
        let runs = self.runs();
        let met = match want.filter {
            Some(filter) => {
                let rows = self.wanted(filter.columns, over.filter_labels)?;
                let judged = Piece { rows, runs: runs.clone() }.only(&keep)?;
                let met = (filter.keep)(&judged)?;
                Some(if met.null_count() > 0 { prep_null_mask_filter(&met) } else { met })
            }
            None => None,
        };
        if met.as_ref().is_some_and(|met| met.true_count() == 0) {
            return Ok(Some(Piece { rows: self.wanted(want.columns, &[])?.slice(0, 0), runs: Vec::new() }));
        }
        let picked = Piece { rows: self.wanted(want.columns, over.labels)?, runs }.only(&keep)?;
        match met {
            Some(met) => picked.only(&met).map(Some),
            None => Ok(Some(picked)),
        }
    }

    fn wanted(&self, columns: &[Column], labels: &[Option<Laid>]) -> Result<RecordBatch> {
        let array = |(at, column): (usize, &Column)| {
            let stored = stored(&self.schema, &self.rows, column);
            labels
                .get(at)
                .and_then(Option::as_ref)
                .map_or(Ok(stored.clone()), |labels| labels.over(&stored, 0))
        };
        let arrays = columns.iter().enumerate().map(array).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|e| StorageError::Invalid(e.to_string()))
    }

    fn runs(&self) -> Vec<Run> {
        let runs = self.rows.series.chunk_by(|a, b| a == b);
        runs.map(|run| Run { series: run[0], rows: run.len(), interval: None }).collect()
    }

    fn project(
        &self,
        columns: &[Column],
        registry: &SeriesRegistry,
        labels: &[Option<Laid>],
    ) -> Result<RecordBatch> {
        let array = |(at, column): (usize, &Column)| match (column.role, labels.get(at)) {
            (Role::Tag, _) => tags(registry, column, &self.rows.series),
            (_, Some(Some(labels))) => labels.over(&stored(&self.schema, &self.rows, column), 0),
            _ => Ok(stored(&self.schema, &self.rows, column)),
        };
        let arrays = columns.iter().enumerate().map(array).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|e| StorageError::Invalid(e.to_string()))
    }
}

/// A tag column, resolved in pieces that one array of texts can hold.
pub(crate) fn tags(registry: &SeriesRegistry, column: &Column, series: &[SeriesId]) -> Result<ArrayRef> {
    if series.is_empty() {
        return Ok(new_null_array(&column.ty.arrow(), 0));
    }
    let pieces: Vec<_> =
        series.chunks(ROW_GROUP_ROWS_MAX).map(|piece| registry.tag_column(column.id, piece)).collect();
    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| piece as &dyn Array).collect();
    concat(&pieces).map_err(|e| StorageError::Invalid(e.to_string()))
}

/// The rows of a chunk with the stored columns of `schema`: null where the chunk is older than the column, BIGINT
/// widened to DOUBLE.
pub(crate) fn project_stored(chunk: &Chunk, schema: &TableSchema) -> Result<Rows> {
    let arrays = schema.stored_columns().map(|column| stored(&chunk.schema, &chunk.rows, column));
    let batch = RecordBatch::try_new(schema.stored_arrow(), arrays.collect())
        .map_err(|e| StorageError::Invalid(e.to_string()))?;
    Ok(Rows { series: chunk.rows.series.clone(), batch })
}

/// A stored column out of rows that have `schema`.
fn stored(schema: &TableSchema, rows: &Rows, wanted: &Column) -> ArrayRef {
    let found = schema.stored_columns().zip(rows.batch.columns()).find(|(column, _)| column.id == wanted.id);
    match found {
        Some((column, array)) => widen(array, column.ty, wanted.ty),
        None => new_null_array(&wanted.ty.arrow(), rows.len()),
    }
}

impl Memtable {
    /// The chunks, oldest write first.
    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// The deletes, oldest write first.
    pub(crate) fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    /// Whether there are neither rows nor deletes.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tombstones.is_empty()
    }

    /// Rows in it.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a chunk. Small neighbours are joined while the newer is at least half as large as the older: a table
    /// fed row by row keeps few chunks, and each row is copied a logarithmic number of times.
    pub(crate) fn push(&mut self, mut chunk: Chunk) {
        chunk.start = self.next;
        self.next += chunk.rows.len() as u64;
        self.rows += chunk.rows.len() as u64;
        self.bytes += chunk.bytes;
        let chunks = Arc::make_mut(&mut self.chunks);
        let mut newest = Arc::new(chunk);
        // Joining only saves memory: where it fails (more than 2 GiB of text) the chunks stay apart.
        // A delete stands between rows that were written before it and those that came later.
        let sealed = self.tombstones.last().map_or(0, |tombstone| tombstone.seq);
        let joins = |before: &Chunk, after: &Chunk| joins(before, after) && before.first_seq >= sealed;
        while let Some(joined) =
            chunks.last().filter(|b| joins(b, &newest)).and_then(|b| join(b, &newest).ok())
        {
            newest = Arc::new(joined);
            chunks.pop();
        }
        chunks.push(newest);
    }

    /// Adds a delete of rows written before it.
    pub(crate) fn delete(&mut self, tombstone: Tombstone) {
        self.bytes += tombstone.deletion.bytes();
        Arc::make_mut(&mut self.tombstones).push(tombstone);
    }

    /// All that is in it, which leaves it empty.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self { next: self.next, ..Self::default() };
        std::mem::replace(self, empty)
    }

    /// Adds what is in a newer memtable behind its own.
    pub(crate) fn extend(&mut self, newer: Self) {
        Arc::make_mut(&mut self.chunks).extend(newer.chunks.iter().cloned());
        Arc::make_mut(&mut self.tombstones).extend(newer.tombstones.iter().cloned());
        self.rows += newer.rows;
        self.bytes += newer.bytes;
        self.next = newer.next;
    }

    /// The first and the last write with rows in it.
    pub(crate) fn seqs(&self) -> Option<(u64, u64)> {
        Some((self.chunks.first()?.first_seq, self.chunks.last()?.last_seq))
    }

    /// The first write in it.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        let rows = self.chunks.first().map(|chunk| chunk.first_seq);
        rows.into_iter().chain(self.tombstones.first().map(|tombstone| tombstone.seq)).min()
    }
}

fn joins(before: &Chunk, after: &Chunk) -> bool {
    let (older, newer) = (before.rows.len(), after.rows.len());
    Arc::ptr_eq(&before.schema, &after.schema) && older + newer <= PAGE_ROWS_MAX && older <= 2 * newer
}

fn join(before: &Chunk, after: &Chunk) -> Result<Chunk> {
    let batch = concat_batches(&before.rows.batch.schema(), [&before.rows.batch, &after.rows.batch])
        .map_err(|e| StorageError::Invalid(e.to_string()))?;
    let series = before.rows.series.iter().chain(after.rows.series.iter()).copied().collect();
    let rows = Rows { series, batch };
    let joined = Chunk::new(before.schema.clone(), rows, before.first_seq, after.last_seq)?;
    Ok(Chunk { start: before.start, ..joined })
}

/// The times of rows that have `schema`.
pub(crate) fn times<'a>(schema: &TableSchema, rows: &'a Rows) -> Result<&'a [i64]> {
    let at = schema.stored_columns().position(|c| c.role == Role::Time);
    let column = at.and_then(|at| rows.batch.columns().get(at));
    let column = column.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    let times = column.ok_or_else(|| StorageError::Invalid(format!("table {} has no TIME", schema.name)))?;
    match times.null_count() {
        0 => Ok(times.values()),
        _ => {
            let row = (0..times.len()).find(|row| times.is_null(*row)).unwrap_or(0);
            Err(StorageError::Invalid(format!("table {}, row {row}: time is null", schema.name)))
        }
    }
}

/// Least and greatest time of rows that have at least one, none of them null.
pub(crate) fn time_range(schema: &TableSchema, rows: &Rows) -> Result<TimeRange> {
    let times = times(schema, rows)?;
    let (first, rest) = times
        .split_first()
        .ok_or_else(|| StorageError::Invalid(format!("table {}: no rows", schema.name)))?;
    let (min, max) = rest.iter().fold((*first, *first), |(min, max), t| (min.min(*t), max.max(*t)));
    Ok(TimeRange { min, max })
}

/// BIGINT as DOUBLE where a column was widened; everything else as it is.
pub(crate) fn widen(array: &ArrayRef, from: ColumnType, to: ColumnType) -> ArrayRef {
    if from == ColumnType::BigInt && to == ColumnType::Double {
        let wide: Float64Array = array.as_primitive::<Int64Type>().unary(|v| v as f64);
        return Arc::new(wide);
    }
    array.clone()
}
