//! What an engine takes that has been loaded and is left alone.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use driftline_storage::EngineOptions;

use crate::engine::{self, ALWAYS};
use crate::report::Report;
use crate::workload::Workload;
use crate::{Result, process, shim};

/// The engine may still finish what the load left to it; then the clock starts.
const SETTLE: Duration = Duration::from_secs(5);
/// How often the memory is looked at.
const SAMPLE: Duration = Duration::from_secs(10);

/// Loads the workloads, then waits for `idle` and prints processor time and memory.
pub fn run(workloads: &[Workload], dir: &Path, idle: Duration, report: &mut Report) -> Result<()> {
    let engine = engine::open(dir, EngineOptions::default())?;
    for workload in workloads {
        engine::load(&engine, *workload)?;
    }
    shim::compact(&engine)?;
    thread::sleep(SETTLE.min(idle));
    let (begun, before) = (Instant::now(), process::cpu_time()?);
    let mut most = process::status_bytes("RssAnon")?;
    while begun.elapsed() < idle {
        thread::sleep(SAMPLE.min(idle.saturating_sub(begun.elapsed())));
        most = most.max(process::status_bytes("RssAnon")?);
    }
    let used = process::cpu_time()?.saturating_sub(before);
    let share = 100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64();
    report.figure("idle/cpu_percent", share, "% of one core", ALWAYS)?;
    let at_end = process::status_bytes("RssAnon")? as f64;
    report.figure("idle/rss_anon_mb", at_end / 1e6, "MB at the end", ALWAYS)?;
    report.figure("idle/rss_anon_mb_most", most as f64 / 1e6, "MB at most", ALWAYS)?;
    report.figure("idle/minutes", begun.elapsed().as_secs_f64() / 60.0, "min", ALWAYS)?;
    Ok(engine.close()?)
}
