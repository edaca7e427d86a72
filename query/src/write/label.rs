//! Labels on their way in: rows for the table that keeps the labels of a model.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, Role, Snapshot, TIME_COLUMN, TableSchema, is_far};

use super::plan::Arrival;
use super::rules::Rules;
use super::{divert, is_model, row};
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

    /// Whether the model puts rows aside that do not fit.
    pub(super) fn diverts(&self, snapshot: &Snapshot) -> bool {
        snapshot.table(&self.model).is_some_and(|predictions| divert::is_on(predictions))
    }

    /// What labels have to be.
    pub(super) fn rules(&self, arrival: Arrival) -> Result<Rules<'_>> {
        Rules::of_labels(&self.labels, &self.model, arrival.now_nanos)
    }

    /// The rows with when they came, the first at `received_at`; their columns checked.
    pub(super) fn received(&self, rows: &RecordBatch, received_at: i64) -> Result<RecordBatch> {
        self.check_columns(rows)?;
        let arrivals = received_at..received_at.saturating_add(rows.num_rows() as i64);
        let received = TimestampNanosecondArray::from_iter_values(arrivals);
        let received: ArrayRef = Arc::new(received.with_timezone("UTC"));
        let schema = rows.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str()).chain([RECEIVED_AT]);
        let columns = rows.columns().iter().cloned().chain([received]);
        Ok(RecordBatch::try_from_iter(names.zip(columns))?)
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
}

/// Whether a row's key embeds a time that is far from the row's.
pub(super) fn has_far(table: &TableSchema, rows: &RecordBatch) -> bool {
    let place = |role: Role| table.columns.iter().position(|column| column.role == role);
    let column = |role: Role| rows.columns().get(place(role)?);
    let (Some(keys), Some(times)) = (column(Role::Key), column(Role::Time)) else { return false };
    let (keys, times) = (keys.as_string_opt::<i32>(), times.as_primitive_opt::<TimestampNanosecondType>());
    let (Some(keys), Some(times)) = (keys, times) else { return false };
    keys.iter().zip(times.values()).any(|(key, time)| key.is_some_and(|key| is_far(key, *time)))
}
