//! Rows that are in the WAL but in no segment yet.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, new_null_array};
use arrow_ord::sort::sort_to_indices;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

use crate::error::{Result, StorageError};
use crate::limits::PAGE_ROWS_MAX;
use crate::schema::{Column, ColumnType, Role, TableSchema};
use crate::segment::TimeRange;

/// Rows written together, with the schema they had then.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) rows: RecordBatch,
    pub(crate) time: TimeRange,
    pub(crate) bytes: usize,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// The chunks of one table, oldest write first. A clone is cheap and stays as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memtable {
    chunks: Arc<Vec<Arc<Chunk>>>,
    rows: u64,
    bytes: usize,
}

impl Chunk {
    /// A chunk of at least one row.
    pub(crate) fn new(
        schema: Arc<TableSchema>,
        rows: RecordBatch,
        first_seq: u64,
        last_seq: u64,
    ) -> Result<Self> {
        let time = time_range(&schema, &rows)?;
        // What the rows take, not the buffers they may be a slice of: a batch off the wire shares one among columns.
        let bytes = rows.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        Ok(Self { schema, rows, time, bytes, first_seq, last_seq })
    }

    /// The given columns of the rows whose time lies in `time`.
    pub(crate) fn read(&self, columns: &[Column], time: TimeRange) -> Result<Option<RecordBatch>> {
        let rows = project(&self.schema, &self.rows, columns)?;
        if time.contains(self.time) {
            return Ok(Some(rows));
        }
        let times = time_column(&self.schema, &self.rows)?;
        let keep = times.as_primitive::<TimestampNanosecondType>().values().iter();
        let keep = keep.map(|t| Some(time.min <= *t && *t <= time.max)).collect();
        let kept = filter_record_batch(&rows, &keep).map_err(|e| StorageError::Invalid(e.to_string()))?;
        Ok((kept.num_rows() > 0).then_some(kept))
    }
}

impl Memtable {
    /// The chunks, oldest write first.
    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
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
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.rows += chunk.rows.num_rows() as u64;
        self.bytes += chunk.bytes;
        let chunks = Arc::make_mut(&mut self.chunks);
        let mut newest = Arc::new(chunk);
        // Joining only saves memory: where it fails (more than 2 GiB of text) the chunks stay apart.
        while let Some(joined) =
            chunks.last().filter(|b| joins(b, &newest)).and_then(|b| join(b, &newest).ok())
        {
            newest = Arc::new(joined);
            chunks.pop();
        }
        chunks.push(newest);
    }

    /// Adds the chunks of a newer memtable behind its own.
    pub(crate) fn extend(&mut self, newer: Self) {
        Arc::make_mut(&mut self.chunks).extend(newer.chunks.iter().cloned());
        self.rows += newer.rows;
        self.bytes += newer.bytes;
    }

    /// The first and the last write in it.
    pub(crate) fn seqs(&self) -> Option<(u64, u64)> {
        Some((self.chunks.first()?.first_seq, self.chunks.last()?.last_seq))
    }

    /// All rows in the order of `schema`, sorted by time; rows of one time stay in the order they were written.
    pub(crate) fn sorted(&self, schema: &TableSchema) -> Result<Option<RecordBatch>> {
        let invalid = |e: arrow_schema::ArrowError| StorageError::Invalid(e.to_string());
        let batches = self.chunks.iter().map(|c| project(&c.schema, &c.rows, &schema.columns));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let Some(first) = batches.first() else { return Ok(None) };
        let rows = concat_batches(&first.schema(), &batches).map_err(invalid)?;
        let times = time_column(schema, &rows)?;
        if times.as_primitive::<TimestampNanosecondType>().values().is_sorted() {
            return Ok(Some(rows));
        }
        take_record_batch(&rows, &stable_order(&times)?).map_err(invalid).map(Some)
    }
}

/// Arrow's sort is not stable, so the order of equal times is restored by the row number.
fn stable_order(times: &ArrayRef) -> Result<arrow_array::UInt32Array> {
    let indices = sort_to_indices(times, None, None).map_err(|e| StorageError::Invalid(e.to_string()))?;
    let values = times.as_primitive::<TimestampNanosecondType>().values();
    let mut order = indices.values().to_vec();
    for equal in order.chunk_by_mut(|a, b| values[*a as usize] == values[*b as usize]) {
        equal.sort_unstable();
    }
    Ok(order.into())
}

fn joins(before: &Chunk, after: &Chunk) -> bool {
    let (older, newer) = (before.rows.num_rows(), after.rows.num_rows());
    Arc::ptr_eq(&before.schema, &after.schema) && older + newer <= PAGE_ROWS_MAX && older <= 2 * newer
}

fn join(before: &Chunk, after: &Chunk) -> Result<Chunk> {
    let rows = concat_batches(&before.rows.schema(), [&before.rows, &after.rows])
        .map_err(|e| StorageError::Invalid(e.to_string()))?;
    Chunk::new(before.schema.clone(), rows, before.first_seq, after.last_seq)
}

fn time_column(schema: &TableSchema, rows: &RecordBatch) -> Result<ArrayRef> {
    let position = schema.columns.iter().position(|c| c.role == Role::Time);
    position
        .map(|at| rows.column(at).clone())
        .ok_or_else(|| StorageError::Invalid(format!("table {} has no TIME column", schema.name)))
}

/// Least and greatest time of rows that have at least one, none of them null.
pub(crate) fn time_range(schema: &TableSchema, rows: &RecordBatch) -> Result<TimeRange> {
    let times = time_column(schema, rows)?;
    if let Some(row) =
        (times.null_count() > 0).then(|| (0..times.len()).find(|i| times.is_null(*i))).flatten()
    {
        return Err(StorageError::Invalid(format!("table {}, row {row}: time is null", schema.name)));
    }
    let values = times.as_primitive::<TimestampNanosecondType>().values();
    match (values.iter().min(), values.iter().max()) {
        (Some(min), Some(max)) => Ok(TimeRange { min: *min, max: *max }),
        _ => Err(StorageError::Invalid(format!("table {}: no rows", schema.name))),
    }
}

/// Columns by id out of rows that have `schema`; null where a column is not there, BIGINT widened to DOUBLE.
pub(crate) fn project(schema: &TableSchema, rows: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    let arrays = columns.iter().map(|wanted| {
        let found = schema.columns.iter().position(|c| c.id == wanted.id);
        found.map_or_else(
            || new_null_array(&wanted.ty.arrow(), rows.num_rows()),
            |at| widen(rows.column(at), schema.columns[at].ty, wanted.ty),
        )
    });
    let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    RecordBatch::try_new_with_options(schema, arrays.collect(), &options)
        .map_err(|e| StorageError::Invalid(e.to_string()))
}

/// BIGINT as DOUBLE where a column was widened; everything else as it is.
pub(crate) fn widen(array: &ArrayRef, from: ColumnType, to: ColumnType) -> ArrayRef {
    if from == ColumnType::BigInt && to == ColumnType::Double {
        let wide: Float64Array = array.as_primitive::<Int64Type>().unary(|v| v as f64);
        return Arc::new(wide);
    }
    array.clone()
}
