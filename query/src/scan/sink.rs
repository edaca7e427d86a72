//! Where the rows of INSERT go.

use std::fmt;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;

use crate::error::QueryError;
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
        let part = WritePart { target: WriteTarget::Table(self.table.clone()), rows };
        let write = Write { writer: None, parts: vec![part] };
        let ingest = Arc::clone(&self.ingest);
        let done = tokio::task::spawn_blocking(move || ingest.write(&write)).await;
        let written = done.map_err(QueryError::from)??;
        Ok(count.saturating_sub(written.diverted))
    }
}
