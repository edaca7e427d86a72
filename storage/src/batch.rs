//! What a caller writes: all of it or nothing.

use arrow_array::RecordBatch;

use crate::change::Change;
use crate::schema::{TableId, TableSchema};

/// Rows of several tables and changes of the catalog that become durable and visible together.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    /// Who sends it, where repeats must be told from new batches.
    pub writer: Option<WriterSequence>,
    /// A hash of what the writer sent, by which a repeat is told from another batch under the same sequence. Without
    /// it the encoded rows are hashed, which suits callers that add nothing of their own (arrival times) to them.
    pub fingerprint: Option<u64>,
    /// Changes of the catalog, applied in order before the rows.
    pub catalog: Vec<CatalogChange>,
    /// Changes of rows that were written before this batch.
    pub changes: Vec<Change>,
    /// Rows, each batch with exactly the Arrow schema of its table (after the catalog changes).
    pub rows: Vec<(TableId, RecordBatch)>,
}

/// A writer's name and the number it gave this batch, counting from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterSequence {
    /// The writer.
    pub writer: String,
    /// The number.
    pub sequence: u64,
}

/// A change of the catalog. Ids are given beforehand, see [`crate::Engine::allocate_table_id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogChange {
    /// A new table.
    CreateTable(TableSchema),
    /// A new version of a table's schema.
    AlterTable(TableSchema),
    /// The table and its rows go.
    DropTable(TableId),
    /// Sets an entry that the engine keeps but does not read (models, baselines).
    PutEntry {
        /// Its key, such as `model/fraud`.
        key: String,
        /// Its value.
        value: Vec<u8>,
    },
    /// Takes an entry away.
    RemoveEntry {
        /// Its key.
        key: String,
    },
}

/// The answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteAck {
    /// Where the batch stands in the order of all writes.
    pub seq: u64,
    /// Whether the batch had been applied before; nothing was written now.
    pub duplicate: bool,
}
