//! Rows on their way out, as Flight messages.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use arrow_ipc::writer::IpcWriteOptions;
use bytes::Bytes;
use driftline_query::QueryError;
use driftline_query::datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::{Response, Status};

use super::FlightSql;
use super::statements::Statement;
use crate::status::status;

/// What `do_get` answers.
pub type Answer = <FlightSql as FlightService>::DoGetStream;

/// The stream of batches of a statement: one run after the other, a run a row of parameters.
pub fn rows(statement: Statement) -> impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static {
    let runs = 0..statement.parameters.len();
    stream::iter(runs).then(move |run| execute(statement.clone(), run)).try_flatten()
}

async fn execute(
    statement: Statement,
    run: usize,
) -> Result<impl Stream<Item = Result<RecordBatch, FlightError>> + Send, FlightError> {
    let parameters = statement.parameters.get(run).map_or(&[][..], Vec::as_slice);
    let rows = statement.prepared.execute(parameters).await.map_err(|e| tonic(status(&e)))?;
    Ok(rows.map_err(|e| tonic(status(&QueryError::DataFusion(e)))))
}

/// Runs a statement that changes something, once for each row of parameters; how many rows it changed.
pub async fn count(statement: Statement) -> Result<i64, Status> {
    let mut count = 0_i64;
    for parameters in statement.parameters.iter() {
        let rows = statement.prepared.execute(parameters).await.map_err(|e| status(&e))?;
        count = count.saturating_add(sum(rows).await?);
    }
    Ok(count)
}

/// The sum of the one column `count` that such statements answer.
async fn sum(mut rows: SendableRecordBatchStream) -> Result<i64, Status> {
    let mut sum = 0_i64;
    while let Some(batch) = rows.try_next().await.map_err(|e| status(&QueryError::DataFusion(e)))? {
        let Some(column) = batch.columns().first() else { continue };
        let column =
            arrow::compute::cast(column, &DataType::Int64).map_err(|e| Status::internal(e.to_string()))?;
        let column = column.as_any().downcast_ref::<Int64Array>();
        sum = sum.saturating_add(column.and_then(arrow::compute::sum).unwrap_or(0));
    }
    Ok(sum)
}

/// The schema of a count as an answer.
pub fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, false)]))
}

/// A count as an answer.
pub fn count_batch(count: i64) -> Result<RecordBatch, Status> {
    let column = Arc::new(Int64Array::from(vec![count]));
    RecordBatch::try_new(count_schema(), vec![column]).map_err(|e| Status::internal(e.to_string()))
}

/// Batches as Flight messages. Dictionaries are written out: JDBC and Grafana read none.
pub fn encode(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> impl Stream<Item = Result<arrow_flight::FlightData, Status>> + Send + 'static {
    FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_dictionary_handling(DictionaryHandling::Hydrate)
        .build(batches)
        .map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => Status::internal(format!("the answer cannot be encoded: {other}")),
        })
}

/// One batch as an answer.
pub fn one(batch: RecordBatch) -> Response<Answer> {
    Response::new(encode(batch.schema(), stream::iter([Ok(batch)])).boxed())
}

/// A FlightInfo with one endpoint (clients such as Grafana take no other), at the server that was asked.
pub fn info(
    descriptor: FlightDescriptor,
    schema: &Schema,
    ticket: Bytes,
) -> Result<Response<FlightInfo>, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket { ticket });
    let info = FlightInfo::new().try_with_schema(schema).map_err(|e| Status::internal(e.to_string()))?;
    Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
}

/// A schema as prepared statements carry it.
pub fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let message: Result<IpcMessage, _> = SchemaAsIpc::new(schema, &options).try_into();
    message.map(|IpcMessage(bytes)| bytes).map_err(|e| Status::internal(e.to_string()))
}

fn tonic(status: Status) -> FlightError {
    FlightError::Tonic(Box::new(status))
}
