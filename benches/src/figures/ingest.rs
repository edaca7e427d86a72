//! How fast rows become durable: several writers, each batch synced before it is acknowledged.
//!
//! Batches are made before the clock starts and used in rounds. What a writer does to a batch for a later round (time,
//! keys) is timed in the writer's thread: the gross rate contains it, the net rate takes its mean over the writers off
//! the clock. The engine gets no pause for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use driftline_storage::{Engine, EngineOptions, OsDisk, TableId, TableSchema};

use super::ring::{self, FOR_ENGINE, Ring};
use crate::counting::{CountingDisk, Written};
use crate::engine::{self, ALWAYS};
use crate::report::Report;
use crate::workload::Workload;
use crate::{Error, Result, process, shim};

/// A write that took longer than this waited for more than the disk.
const STALL: Duration = Duration::from_millis(500);

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// For how long.
    pub seconds: u64,
    /// Threads that write.
    pub writers: u64,
    /// Rows in a batch.
    pub batch_rows: usize,
    /// Batches that each writer has made before the clock starts.
    pub ring_batches: usize,
}

/// What one writer did.
#[derive(Debug, Default)]
struct Done {
    rows: u64,
    /// Time that went into batches, not into writes.
    making: Duration,
    writes: Vec<Duration>,
}

/// Writes for as long as `load` says, then compacts, and prints both.
pub fn run(workload: Workload, dir: &Path, load: Load, report: &mut Report) -> Result<()> {
    let disk = CountingDisk::new(OsDisk::new(dir)?);
    let written = disk.written();
    let engine = engine::open_on(Arc::new(disk), EngineOptions::default())?;
    let table = engine::create_table(&engine, workload.table())?;
    let rings = ring::make(workload, &table, load.writers, load.ring_batches, load.batch_rows, FOR_ENGINE)?;
    let begun = Instant::now();
    let done = write_all(&engine, table.id, rings, begun + Duration::from_secs(load.seconds))?;
    let wall = begun.elapsed();
    let name = format!("ingest/{}", workload.name());
    rates(&name, &done, wall, report)?;
    latencies(&name, &done, report)?;
    logged(&name, &done, &written, report)?;
    settle(&name, &engine, &table, dir, report)?;
    all_there(&engine, &table, &done)?;
    let other = written.beside_wal() as f64;
    report.figure(&format!("{name}/written_beside_wal_mb"), other / 1e6, "MB", ALWAYS)?;
    Ok(engine.close()?)
}

/// All writers until the deadline; a write that has begun is finished and counted.
fn write_all(engine: &Engine, table: TableId, rings: Vec<Ring>, deadline: Instant) -> Result<Vec<Done>> {
    thread::scope(|scope| {
        let start = |ring| scope.spawn(move || write_until(engine, table, ring, deadline));
        let writers: Vec<_> = rings.into_iter().map(start).collect();
        writers
            .into_iter()
            .map(|writer| writer.join().map_err(|_| Error::from("a writer panicked"))?)
            .collect()
    })
}

fn write_until(engine: &Engine, table: TableId, mut ring: Ring, deadline: Instant) -> Result<Done> {
    let mut done = Done::default();
    loop {
        let begun = Instant::now();
        let batch = ring.take()?;
        done.rows += batch.num_rows() as u64;
        done.making += begun.elapsed();
        let begun = Instant::now();
        engine::write(engine, table, batch)?;
        done.writes.push(begun.elapsed());
        if Instant::now() >= deadline {
            return Ok(done);
        }
    }
}

fn rates(name: &str, done: &[Done], wall: Duration, report: &mut Report) -> Result<()> {
    let rows = done.iter().map(|d| d.rows).sum::<u64>() as f64;
    let making = done.iter().map(|d| d.making).sum::<Duration>() / done.len().max(1) as u32;
    let net = rows / wall.saturating_sub(making).as_secs_f64();
    report.figure(&format!("{name}/rows_per_second"), net, "rows/s, net", ALWAYS)?;
    let gross = rows / wall.as_secs_f64();
    report.figure(&format!("{name}/rows_per_second_gross"), gross, "rows/s", ALWAYS)?;
    report.figure(&format!("{name}/rows"), rows, "rows", ALWAYS)?;
    report.figure(&format!("{name}/seconds"), wall.as_secs_f64(), "s", ALWAYS)?;
    report.figure(&format!("{name}/making_seconds"), making.as_secs_f64(), "s a writer", ALWAYS)
}

fn latencies(name: &str, done: &[Done], report: &mut Report) -> Result<()> {
    let mut writes: Vec<Duration> = done.iter().flat_map(|d| d.writes.iter().copied()).collect();
    writes.sort_unstable();
    let at = |share: f64| writes.get((share * (writes.len().saturating_sub(1)) as f64) as usize);
    for (label, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let ms = at(share).copied().unwrap_or_default().as_secs_f64() * 1e3;
        report.figure(&format!("{name}/write_ms_{label}"), ms, "ms", ALWAYS)?;
    }
    let stalls = writes.iter().filter(|write| **write > STALL);
    let count = stalls.clone().count() as f64;
    report.figure(&format!("{name}/stalls"), count, "writes > .5 s", ALWAYS)?;
    let seconds = stalls.sum::<Duration>().as_secs_f64();
    report.figure(&format!("{name}/stall_seconds"), seconds, "s, all writers", ALWAYS)
}

fn logged(name: &str, done: &[Done], written: &Written, report: &mut Report) -> Result<()> {
    let rows = done.iter().map(|d| d.rows).sum::<u64>().max(1) as f64;
    let wal = written.wal.load(Ordering::Relaxed) as f64;
    report.figure(&format!("{name}/wal_mb"), wal / 1e6, "MB", ALWAYS)?;
    report.figure(&format!("{name}/wal_bytes_per_row"), wal / rows, "B/row", ALWAYS)?;
    report.figure(
        &format!("{name}/syncs"),
        written.syncs.load(Ordering::Relaxed) as f64,
        "fdatasyncs",
        ALWAYS,
    )
}

/// The time until all is compacted, and what is there before and after.
fn settle(name: &str, engine: &Engine, table: &TableSchema, dir: &Path, report: &mut Report) -> Result<()> {
    let segments = |engine: &Engine| engine.snapshot().segments(table.id).len() as f64;
    report.figure(&format!("{name}/segments_at_end"), segments(engine), "segments", ALWAYS)?;
    let peak = process::status_bytes("VmHWM")? as f64;
    report.figure(&format!("{name}/peak_mb"), peak / 1e6, "MB, rings too", ALWAYS)?;
    let begun = Instant::now();
    shim::compact(engine)?;
    let seconds = begun.elapsed().as_secs_f64();
    report.figure(&format!("{name}/compact_seconds"), seconds, "s after the last ack", ALWAYS)?;
    report.figure(&format!("{name}/segments_compacted"), segments(engine), "segments", ALWAYS)?;
    let bytes = process::directory_bytes(dir)?.data as f64;
    report.figure(&format!("{name}/data_mb"), bytes / 1e6, "MB", ALWAYS)
}

/// What was acknowledged is there, and nothing else.
fn all_there(engine: &Engine, table: &TableSchema, done: &[Done]) -> Result<()> {
    let (acknowledged, found) =
        (done.iter().map(|d| d.rows).sum::<u64>(), engine.snapshot().size(table.id).rows);
    if acknowledged == found {
        return Ok(());
    }
    Err(Error::from(format!("{acknowledged} rows were acknowledged, but the table has {found}")))
}
