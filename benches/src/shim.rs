//! The one place that follows the engine's interface where it is still moving.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Field;
use driftline_storage::{Engine, EngineOptions, Snapshot, TableId, TableSchema};

use crate::Result;

/// Whether the engine takes tags as dictionaries; else they are given as plain text.
const TAGS_AS_DICTIONARIES: bool = true;

/// Brings all rows into their final files and waits for it.
pub fn compact(engine: &Engine) -> Result<()> {
    Ok(engine.compact()?)
}

/// Options under which nothing happens in the background.
pub fn without_background(options: EngineOptions) -> EngineOptions {
    EngineOptions { background_flush: false, background_compaction: false, ..options }
}

/// Options under which no write ever makes a flush due or waits for one.
pub fn without_limits(options: EngineOptions) -> EngineOptions {
    EngineOptions {
        wal_total_bytes_max: u64::MAX,
        memtable_bytes_max: usize::MAX / 4,
        memory_bytes_max: usize::MAX,
        ..without_background(options)
    }
}

/// Bytes of memory that the engine may take by these options.
pub fn memory_budget(options: &EngineOptions) -> u64 {
    options.memory_bytes_max as u64
}

/// Bytes of cell tables and of summaries of a table, where the engine tells.
pub fn overhead_bytes(snapshot: &Snapshot, table: TableId) -> Option<u64> {
    let of_summaries = |tag: &str| matches!(tag, "CELL" | "CSTA" | "SUMM");
    let mut bytes = 0;
    for segment in snapshot.segments(table) {
        let sections = segment.section_sizes().ok()?;
        bytes += sections.iter().filter(|(tag, _)| of_summaries(tag)).map(|(_, bytes)| bytes).sum::<u64>();
    }
    Some(bytes)
}

/// Whether a file of the data directory is the reserve, which is kept for a full disk and holds no data.
pub fn is_reserve(path: &str) -> bool {
    path == "reserve"
}

/// A batch of a workload as the engine takes it. `schema` is the table in force.
pub fn engine_batch(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    if TAGS_AS_DICTIONARIES { Ok(batch.clone()) } else { plain_tags(schema, batch) }
}

/// The batch with its tags as plain text.
pub fn plain_tags(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    let wanted = schema.arrow();
    let cast = |(field, column): (&Arc<Field>, &ArrayRef)| arrow_cast::cast(column, field.data_type());
    let columns = wanted.fields().iter().zip(batch.columns()).map(cast).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(wanted, columns)?)
}
