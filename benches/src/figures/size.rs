//! Bytes on disk of a workload once all is compacted, and what an engine that opens them takes.

use std::path::Path;
use std::time::Instant;

use driftline_storage::{EngineOptions, Snapshot, TableSchema};

use crate::engine::{self, AT_REST};
use crate::report::Report;
use crate::workload::{Kind, Workload};
use crate::{Result, process, shim};

/// Writes a workload to a new directory and compacts it.
pub fn load(workload: Workload, dir: &Path, report: &mut Report) -> Result<()> {
    let begun = Instant::now();
    let engine = engine::open(dir, engine::unsynced())?;
    engine::load(&engine, workload)?;
    let loaded = begun.elapsed();
    let begun = Instant::now();
    shim::compact(&engine)?;
    let name = workload.name();
    let unsynced = "os: no sync before acks";
    report.figure(
        &format!("size/{name}/load_seconds"),
        loaded.as_secs_f64(),
        "s, generator too",
        unsynced,
    )?;
    report.figure(&format!("size/{name}/compact_seconds"), begun.elapsed().as_secs_f64(), "s", AT_REST)?;
    Ok(engine.close()?)
}

/// Opens what [`load`] left, in a process that has done nothing else, and prints its sizes.
pub fn inspect(workload: Workload, dir: &Path, report: &mut Report) -> Result<()> {
    let name = workload.name();
    let begun = Instant::now();
    let engine = engine::open(dir, EngineOptions::default())?;
    let opened = begun.elapsed();
    report.figure(&format!("size/{name}/open_ms"), opened.as_secs_f64() * 1e3, "ms", AT_REST)?;
    let resident = process::status_bytes("RssAnon")?;
    report.figure(&format!("size/{name}/rss_anon_mb"), resident as f64 / 1e6, "MB after open", AT_REST)?;
    let table = engine::table_named(&engine, name)?;
    sizes(workload, dir, report)?;
    columns(name, &engine.snapshot(), &table, report)?;
    let check = engine::check(&engine, &table)?;
    report.check("driftline", name, &check)?;
    Ok(engine.close()?)
}

fn sizes(workload: Workload, dir: &Path, report: &mut Report) -> Result<()> {
    let (name, rows) = (workload.name(), workload.row_count() as f64);
    let bytes = process::directory_bytes(dir)?;
    let data = bytes.data as f64;
    if workload.kind != Kind::Predictions {
        let values = rows * workload.values_per_row() as f64;
        report.figure(&format!("size/{name}/bytes_per_value"), data / values, "B/value", AT_REST)?;
    }
    report.figure(&format!("size/{name}/bytes_per_row"), data / rows, "B/row", AT_REST)?;
    report.figure(&format!("size/{name}/bytes"), data, "B", AT_REST)?;
    report.figure(&format!("size/{name}/left_out/wal"), bytes.wal as f64, "B", AT_REST)?;
    report.figure(&format!("size/{name}/left_out/reserve"), bytes.reserve as f64, "B", AT_REST)
}

/// Bytes by column, and the share of what stands beside the columns.
fn columns(name: &str, snapshot: &Snapshot, table: &TableSchema, report: &mut Report) -> Result<()> {
    let (size, segments) = (snapshot.size(table.id), snapshot.segments(table.id));
    report.figure(&format!("size/{name}/segments"), size.segments as f64, "segments", AT_REST)?;
    for column in &table.columns {
        let sizes = segments
            .iter()
            .map(|segment| segment.column_sizes())
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let sizes = sizes.iter().flatten();
        let bytes: u64 = sizes.filter(|s| s.column == column.id).map(|s| s.bytes).sum();
        let per_row = bytes as f64 / size.rows.max(1) as f64;
        report.figure(&format!("size/{name}/column/{}", column.name), per_row, "B/row", AT_REST)?;
    }
    if let Some(bytes) = shim::overhead_bytes(snapshot, table.id) {
        let share = 100.0 * bytes as f64 / size.segment_bytes.max(1) as f64;
        report.figure(&format!("size/{name}/cells_and_summaries"), share, "% of segments", AT_REST)?;
    }
    Ok(())
}
