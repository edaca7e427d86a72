//! How long it takes to open a directory whose process was killed with much in its WAL.

use std::path::Path;
use std::time::Instant;

use driftline_storage::EngineOptions;

use crate::engine::{self, BATCH_ROWS};
use crate::report::Report;
use crate::workload::Workload;
use crate::{Result, process, shim};

/// Nothing is read from the disk itself: the process that filled it has only just ended.
const CACHED: &str = "files in the page cache";

/// Writes until the WAL holds `wal_bytes` with every flush held off, then dies without closing anything. Starts the
/// workload again with later times where it ends too soon.
pub fn fill(workload: Workload, dir: &Path, wal_bytes: u64) -> Result<()> {
    let engine = engine::open(dir, shim::without_limits(engine::unsynced()))?;
    let table = engine::create_table(&engine, workload.table())?;
    for round in 0.. {
        let mut stream = workload.stream();
        while let Some(batch) = stream.next_batch(BATCH_ROWS)? {
            let batch = workload.moved(&batch, round, workload.row_count())?;
            engine::write(&engine, table.id, shim::engine_batch(&table, &batch)?)?;
            if engine.disk_usage()?.wal >= wal_bytes {
                std::process::abort();
            }
        }
    }
    Ok(())
}

/// Opens `dir` and prints the time and the memory it took. Wants a process that has done nothing else.
pub fn open_once(figure: &str, dir: &Path, report: &mut Report) -> Result<()> {
    let wal = process::directory_bytes(dir)?.wal as f64;
    let options = EngineOptions::default();
    let budget = shim::memory_budget(&options) as f64;
    let begun = Instant::now();
    let engine = engine::open(dir, options)?;
    let seconds = begun.elapsed().as_secs_f64();
    let peak = process::status_bytes("VmHWM")? as f64;
    let resident = process::status_bytes("RssAnon")? as f64;
    report.figure(&format!("{figure}/open_seconds"), seconds, "s", CACHED)?;
    report.figure(&format!("{figure}/wal_mb"), wal / 1e6, "MB before", CACHED)?;
    report.figure(&format!("{figure}/peak_mb"), peak / 1e6, "MB, VmHWM", CACHED)?;
    let share = 100.0 * peak / budget;
    report.figure(&format!("{figure}/peak_percent"), share, "% of the budget", CACHED)?;
    report.figure(&format!("{figure}/rss_anon_mb"), resident / 1e6, "MB after open", CACHED)?;
    let snapshot = engine.snapshot();
    let sizes: Vec<_> = snapshot.tables().values().map(|table| snapshot.size(table.id)).collect();
    let rows = sizes.iter().map(|size| size.rows).sum::<u64>() as f64;
    let segments = sizes.iter().map(|size| size.segments).sum::<u64>() as f64;
    report.figure(&format!("{figure}/rows"), rows, "rows", CACHED)?;
    report.figure(&format!("{figure}/segments"), segments, "segments", CACHED)?;
    Ok(engine.close()?)
}
