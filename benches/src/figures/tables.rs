//! Very many tables written at once.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use driftline_storage::{Engine, EngineOptions, TableId, TableSchema, WriteBatch};

use crate::engine::{self, ALWAYS};
use crate::report::Report;
use crate::workload::{Kind, SECOND, SEED, Scale, Workload, later};
use crate::{Error, Result, process, shim};

/// Rows that a table gets in each round.
const ROWS: usize = 10;
/// Tables that one batch writes to, as a collector of metrics does it.
const TABLES_A_BATCH: usize = 100;
/// The times of two rounds lie so far apart.
const STEP: i64 = 60 * SECOND;
const ROUNDS: i64 = 10;
/// How long it is then left alone.
const IDLE: Duration = Duration::from_secs(60);

/// Makes so many tables one by one, writes to all in turn, flushes, compacts, waits and opens again.
pub fn run(dir: &Path, tables: u64, idle: bool, report: &mut Report) -> Result<()> {
    let engine = engine::open(dir, EngineOptions::default())?;
    let workload = Workload { kind: Kind::Series, scale: Scale::over(1_000), seed: SEED };
    let rows = workload.stream().next_batch(ROWS)?.ok_or_else(|| Error::from("the workload is empty"))?;
    let begun = Instant::now();
    let all = (0..tables).map(|n| numbered_table(&engine, workload, n)).collect::<Result<Vec<_>>>()?;
    let a_second = |count: f64, begun: Instant| count / begun.elapsed().as_secs_f64();
    report.figure("tables/created", a_second(tables as f64, begun), "tables/s", ALWAYS)?;
    let begun = Instant::now();
    for round in 0..ROUNDS {
        write_all(&engine, &all, &later(&rows, round * STEP)?)?;
    }
    let written = (tables * ROWS as u64) as f64 * ROUNDS as f64;
    report.figure("tables/written", a_second(written, begun), "rows/s", ALWAYS)?;
    report.figure("tables/rss_anon_mb", process::status_bytes("RssAnon")? as f64 / 1e6, "MB", ALWAYS)?;
    let begun = Instant::now();
    engine.flush()?;
    report.figure("tables/flush", begun.elapsed().as_secs_f64(), "s", ALWAYS)?;
    let begun = Instant::now();
    shim::compact(&engine)?;
    report.figure("tables/compact", begun.elapsed().as_secs_f64(), "s", ALWAYS)?;
    report.figure("tables/files", segment_files(dir)? as f64, "files", ALWAYS)?;
    if idle {
        let before = process::cpu_time()?;
        thread::sleep(IDLE);
        let used = process::cpu_time()?.saturating_sub(before);
        report.figure("tables/idle_cpu_ms_a_minute", used.as_secs_f64() * 1e3, "ms", ALWAYS)?;
    }
    engine.close()?;
    drop(engine);
    let begun = Instant::now();
    let engine = engine::open(dir, EngineOptions::default())?;
    report.figure("tables/open", begun.elapsed().as_secs_f64(), "s", ALWAYS)?;
    Ok(engine.close()?)
}

fn numbered_table(engine: &Engine, workload: Workload, n: u64) -> Result<Arc<TableSchema>> {
    engine::create_table(engine, TableSchema { name: format!("table_{n}"), ..workload.table() })
}

fn write_all(engine: &Engine, tables: &[Arc<TableSchema>], rows: &RecordBatch) -> Result<()> {
    for tables in tables.chunks(TABLES_A_BATCH) {
        let of = |table: &Arc<TableSchema>| Ok((table.id, shim::engine_batch(table, rows)?));
        let rows: Vec<(TableId, RecordBatch)> = tables.iter().map(of).collect::<Result<_>>()?;
        engine.write(WriteBatch { rows, ..WriteBatch::default() })?;
    }
    Ok(())
}

fn segment_files(dir: &Path) -> Result<usize> {
    Ok(std::fs::read_dir(dir.join("seg"))?.count())
}
