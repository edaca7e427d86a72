//! Streams of rows that end well.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// The same rows; a panic on the way becomes an error, so that half a result is never taken for a whole one.
pub(crate) fn guard(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let guarded = AssertUnwindSafe(stream).catch_unwind();
    let rows = guarded.map(|rows| rows.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// A panic as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    DataFusionError::Internal(format!("the query stopped in a panic: {text}"))
}

/// Rows that are there already.
pub(crate) fn of(schema: SchemaRef, batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches.into_iter().map(Ok))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_stream_is_an_error_after_the_rows_before_it() {
        let schema = Arc::new(Schema::empty());
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        let rows = futures::stream::iter(0..3)
            .map(move |n| if n < 2 { Ok(empty.clone()) } else { panic!("boom {n}") });
        let mut guarded = guard(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
        assert!(guarded.try_next().await.unwrap().is_some());
        assert!(guarded.try_next().await.unwrap().is_some());
        let error = guarded.try_next().await.unwrap_err().to_string();
        assert!(error.contains("boom 2"), "{error}");
        assert!(guarded.try_next().await.unwrap().is_none());
    }
}
