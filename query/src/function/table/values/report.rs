//! The rows that a function answers.

use std::sync::Arc;

use arrow::array::new_empty_array;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::scalar::ScalarValue;
use driftline_storage::TIME_COLUMN;

/// Rows on their way out.
#[derive(Debug)]
pub(in crate::function::table) struct Report {
    schema: SchemaRef,
    rows: Vec<Vec<ScalarValue>>,
}

impl Report {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, rows: Vec::new() }
    }

    /// Adds a row: a value for each column.
    pub(in crate::function::table) fn push(&mut self, row: Vec<ScalarValue>) {
        self.rows.push(row);
    }

    /// The rows as columns.
    pub(super) fn batch(self) -> Result<RecordBatch> {
        let mut columns: Vec<Vec<ScalarValue>> = vec![Vec::new(); self.schema.fields().len()];
        for row in self.rows {
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let arrays =
            columns.into_iter().zip(self.schema.fields()).map(|(column, field)| match column.len() {
                0 => Ok(new_empty_array(field.data_type())),
                _ => ScalarValue::iter_to_array(column),
            });
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect::<Result<_>>()?)?)
    }
}

/// A time in a row.
pub(in crate::function::table) fn time(nanos: i64) -> ScalarValue {
    ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))
}

/// The column of times.
pub(in crate::function::table) fn time_field() -> Field {
    Field::new(TIME_COLUMN, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false)
}
