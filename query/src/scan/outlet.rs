//! Where a partition's batches go.

use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use tokio::sync::mpsc::Sender;

/// The way out of a blocking thread. The thread cannot be aborted, so it asks at every part whether anybody still waits: a
/// query that was given up would otherwise read to its end.
#[derive(Debug)]
pub(crate) struct Outlet(Sender<Result<RecordBatch>>);

impl Outlet {
    pub(crate) fn new(sender: Sender<Result<RecordBatch>>) -> Self {
        Self(sender)
    }

    /// Waits for room; whether more is wanted.
    pub(crate) fn send(&self, batch: RecordBatch) -> bool {
        self.0.blocking_send(Ok(batch)).is_ok()
    }

    /// Whether anybody still waits.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}
