//! The tags of a table's series: rows carry the series alone, and get their tags when somebody wants to see them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, new_null_array};
use arrow::datatypes::DataType;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use driftline_storage::{Column, ColumnId, Role, Run, SeriesDirectory, SeriesId, TableId, TableSchema};
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::schema_of;
use crate::error::QueryError;
use crate::limits::{TAGGED_SERIES_KEPT_MAX, TAGGED_TABLES_KEPT_MAX};

/// The series of rows that have no tag.
const NO_TAGS: SeriesId = 0;

/// The series of a table and their tags, each read when it is first wanted.
#[derive(Debug)]
pub(crate) struct Tags {
    directory: SeriesDirectory,
    /// Rising; the first is the one of rows that have no tag.
    series: Vec<SeriesId>,
    /// The tag columns in the order of the table, and what each series has there.
    columns: Vec<(Column, OnceLock<ArrayRef>)>,
}

impl Tags {
    fn new(directory: SeriesDirectory, table: &TableSchema) -> Self {
        let mut series = vec![NO_TAGS];
        series.extend(directory.of_table(table.id));
        let is_tag = |column: &&Column| column.role == Role::Tag;
        let columns = table.columns.iter().filter(is_tag).map(|c| (c.clone(), OnceLock::new())).collect();
        Self { directory, series, columns }
    }

    /// How many series there are, that of rows without tags included.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The place of a series.
    pub(crate) fn place(&self, series: SeriesId) -> Option<usize> {
        // Those of a table often follow each other without gaps.
        let first = self.series.get(1).copied().unwrap_or(NO_TAGS);
        let guess = (series.wrapping_sub(first) as usize).wrapping_add(1);
        match self.series.get(guess) {
            Some(found) if *found == series => Some(guess),
            _ => self.series.binary_search(&series).ok(),
        }
    }

    /// A tag of every series.
    pub(crate) fn values(&self, column: ColumnId) -> Result<ArrayRef> {
        let Some((column, values)) = self.columns.iter().find(|(known, _)| known.id == column) else {
            return Ok(new_null_array(&DataType::Utf8, self.series.len()));
        };
        if let Some(values) = values.get() {
            return Ok(values.clone());
        }
        let read = self.directory.tag(column, &self.series).map_err(QueryError::from)?;
        Ok(values.get_or_init(|| read).clone())
    }

    /// All of some tags, a row a series.
    pub(crate) fn batch(&self, columns: &[Column]) -> Result<RecordBatch> {
        let arrays = columns.iter().map(|column| self.values(column.id)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.series.len()));
        Ok(RecordBatch::try_new_with_options(schema_of(columns), arrays, &options)?)
    }

    /// The tag of each row of some runs.
    pub(crate) fn column(&self, column: ColumnId, runs: &[Run]) -> Result<ArrayRef> {
        let values = self.values(column)?;
        let values: &StringArray = values.as_string();
        let of =
            |run: &Run| self.place(run.series).filter(|at| values.is_valid(*at)).map(|at| values.value(at));
        let rows = runs.iter().map(|run| run.rows).sum();
        let bytes = runs.iter().map(|run| run.rows * of(run).map_or(0, str::len)).sum();
        let mut column = StringBuilder::with_capacity(rows, bytes);
        for run in runs {
            match of(run) {
                Some(value) => (0..run.rows).for_each(|_| column.append_value(value)),
                None => column.append_nulls(run.rows),
            }
        }
        Ok(Arc::new(column.finish()))
    }

    /// The series whose tags meet all these conditions, which look at `columns`.
    pub(crate) fn meeting(
        &self,
        conditions: &[Arc<dyn PhysicalExpr>],
        columns: &[Column],
    ) -> Result<RoaringBitmap> {
        let batch = self.batch(columns)?;
        let mut met: Option<Vec<bool>> = None;
        for condition in conditions {
            let found = condition.evaluate(&batch)?.into_array(batch.num_rows())?;
            let found = as_boolean_array(&found)?.iter().map(|met| met == Some(true));
            met = Some(match met {
                None => found.collect(),
                Some(before) => before.into_iter().zip(found).map(|(a, b)| a && b).collect(),
            });
        }
        let met = met.unwrap_or_else(|| vec![true; self.series.len()]);
        Ok(self.series.iter().zip(met).filter(|(_, met)| *met).map(|(series, _)| *series).collect())
    }
}

/// The tags of tables, kept from query to query: a table's series are looked for again when it has got more.
#[derive(Debug, Default)]
pub(crate) struct TagCache(Mutex<HashMap<TableId, Arc<Tags>>>);

impl TagCache {
    /// The tags of a table.
    pub(crate) fn of(&self, directory: SeriesDirectory, table: &TableSchema) -> Arc<Tags> {
        let is_current = |tags: &&Arc<Tags>| {
            let columns = table.columns.iter().filter(|column| column.role == Role::Tag);
            tags.len() == directory.count(table.id) + 1
                && tags.columns.iter().map(|(column, _)| column).eq(columns)
        };
        if let Some(known) = self.0.lock().get(&table.id).filter(is_current) {
            return Arc::clone(known);
        }
        let found = Arc::new(Tags::new(directory, table));
        if found.len() <= TAGGED_SERIES_KEPT_MAX {
            let mut kept = self.0.lock();
            if kept.len() >= TAGGED_TABLES_KEPT_MAX {
                kept.clear();
            }
            kept.insert(table.id, Arc::clone(&found));
        }
        found
    }
}
