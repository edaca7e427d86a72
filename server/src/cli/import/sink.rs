//! Where the rows go: in batches numbered from the start of the file, so that a repeat sends the same numbers.

use arrow::array::{Array, RecordBatch};
use driftline_client::{Batch, Writer};
use driftline_query::storage::WriterSequence;
use driftline_query::{Database, Write, WritePart, WriteTarget};

use crate::cli::connection::Connection;
use crate::cli::error::Result;

/// Bytes of rows in one batch; a batch with more is halved. Part of what a repeated import must find unchanged.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Writes batches in order.
pub struct Sink {
    to: To,
    table: String,
    /// Whether they are labels of the model of that name.
    labels: bool,
    /// What was written by an earlier import of this file. Batches under a name are written in order, so everything
    /// up to it is there.
    last: u64,
    sequence: u64,
    sent: Sent,
}

enum To {
    Local(Database, String),
    Remote(Writer),
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    written: u64,
    there: u64,
}

impl Sink {
    /// Begins, or goes on where an earlier import of the same file ended.
    pub async fn open(connection: &Connection, writer: &str, table: &str, labels: bool) -> Result<Self> {
        let (to, last) = match connection {
            Connection::Local(database) => {
                let last = database.writer_sequence(writer).unwrap_or(0);
                (To::Local(database.clone(), writer.to_owned()), last)
            }
            Connection::Remote(client) => {
                let writer = client.writer(writer).await?;
                let last = writer.last_sequence();
                (To::Remote(writer), last)
            }
        };
        Ok(Self { to, table: table.to_owned(), labels, last, sequence: 0, sent: Sent::default() })
    }

    /// Writes rows, unless an earlier import has.
    pub async fn write(&mut self, rows: RecordBatch) -> Result<()> {
        for rows in pieces(rows) {
            self.sequence = self.sequence.saturating_add(1);
            let count = rows.num_rows() as u64;
            if self.sequence <= self.last {
                self.sent.there = self.sent.there.saturating_add(count);
                continue;
            }
            self.send(rows).await?;
            self.sent.written = self.sent.written.saturating_add(count);
        }
        Ok(())
    }

    async fn send(&self, rows: RecordBatch) -> Result<()> {
        match &self.to {
            To::Local(database, writer) => {
                let writer = WriterSequence { writer: writer.clone(), sequence: self.sequence };
                let (table, labels) = (self.table.clone(), self.labels);
                let target = if labels { WriteTarget::Labels(table) } else { WriteTarget::Table(table) };
                let part = WritePart { target, rows };
                database.write(Write { writer: Some(writer), parts: vec![part] }).await?;
            }
            To::Remote(writer) => {
                let batch = Batch::new();
                let batch = match self.labels {
                    true => batch.labels(&self.table, rows),
                    false => batch.rows(&self.table, rows),
                };
                writer.send_at(self.sequence, batch).await?;
            }
        }
        Ok(())
    }

    /// Waits until everything is on disk.
    pub async fn finish(self) -> Result<Sent> {
        if let To::Remote(writer) = &self.to {
            writer.finish().await?;
        }
        Ok(self.sent)
    }
}

impl Sent {
    /// The last line of an import.
    pub fn told(&self, table: &str) -> String {
        match self {
            Self { written, there: 0 } => format!("imported {written} rows into {table}"),
            Self { written, there } => {
                format!(
                    "imported {written} rows into {table}; {there} were there from an earlier import of this file"
                )
            }
        }
    }
}

/// Batches within the limit. The same rows always give the same pieces.
fn pieces(rows: RecordBatch) -> Vec<RecordBatch> {
    if rows.num_rows() == 0 {
        return Vec::new();
    }
    if rows.num_rows() == 1 || bytes(&rows) <= BATCH_BYTES_MAX {
        return vec![rows];
    }
    let half = rows.num_rows() / 2;
    let (first, second) = (rows.slice(0, half), rows.slice(half, rows.num_rows() - half));
    [pieces(first), pieces(second)].concat()
}

fn bytes(rows: &RecordBatch) -> usize {
    let of = |column: &dyn Array| column.to_data().get_slice_memory_size().unwrap_or(usize::MAX / 2);
    rows.columns().iter().fold(0, |sum, column| sum.saturating_add(of(column)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;
    use arrow::compute::concat_batches;

    use super::*;

    #[test]
    fn wide_rows_are_cut_into_batches_that_a_server_takes() {
        let texts = StringArray::from_iter_values((0..40).map(|i| i.to_string().repeat(400_000)));
        let rows = RecordBatch::try_from_iter([("t", Arc::new(texts) as _)]).unwrap();
        let pieces = pieces(rows.clone());
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| bytes(piece) <= BATCH_BYTES_MAX));
        assert_eq!(concat_batches(&rows.schema(), &pieces).unwrap(), rows);
    }
}
