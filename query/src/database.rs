//! The embedded mode: a directory or memory, open for SQL and writes.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::scalar::ScalarValue;
use driftline_storage::{Engine, EngineOptions, WriteAck};

use crate::error::Result;
use crate::write::Write;

/// How to open a database.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// How the engine is opened.
    pub engine: EngineOptions,
    /// Bytes all queries together may hold; 0 takes the default of 1 GiB.
    pub query_memory_bytes: usize,
}

/// Who asks, hence what a statement may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The embedding program: everything the operating system lets it.
    Embedded,
    /// Somebody on the network: no files, no external tables.
    Network,
}

/// A database. Clones share it; it closes when `close` is called or the last clone goes.
#[derive(Clone, Debug)]
pub struct Database {}

/// A planned statement.
#[derive(Clone, Debug)]
pub struct Prepared {}

impl Database {
    /// Opens a directory, made where it does not exist.
    pub fn open(_path: impl AsRef<Path>) -> Result<Self> {
        todo!()
    }

    /// Opens a directory with options.
    pub fn open_with(_path: impl AsRef<Path>, _options: DatabaseOptions) -> Result<Self> {
        todo!()
    }

    /// Opens a database that lives in memory and goes with it.
    pub fn open_in_memory() -> Result<Self> {
        todo!()
    }

    /// The engine beneath.
    pub fn engine(&self) -> &Arc<Engine> {
        todo!()
    }

    /// Runs one or more statements; the rows of the last one.
    pub async fn sql(&self, _sql: &str) -> Result<Vec<RecordBatch>> {
        todo!()
    }

    /// Plans one statement.
    pub async fn prepare(&self, _sql: &str, _access: Access) -> Result<Prepared> {
        todo!()
    }

    /// Writes rows; on disk and visible to the next query when it returns.
    pub async fn write(&self, _write: Write) -> Result<WriteAck> {
        todo!()
    }

    /// The newest sequence applied for a writer.
    pub fn writer_sequence(&self, _writer: &str) -> Option<u64> {
        todo!()
    }

    /// Moves what is in memory into segments.
    pub async fn flush(&self) -> Result<()> {
        todo!()
    }

    /// Closes it; later calls fail. Acknowledged writes are kept.
    pub async fn close(&self) -> Result<()> {
        todo!()
    }
}

impl Prepared {
    /// The schema of its rows as they leave; no columns where it gives none (DDL, INSERT).
    pub fn schema(&self) -> SchemaRef {
        todo!()
    }

    /// Its parameters in order (`$1`, `$2`..), with the types that were inferred (Utf8 where none was).
    pub fn parameters(&self) -> SchemaRef {
        todo!()
    }

    /// Whether it gives rows.
    pub fn is_query(&self) -> bool {
        todo!()
    }

    /// Runs it against the newest snapshot; rows as they leave. For DDL and DML one row, column `count` (BIGINT).
    pub async fn execute(&self, _parameters: &[ScalarValue]) -> Result<SendableRecordBatchStream> {
        todo!()
    }
}
