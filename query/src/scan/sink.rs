//! Where the rows of INSERT go.

use std::fmt;
use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use driftline_storage::TIME_COLUMN;
use futures::StreamExt;

use crate::error::QueryError;
use crate::govern::Query;
use crate::model::{RECEIVED_AT, model_of_labels};
use crate::write::{Ingest, Write, WritePart, WriteTarget};

/// Gathers all rows of a statement and writes them as one batch, so that an INSERT is there as a whole or not.
#[derive(Debug)]
pub(crate) struct RowSink {
    ingest: Arc<Ingest>,
    table: String,
    schema: SchemaRef,
}

impl RowSink {
    /// A sink into a table.
    pub(crate) fn new(ingest: Arc<Ingest>, table: String, schema: SchemaRef) -> Self {
        // Nullable, so that a missing time reaches the check that says which row lacks it.
        let fields = schema.fields().iter().map(|field| Field::clone(field).with_nullable(true));
        Self { ingest, table, schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())) }
    }
}

impl RowSink {
    /// Rows for the table that keeps a model's labels are labels. When they came is not for the statement to say, but it
    /// fills the column with nulls.
    fn part(&self, rows: RecordBatch) -> Result<WritePart> {
        let Some(model) = model_of_labels(&self.table) else {
            return Ok(WritePart { target: WriteTarget::Table(self.table.clone()), rows });
        };
        let is_said = |at: &usize| rows.column(*at).null_count() < rows.num_rows();
        let said: Vec<usize> = (0..rows.num_columns()).filter(is_said).collect();
        let is_label =
            |at: &usize| ![TIME_COLUMN, RECEIVED_AT].contains(&rows.schema().field(*at).name().as_str());
        let kept: Vec<usize> =
            (0..rows.num_columns()).filter(|at| is_label(at) || said.contains(at)).collect();
        let rows = rows.project(&kept)?;
        self.check_nulls(&rows)?;
        Ok(WritePart { target: WriteTarget::Labels(model.to_owned()), rows })
    }
}

impl RowSink {
    /// A row of nulls takes all labels of its key back, which is not what names one of several of them.
    fn check_nulls(&self, rows: &RecordBatch) -> Result<()> {
        let labels = rows.columns().get(1..).unwrap_or_default();
        let is_null = |row: &usize| labels.iter().all(|label| label.is_null(*row));
        match (0..rows.num_rows()).find(is_null).filter(|_| labels.len() > 1) {
            None => Ok(()),
            Some(row) => Err(QueryError::Invalid(format!(
                "row {} has no label, which would take back all of its key; UPDATE .. SET label = NULL takes back one",
                row + 1
            ))
            .into()),
        }
    }
}

impl DisplayAs for RowSink {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DriftlineInsert: table={}", self.table)
    }
}

#[async_trait]
impl DataSink for RowSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        mut data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let held = MemoryConsumer::new(format!("INSERT INTO {}", self.table)).register(context.memory_pool());
        let mut batches = Vec::new();
        while let Some(batch) = data.next().await {
            let batch = batch?;
            held.try_grow(batch.get_array_memory_size())?;
            batches.push(batch);
        }
        let rows = concat_batches(&data.schema(), &batches)?;
        let count = rows.num_rows() as u64;
        if count == 0 {
            return Ok(0);
        }
        let part = self.part(rows)?;
        if let Some(query) = context.session_config().get_extension::<Query>() {
            query.begin_write()?;
        }
        let write = Write { writer: None, parts: vec![part] };
        let ingest = Arc::clone(&self.ingest);
        let done = tokio::task::spawn_blocking(move || ingest.write(&write)).await;
        let written = done.map_err(QueryError::from)??;
        Ok(count.saturating_sub(written.diverted))
    }
}
