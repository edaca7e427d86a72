//! What every measurement does with an engine.

use std::path::Path;
use std::sync::Arc;

use driftline_storage::{
    CatalogChange, Disk, Engine, EngineOptions, OsDisk, SyncPolicy, TableId, TableSchema, TimeRange,
    WriteBatch,
};

use crate::check::Check;
use crate::workload::Workload;
use crate::{Error, Result, shim};

/// Rows in a batch, but where a measurement says otherwise.
pub const BATCH_ROWS: usize = 10_000;
/// What an acknowledgement means under each policy, in words.
pub const ALWAYS: &str = "fdatasync before each ack";
/// For figures of what lies on disk: how it came there does not matter.
pub const AT_REST: &str = "at rest, synced";

/// Opens a data directory of this machine.
pub fn open(dir: &Path, options: EngineOptions) -> Result<Arc<Engine>> {
    open_on(Arc::new(OsDisk::new(dir)?), options)
}

/// Opens what lies behind `disk`.
pub fn open_on(disk: Arc<dyn Disk>, options: EngineOptions) -> Result<Arc<Engine>> {
    Ok(Engine::open(disk, options)?)
}

/// For loads whose time is not measured: the same files come of it, sooner.
pub fn unsynced() -> EngineOptions {
    EngineOptions { sync: SyncPolicy::Os, ..EngineOptions::default() }
}

/// Makes a table; the schema in force.
pub fn create_table(engine: &Engine, mut table: TableSchema) -> Result<Arc<TableSchema>> {
    table.id = engine.allocate_table_id();
    let name = table.name.clone();
    engine.write(WriteBatch { catalog: vec![CatalogChange::CreateTable(table)], ..WriteBatch::default() })?;
    table_named(engine, &name)
}

/// The table of this name.
pub fn table_named(engine: &Engine, name: &str) -> Result<Arc<TableSchema>> {
    let table = engine.snapshot().table(name).cloned();
    table.ok_or_else(|| Error::from(format!("the directory has no table {name}")))
}

/// Writes rows of one table.
pub fn write(engine: &Engine, table: TableId, rows: arrow_array::RecordBatch) -> Result<()> {
    engine.write(WriteBatch { rows: vec![(table, rows)], ..WriteBatch::default() })?;
    Ok(())
}

/// Makes the table of a workload and writes all its rows.
pub fn load(engine: &Engine, workload: Workload) -> Result<Arc<TableSchema>> {
    let table = create_table(engine, workload.table())?;
    let mut stream = workload.stream();
    while let Some(batch) = stream.next_batch(BATCH_ROWS)? {
        write(engine, table.id, shim::engine_batch(&table, &batch)?)?;
    }
    Ok(table)
}

/// Reads all rows of a table.
pub fn check(engine: &Engine, table: &TableSchema) -> Result<Check> {
    let mut check = Check::default();
    for part in engine.snapshot().scan(table.id, TimeRange::ALL)? {
        for batch in part.read(&table.columns, TimeRange::ALL)? {
            check.add(&batch)?;
        }
    }
    Ok(check)
}
