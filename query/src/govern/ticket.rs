//! The right to run: what begins and ends with a statement.

use std::pin::pin;
use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use futures::future::{Either, select};

use super::Governor;
use super::query::{End, Query};
use super::stream::Governed;
use crate::error::{QueryError, Result};

/// A registered statement. Dropping it before it is finished cancels the statement.
#[derive(Debug)]
pub(crate) struct Ticket {
    governor: Arc<Governor>,
    query: Arc<Query>,
}

impl Ticket {
    pub(super) fn new(governor: Arc<Governor>, query: Arc<Query>) -> Self {
        Self { governor, query }
    }

    /// The statement.
    pub(crate) fn query(&self) -> &Arc<Query> {
        &self.query
    }

    pub(super) fn governor(&self) -> &Governor {
        &self.governor
    }

    /// Works for the statement until it is done or ended by somebody.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match select(pin!(self.query.until_stopped()), pin!(work)).await {
            Either::Left((error, _)) => Err(error),
            Either::Right((done, _)) => done,
        }
    }

    /// The statement failed; the error to tell.
    pub(crate) fn fail(&self, error: QueryError) -> QueryError {
        let error = self.query.explain(error);
        self.end(End::Failed(error.to_string()));
        error
    }

    /// The statement is done, and changed so many rows.
    pub(crate) fn finish(&self, rows: u64) {
        self.query.add_rows(rows, 0);
        self.end(End::Finished);
    }

    /// Answers the rows of the statement; it ends with them.
    pub(crate) fn answer(self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        Box::pin(Governed::new(self, rows))
    }

    fn end(&self, end: End) {
        self.governor.end(&self.query, end);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(End::Cancelled);
        // Whoever ended it while rows were being taken could not take this away.
        let rows = self.query.stream().lock().take();
        drop(rows);
    }
}
