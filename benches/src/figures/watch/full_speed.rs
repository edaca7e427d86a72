//! Ingest as fast as it goes, without and with continuous queries on the table.

use std::path::Path;
use std::time::{Duration, Instant};

use driftline_query::{Database, Write, WritePart, WriteTarget};

use super::rules;
use super::stream::{CREATE, Stream, now};
use crate::Result;
use crate::engine::ALWAYS;
use crate::report::Report;
use crate::workload::{SECOND, later};

/// Continuous queries on the table.
const QUERIES: usize = 10;
/// Of the filters and groupings, so that the ten are not alike.
const STRIDE: usize = 223;
const BATCH_ROWS: usize = 10_000;
/// Batches made before the clock starts; later rounds are the same at later times.
const RING: usize = 32;
const WRITERS: usize = 2;
/// Event time that a batch takes: a window of ten seconds has ten batches of each writer.
const BATCH_NANOS: i64 = SECOND;
/// Turns of each way, by turns.
const TURNS: usize = 3;

/// Writes for `time` each way, three times by turns, and prints the rates and their ratio.
pub fn full_speed(dir: &Path, time: Duration, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for (queries, rates) in [(0, &mut without), (QUERIES, &mut with)] {
            let dir = dir.join(format!("{turn}-{queries}"));
            rates.push(runtime.block_on(run(&dir, queries, time))?);
            std::fs::remove_dir_all(&dir)?;
        }
    }
    let (without, with) = (median(&mut without), median(&mut with));
    report.figure("watch/ingest_rows_per_second", without, "rows/s", ALWAYS)?;
    report.figure("watch/ingest_rows_per_second_with_10_queries", with, "rows/s", ALWAYS)?;
    report.figure("watch/ingest_share_left", with / without, "of the rate without", ALWAYS)
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn run(dir: &Path, queries: usize, time: Duration) -> Result<f64> {
    let db = Database::open(dir)?;
    db.sql(CREATE).await?;
    for n in 0..queries {
        db.sql(&rules::continuous(n * STRIDE)).await?;
    }
    // Event time runs ahead of nothing: it begins in the past, and windows close as it goes on.
    let start = now() - 86_400 * SECOND;
    let begun = Instant::now();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(db.clone(), writer, start, time))).collect();
    let mut rows = 0;
    for writer in writers {
        rows += writer.await??;
    }
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    db.close().await?;
    Ok(rate)
}

async fn write(db: Database, writer: usize, start: i64, time: Duration) -> Result<usize> {
    let mut stream = Stream::new(writer as u64);
    let mut ring = Vec::new();
    for at in 0..RING as i64 {
        let begin = start + at * BATCH_NANOS;
        ring.push(stream.predictions(BATCH_ROWS, begin, begin + BATCH_NANOS)?);
    }
    let (begun, mut rows, mut round) = (Instant::now(), 0, 0);
    'all: loop {
        for batch in &ring {
            if begun.elapsed() >= time {
                break 'all;
            }
            // Later rows have other times, hence are other rows, also where their keys are those of a round before.
            let rows_later = later(batch, round * RING as i64 * BATCH_NANOS + writer as i64)?;
            let part = WritePart { target: WriteTarget::Table("scoring".to_owned()), rows: rows_later };
            db.write(Write { writer: None, parts: vec![part] }).await?;
            rows += BATCH_ROWS;
        }
        round += 1;
    }
    Ok(rows)
}
