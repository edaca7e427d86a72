//! Batches made before the clock runs, and used round after round with their time moved on.

use std::thread;

use arrow_array::RecordBatch;
use driftline_storage::TableSchema;

use crate::workload::{Rows, Workload};
use crate::{Error, Result, shim};

/// Makes a batch what its taker wants.
pub(super) type Form = fn(&TableSchema, &RecordBatch) -> Result<RecordBatch>;

/// The batches of one writer.
#[derive(Debug)]
pub(super) struct Ring {
    workload: Workload,
    batches: Vec<RecordBatch>,
    /// Rows of all writers' rings together: so far later each round is.
    rows_of_all: u64,
    taken: usize,
}

/// Makes the rings of all writers, a thread each.
pub(super) fn make(
    workload: Workload,
    table: &TableSchema,
    writers: u64,
    batches: usize,
    batch_rows: usize,
    form: Form,
) -> Result<Vec<Ring>> {
    let streams = workload.writer_streams(writers);
    let made: Result<Vec<_>> = thread::scope(|scope| {
        let start = |stream| scope.spawn(move || fill(stream, table, batches, batch_rows, form));
        let threads: Vec<_> = streams.into_iter().map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Error::from("a generator panicked"))?)
            .collect()
    });
    let made = made?;
    let rows_of_all = made.iter().flatten().map(|batch: &RecordBatch| batch.num_rows() as u64).sum();
    Ok(made.into_iter().map(|batches| Ring { workload, batches, rows_of_all, taken: 0 }).collect())
}

fn fill(
    mut stream: Box<dyn Rows>,
    table: &TableSchema,
    batches: usize,
    batch_rows: usize,
    form: Form,
) -> Result<Vec<RecordBatch>> {
    let mut made = Vec::with_capacity(batches);
    while made.len() < batches
        && let Some(batch) = stream.next_batch(batch_rows)?
    {
        made.push(form(table, &batch)?);
    }
    if made.is_empty() { Err("a writer has no rows at this size".into()) } else { Ok(made) }
}

/// Tags as the engine takes them today.
pub(super) const FOR_ENGINE: Form = shim::engine_batch;

impl Ring {
    /// The next batch. In rounds after the first it is later, and its keys are new.
    pub(super) fn take(&mut self) -> Result<RecordBatch> {
        let (round, index) = (self.taken / self.batches.len(), self.taken % self.batches.len());
        self.taken += 1;
        let batch = &self.batches[index];
        if round == 0 {
            return Ok(batch.clone());
        }
        Ok(self.workload.moved(batch, round as u64, self.rows_of_all)?)
    }
}
