//! How fast a column of full doubles becomes Arrow again: one thread, files in the page cache, every page checked
//! against its checksum.

use std::path::Path;
use std::time::Instant;

use driftline_storage::{Column, EngineOptions, Snapshot, TableId, TimeRange};

use crate::engine::{self, AT_REST};
use crate::report::Report;
use crate::workload::Workload;
use crate::{Error, Result};

/// The column that is read.
const COLUMN: &str = "latency_ms";
/// Bytes of a value as Arrow has it.
const VALUE_BYTES: f64 = 8.0;

/// Reads the column of the workload (predictions) in `dir` `repeats` times after once for warmth.
pub fn run(workload: Workload, dir: &Path, repeats: u32, report: &mut Report) -> Result<()> {
    let engine = engine::open(dir, EngineOptions::default())?;
    let table = engine::table_named(&engine, workload.name())?;
    let column = table.column_named(COLUMN).cloned();
    let column = column.ok_or_else(|| Error::from(format!("{} has no {COLUMN}", table.name)))?;
    let snapshot = engine.snapshot();
    read(&snapshot, table.id, &column)?;
    let mut rates = Vec::new();
    for repeat in 1..=repeats {
        let begun = Instant::now();
        let rows = read(&snapshot, table.id, &column)?;
        let rate = rows as f64 * VALUE_BYTES / begun.elapsed().as_secs_f64() / 1e9;
        report.figure(&format!("decode/{COLUMN}/repeat/{repeat}"), rate, "GB/s of raw", AT_REST)?;
        rates.push(rate);
    }
    rates.sort_unstable_by(f64::total_cmp);
    let median = rates.get(rates.len() / 2).copied().unwrap_or_default();
    report.figure(&format!("decode/{COLUMN}/median"), median, "GB/s of raw", AT_REST)?;
    Ok(engine.close()?)
}

/// Reads the column to its end and drops it; the rows it had.
fn read(snapshot: &Snapshot, table: TableId, column: &Column) -> Result<u64> {
    let mut rows = 0;
    for part in snapshot.scan(table, TimeRange::ALL)? {
        for batch in part.read(std::slice::from_ref(column), TimeRange::ALL)? {
            rows += batch.num_rows() as u64;
        }
    }
    Ok(rows)
}
