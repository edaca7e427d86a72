//! Reads parts of a table for a plan node: what a query asks of rows, put to the engine, and tags put back.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::{DataFusionError, Result};
use driftline_storage::{
    Column, Filter, Piece, ReadCounts, Role, ScanPart, SeriesDirectory, StorageError, TableSchema, Want,
};
use roaring::RoaringBitmap;

use super::condition::Condition;
use super::schema_of;
use super::statistics::StatisticsCache;
use super::tags::{TagCache, Tags};
use crate::error::QueryError;

/// What is read of a table.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// The columns of the output, in order.
    pub(crate) columns: Vec<Column>,
    pub(crate) schema: SchemaRef,
    /// Those that are no tags.
    stored: Vec<Column>,
    pub(crate) condition: Condition,
    /// The series that meet the condition on tags; all where it is None.
    pub(crate) series: Option<Arc<RoaringBitmap>>,
    /// The tags of the table's series, where they are wanted.
    pub(crate) tags: Option<Arc<Tags>>,
    pub(crate) as_of: Option<i64>,
    /// Where statistics of cells are looked up.
    pub(crate) statistics: Arc<StatisticsCache>,
}

impl Reader {
    /// Looks for the series whose tags meet the condition.
    pub(crate) fn new(
        directory: SeriesDirectory,
        cache: &TagCache,
        table: &TableSchema,
        columns: Vec<Column>,
        condition: Condition,
        as_of: Option<i64>,
    ) -> Result<Self> {
        let has_tags = table.columns.iter().any(|column| column.role == Role::Tag);
        let tags = has_tags.then(|| cache.of(directory, table));
        let series = match &tags {
            Some(tags) if !condition.tags.is_empty() => {
                let met = tags.meeting(&condition.tags, &condition.tag_columns)?;
                (met.len() < tags.len() as u64).then(|| Arc::new(met))
            }
            _ => None,
        };
        let (schema, stored, statistics) = (schema_of(&[]), Vec::new(), Arc::default());
        let mut reader = Self { columns, schema, stored, condition, series, tags, as_of, statistics };
        reader.shape();
        Ok(reader)
    }

    /// The same for other columns.
    pub(crate) fn with_columns(&self, columns: Vec<Column>) -> Self {
        let mut reader = Self { columns, ..self.clone() };
        reader.shape();
        reader
    }

    fn shape(&mut self) {
        self.schema = schema_of(&self.columns);
        self.stored = self.columns.iter().filter(|column| column.role != Role::Tag).cloned().collect();
    }

    /// What share of a table's rows are of the wanted series, if all had as many.
    pub(crate) fn share(&self) -> f64 {
        match (&self.series, &self.tags) {
            (Some(series), Some(tags)) => series.len() as f64 / tags.len() as f64,
            _ => 1.0,
        }
    }

    /// Whether nothing but time cuts the rows.
    pub(crate) fn is_unconditional(&self) -> bool {
        self.series.is_none() && self.condition.rows.is_none()
    }

    /// Whether all rows of a part are wanted, for certain.
    pub(crate) fn takes_all(&self, part: &ScanPart) -> bool {
        self.is_unconditional() && self.condition.time.contains(part.time()) && part.is_clean()
    }

    /// Hands on the wanted rows of a part, of `cells` only if they are given, until `each` says that it has enough;
    /// whether it did not. Blocks on the disk.
    pub(crate) fn read(
        &self,
        part: &ScanPart,
        cells: Option<&[Range<usize>]>,
        counts: &mut ReadCounts,
        each: &mut dyn FnMut(Piece) -> Result<bool>,
    ) -> Result<bool> {
        // What goes wrong in a query's own code comes back through the engine, which knows no such errors.
        let failed: RefCell<Option<DataFusionError>> = RefCell::new(None);
        let fail = |error: DataFusionError| {
            let text = error.to_string();
            failed.replace(Some(error));
            StorageError::Invalid(text)
        };
        let rows = self.condition.rows.as_deref();
        let keep = |piece: &Piece| match rows {
            Some(rows) => rows.meet(piece, self.tags.as_deref()).map_err(fail),
            None => Ok(BooleanArray::from(vec![true; piece.rows.num_rows()])),
        };
        let filter = rows.map(|rows| Filter { columns: &rows.stored, keep: &keep, bounds: &rows.bounds });
        let want = Want {
            columns: &self.stored,
            time: self.condition.time,
            series: self.series.as_deref(),
            cells,
            as_of: self.as_of,
            filter: filter.as_ref(),
        };
        let done = part.pick(&want, counts, &mut |piece| each(piece).map_err(fail));
        done.map_err(|error| failed.take().unwrap_or_else(|| QueryError::from(error).into()))
    }

    /// A piece as a batch with the columns of the output.
    pub(crate) fn batch(&self, piece: &Piece) -> Result<RecordBatch> {
        let mut stored = piece.rows.columns().iter();
        let array = |column: &Column| -> Result<ArrayRef> {
            match (column.role, &self.tags) {
                (Role::Tag, Some(tags)) => tags.column(column.id, &piece.runs),
                _ => stored.next().cloned().ok_or_else(|| lost(column)),
            }
        };
        let arrays = self.columns.iter().map(array).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(piece.rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// Not to be seen: what is read is what was asked for.
fn lost(column: &Column) -> DataFusionError {
    DataFusionError::Internal(format!("a scan was not given column {}", column.name))
}
