//! A directory with very many segments, to open.

use std::path::Path;
use std::sync::Arc;

use driftline_storage::{Engine, TableSchema};

use crate::workload::{Kind, SECOND, SEED, Scale, Workload, later};
use crate::{Error, Result, engine, shim};

/// Rows in each segment.
const ROWS: usize = 10;
/// The times of two flushes lie so far apart.
const STEP: i64 = 60 * SECOND;

/// Makes `segments` segments in `tables` tables, which one flush after another fills with a few rows each. Nothing
/// merges them.
pub fn fill(dir: &Path, segments: u64, tables: u64) -> Result<()> {
    let engine = engine::open(dir, shim::without_background(engine::unsynced()))?;
    let workload = Workload { kind: Kind::Series, scale: Scale::over(1_000), seed: SEED };
    let rows = workload.stream().next_batch(ROWS)?.ok_or_else(|| Error::from("the workload is empty"))?;
    let tables: Vec<_> = (0..tables).map(|n| numbered_table(&engine, workload, n)).collect::<Result<_>>()?;
    for flush in 0..segments / tables.len().max(1) as u64 {
        for table in &tables {
            let rows = later(&rows, flush as i64 * STEP)?;
            engine::write(&engine, table.id, shim::engine_batch(table, &rows)?)?;
        }
        engine.flush()?;
    }
    Ok(engine.close()?)
}

fn numbered_table(engine: &Engine, workload: Workload, n: u64) -> Result<Arc<TableSchema>> {
    engine::create_table(engine, TableSchema { name: format!("table_{n}"), ..workload.table() })
}
