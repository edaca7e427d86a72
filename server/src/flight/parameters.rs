//! Parameters that clients bind to a prepared statement: a stream of Arrow batches, a row a run.

use std::panic::AssertUnwindSafe;

use arrow::array::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::server::PeekableFlightDataStream;
use driftline_query::datafusion::scalar::ScalarValue;
use futures::{FutureExt, TryStreamExt};
use tonic::Status;

use super::statements::Parameters;
use crate::limits::PARAMETER_ROWS_MAX;

/// Reads what was bound. None where the client sent no columns, which is how a statement without parameters looks.
pub async fn read(mut stream: PeekableFlightDataStream) -> Result<Option<Parameters>, Status> {
    let has_schema = match stream.peek().await {
        Some(Ok(first)) => !first.data_header.is_empty(),
        Some(Err(status)) => return Err(status.clone()),
        None => false,
    };
    if !has_schema {
        return Ok(None);
    }
    let rows = AssertUnwindSafe(read_rows(stream)).catch_unwind().await;
    rows.unwrap_or_else(|_| Err(Status::invalid_argument("the parameters are not a readable Arrow stream")))
}

async fn read_rows(stream: PeekableFlightDataStream) -> Result<Option<Parameters>, Status> {
    let messages = stream.map_err(|status| FlightError::Tonic(Box::new(status)));
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let (mut rows, mut columns) = (Vec::new(), 0);
    while let Some(batch) = batches.try_next().await.map_err(flight_status)? {
        columns = batch.num_columns();
        append_rows(&batch, &mut rows)?;
    }
    Ok(if columns == 0 { None } else { Some(rows.into()) })
}

fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<ScalarValue>>) -> Result<(), Status> {
    if batch.num_columns() > 0 && rows.len().saturating_add(batch.num_rows()) > PARAMETER_ROWS_MAX {
        return Err(Status::resource_exhausted(format!(
            "more than {PARAMETER_ROWS_MAX} rows of parameters; write rows through the ingest service instead"
        )));
    }
    let count = if batch.num_columns() == 0 { 0 } else { batch.num_rows() };
    for row in 0..count {
        let values = batch.columns().iter().map(|column| ScalarValue::try_from_array(column, row));
        let values = values.collect::<Result<_, _>>();
        rows.push(values.map_err(|e| Status::invalid_argument(format!("row {row} of the parameters: {e}")))?);
    }
    Ok(())
}

/// The status behind an error of the Flight codec.
pub fn flight_status(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => Status::invalid_argument(format!("not a readable Arrow stream: {other}")),
    }
}
