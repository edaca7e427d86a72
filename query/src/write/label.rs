//! Labels on their way in: rows for the table that keeps the labels of a model.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, Role, Snapshot, TIME_COLUMN, TableSchema};

use super::{is_model, row};
use crate::catalog::{label_columns, name};
use crate::error::{QueryError, Result};
use crate::model::{MODEL_PREFIX, RECEIVED_AT, labels_table};

/// A model whose labels are written.
pub(super) struct Target {
    model: String,
    /// The table that keeps the labels: `time`, the key, the label columns, `received_at`.
    pub(super) labels: Arc<TableSchema>,
}

impl Target {
    /// The model of this name.
    pub(super) fn find(snapshot: &Snapshot, wanted: &str) -> Result<Self> {
        let models = || snapshot.entries().keys().filter_map(|key| key.strip_prefix(MODEL_PREFIX));
        let Some(model) = name::find("model", models(), wanted)? else {
            if let Some(table) = snapshot.table(wanted).filter(|table| !is_model(snapshot, &table.name)) {
                return Err(QueryError::Invalid(format!(
                    "{} is a table, not a model: only models have labels",
                    table.name
                )));
            }
            return Err(name::missing("model", wanted, models(), "Make it with CREATE MODEL"));
        };
        let Some(labels) = snapshot.table(&labels_table(model)) else {
            return Err(QueryError::Invalid(format!(
                "model {model} takes no labels: it needs a KEY column to find the prediction by, and a LABEL column"
            )));
        };
        Ok(Self { model: model.to_owned(), labels: Arc::clone(labels) })
    }

    /// The same with a newer schema of the labels table.
    pub(super) fn with(self, labels: TableSchema) -> Self {
        Self { labels: Arc::new(labels), ..self }
    }

    /// The rows in the Arrow schema of the labels table.
    pub(super) fn fit(&self, rows: &RecordBatch, now_nanos: i64, received_at: i64) -> Result<RecordBatch> {
        self.check_columns(rows)?;
        let rows = self.with_times(rows, received_at)?;
        let fitted = row::fit(&self.labels, &rows, now_nanos)?;
        let key = self.key();
        let keys = fitted.column_by_name(&key.name);
        if let Some(row) = keys.and_then(|keys| (0..keys.len()).find(|row| keys.is_null(*row))) {
            return Err(QueryError::Invalid(format!(
                "row {} of the labels of model {}: {} is null; a label needs the key of its prediction",
                row + 1,
                self.model,
                key.name
            )));
        }
        Ok(fitted)
    }

    fn key(&self) -> &Column {
        // The table is made by us, always with a key.
        self.labels.columns.iter().find(|column| column.role == Role::Key).unwrap_or(&self.labels.columns[0])
    }

    /// The key and a label are there, and nothing that labels do not have.
    fn check_columns(&self, rows: &RecordBatch) -> Result<()> {
        let (mut key, mut label) = (false, false);
        for field in rows.schema().fields() {
            match row::column_for(&self.labels, field.name())? {
                Some(column) if column.role == Role::Key => key = true,
                Some(column) if column.name == RECEIVED_AT => return Err(self.wrong(field.name())),
                Some(column) => label |= column.role != Role::Time,
                None => return Err(self.wrong(field.name())),
            }
        }
        let key_name = &self.key().name;
        match (key, label) {
            (true, true) => Ok(()),
            (false, _) => Err(QueryError::Invalid(format!(
                "labels of model {} need its key column {key_name}",
                self.model
            ))),
            (true, false) => Err(QueryError::Invalid(format!(
                "labels of model {} need one of its label columns: {}",
                self.model,
                self.label_names()
            ))),
        }
    }

    fn label_names(&self) -> String {
        label_columns(&self.labels).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn wrong(&self, column: &str) -> QueryError {
        QueryError::Invalid(format!(
            "labels of model {} have no column {column}; they have {}, {} and, if known, {TIME_COLUMN}",
            self.model,
            self.key().name,
            self.label_names()
        ))
    }

    /// The rows with `received_at`, and with `time` where it is not known: when the label came.
    fn with_times(&self, rows: &RecordBatch, received_at: i64) -> Result<RecordBatch> {
        let received =
            TimestampNanosecondArray::from(vec![received_at; rows.num_rows()]).with_timezone("UTC");
        let mut columns: Vec<(String, ArrayRef)> = vec![(RECEIVED_AT.to_owned(), Arc::new(received.clone()))];
        let mut timed = false;
        for (field, values) in rows.schema().fields().iter().zip(rows.columns()) {
            match row::column_for(&self.labels, field.name())? {
                Some(column) if column.role == Role::Time => {
                    timed = true;
                    columns.push((TIME_COLUMN.to_owned(), self.filled(values, received_at)?));
                }
                _ => columns.push((field.name().clone(), Arc::clone(values))),
            }
        }
        if !timed {
            columns.push((TIME_COLUMN.to_owned(), Arc::new(received)));
        }
        Ok(RecordBatch::try_from_iter(columns)?)
    }

    fn filled(&self, times: &ArrayRef, received_at: i64) -> Result<ArrayRef> {
        let place = super::coerce::Place { table: &self.labels.name, column: TIME_COLUMN, first_row: 0 };
        let times = super::coerce::to(times, driftline_storage::ColumnType::Timestamp, &place)?;
        let times = times.as_primitive::<TimestampNanosecondType>().iter();
        let filled: TimestampNanosecondArray = times.map(|time| Some(time.unwrap_or(received_at))).collect();
        Ok(Arc::new(filled.with_timezone("UTC")))
    }
}
