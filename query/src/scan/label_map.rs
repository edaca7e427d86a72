//! The newest label of every key.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{cast, concat_batches, interleave};
use arrow::datatypes::{DataType, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, TimeRange};

use super::labels::LabelsTable;
use super::schema_of;
use crate::catalog::label_columns;
use crate::error::{QueryError, Result};
use crate::model::RECEIVED_AT;

/// The newest label of every key, for all label columns of a model.
#[derive(Debug)]
pub(crate) struct LabelMap {
    /// Which slot a key has.
    slots: HashMap<Box<str>, usize>,
    /// By label column: name, its values in the labels table, and by slot the row of the newest of them.
    columns: Vec<LabelColumn>,
}

#[derive(Debug)]
struct LabelColumn {
    name: String,
    values: ArrayRef,
    newest: Vec<Option<usize>>,
}

impl LabelMap {
    /// Reads the labels table. The write that arrived last wins, by key and column: a null leaves the column's
    /// earlier label standing, unless all labels of the row are null, which takes them all back. Blocks.
    pub(crate) fn read(labels: &LabelsTable) -> Result<Self> {
        let wanted: Vec<Column> = label_columns(&labels.table).cloned().collect();
        let rows = labels.rows(&wanted)?;
        let keys = text(rows.column(0))?;
        let arrived = rows.column(1).as_primitive::<TimestampNanosecondType>();
        let mut order: Vec<usize> = (0..rows.num_rows()).collect();
        // The sort is stable: what arrived in the same nanosecond stays in the order of writes.
        order.sort_by_key(|row| arrived.value(*row));
        let columns = wanted.iter().enumerate().map(|(at, column)| LabelColumn {
            name: column.name.clone(),
            values: rows.column(at + 2).clone(),
            newest: Vec::new(),
        });
        let mut map = Self { slots: HashMap::new(), columns: columns.collect() };
        order.into_iter().filter(|row| keys.is_valid(*row)).for_each(|row| map.put(keys.value(row), row));
        Ok(map)
    }

    fn put(&mut self, key: &str, row: usize) {
        let next = self.slots.len();
        let slot = match self.slots.get(key) {
            Some(slot) => *slot,
            None => *self.slots.entry(key.into()).or_insert(next),
        };
        let all_null = self.columns.iter().all(|column| column.values.is_null(row));
        for column in &mut self.columns {
            column.newest.resize(next.max(slot + 1), None);
            if all_null || column.values.is_valid(row) {
                column.newest[slot] = Some(row);
            }
        }
    }

    /// The labels of some keys for the label column `name`; `written` holds what was written with the rows
    /// themselves, and stands where no label came later.
    pub(crate) fn label(&self, name: &str, keys: &StringArray, written: &ArrayRef) -> Result<ArrayRef> {
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            return Ok(written.clone());
        };
        let picks: Vec<(usize, usize)> = (0..keys.len())
            .map(|row| match self.newest(column, keys, row) {
                Some(newest) => (1, newest),
                None => (0, row),
            })
            .collect();
        Ok(interleave(&[written.as_ref(), column.values.as_ref()], &picks)?)
    }

    fn newest(&self, column: &LabelColumn, keys: &StringArray, row: usize) -> Option<usize> {
        let key = keys.is_valid(row).then(|| keys.value(row))?;
        let slot = *self.slots.get(key)?;
        column.newest.get(slot).copied().flatten()
    }

    /// Bytes it holds, roughly.
    pub(crate) fn bytes(&self) -> usize {
        const SLOT_BYTES: usize = 40;
        let keys: usize = self.slots.keys().map(|key| key.len() + SLOT_BYTES).sum();
        let columns = self.columns.iter().map(|c| c.values.get_array_memory_size() + c.newest.len() * 16);
        keys + columns.sum::<usize>()
    }
}

impl LabelsTable {
    /// Key, time of arrival and the labels of all rows, oldest write first.
    fn rows(&self, wanted: &[Column]) -> Result<RecordBatch> {
        let named = |name: &str| {
            self.table.column_named(name).cloned().ok_or_else(|| {
                QueryError::NotFound(format!("the labels of table {} lack column {name}", self.table.name))
            })
        };
        let mut columns = vec![named(&self.key.name)?, named(RECEIVED_AT)?];
        for column in wanted {
            columns.push(named(&column.name)?);
        }
        let mut batches = Vec::new();
        for part in self.snapshot.scan(self.table.id, TimeRange::ALL)? {
            batches.extend(part.read(&columns, TimeRange::ALL)?);
        }
        // Batches carry the engine's fields; only their order matters here.
        let schema = batches.first().map_or_else(|| schema_of(&columns), RecordBatch::schema);
        Ok(concat_batches(&schema, &batches)?)
    }
}

/// Keys as text, whatever their type.
pub(crate) fn text(keys: &ArrayRef) -> Result<StringArray> {
    Ok(cast(keys, &DataType::Utf8)?.as_string::<i32>().clone())
}
