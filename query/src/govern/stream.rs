//! The rows of a statement on their way out: counted, within the limits, and ended by whoever may end them.

use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};

use super::limits::over_rows;
use super::ticket::Ticket;
use crate::error::QueryError;

/// The rows. They lie with the statement, not here, so that they can be taken away from a reader who stands still.
pub(super) struct Governed {
    ticket: Ticket,
    schema: SchemaRef,
    is_over: bool,
}

impl Governed {
    pub(super) fn new(ticket: Ticket, rows: SendableRecordBatchStream) -> Self {
        let schema = rows.schema();
        ticket.query().set_stream(rows);
        Self { ticket, schema, is_over: false }
    }

    /// The last word; nothing comes after it.
    fn over(&mut self, error: Option<QueryError>) -> Poll<Option<Result<RecordBatch>>> {
        self.is_over = true;
        let rows = self.ticket.query().stream().lock().take();
        drop(rows);
        Poll::Ready(error.map(|error| Err(DataFusionError::from(error))))
    }

    fn fail(&mut self, error: QueryError) -> Poll<Option<Result<RecordBatch>>> {
        let error = self.ticket.fail(error);
        self.over(Some(error))
    }

    fn counted(&mut self, batch: RecordBatch) -> Poll<Option<Result<RecordBatch>>> {
        let rows = self.ticket.query().add_rows(batch.num_rows() as u64, bytes_of(&batch));
        let limits = self.ticket.governor().limits();
        if limits.rows > 0 && rows > limits.rows {
            let error = over_rows(limits, rows);
            return self.fail(error);
        }
        Poll::Ready(Some(Ok(batch)))
    }
}

/// Bytes of the values, without what else lies in their buffers.
fn bytes_of(batch: &RecordBatch) -> u64 {
    let bytes = |column: &dyn Array| column.to_data().get_slice_memory_size().unwrap_or_default() as u64;
    batch.columns().iter().map(|column| bytes(column)).sum()
}

impl Stream for Governed {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let query = self.ticket.query().clone();
        query.waker().register(context.waker());
        if query.is_late() {
            // The timer may not have had its turn.
            self.ticket.governor().time_out(&query);
        }
        let polled = query.stream().lock().as_mut().map(|rows| rows.poll_next_unpin(context));
        // Only now, without the lock: whoever ends the statement meanwhile finds it locked, and relies on this look.
        if let Some(error) = query.stopped() {
            return self.over(Some(error));
        }
        match polled {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(Some(Ok(batch)))) => self.counted(batch),
            Some(Poll::Ready(Some(Err(error)))) => self.fail(QueryError::from(error)),
            Some(Poll::Ready(None)) => {
                self.ticket.finish(0);
                self.over(None)
            }
            // Never a short answer: without its rows a statement has not finished.
            None => self.fail(QueryError::Invalid("the rows of the query were taken away".to_owned())),
        }
    }
}

impl RecordBatchStream for Governed {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
