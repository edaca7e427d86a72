//! How fast labels of predictions 7 days old become durable and visible, and what other work feels of it.
//!
//! Of labels all batches are made before the clock starts. Of predictions that are written beside them a writer makes
//! times and ids itself, on the clock, alone as beside labels.

mod feed;
mod read;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use driftline_storage::{Engine, EngineOptions, OsDisk, SyncPolicy, TableSchema};

use self::feed::Feed;
use self::read::Reader;
use crate::counting::{CountingDisk, Written};
use crate::engine::{self, ALWAYS, AT_REST, BATCH_ROWS};
use crate::report::Report;
use crate::workload::SEED;
use crate::workload::late::{self, DAY, Log};
use crate::{Error, Result, process, shim};

/// Days of predictions before the first label.
const DAYS: i64 = 14;
const LABEL_WRITERS: u64 = 2;
const WRITERS: u64 = 4;
/// Labels a second beside other work.
const BESIDE_RATE: f64 = 50_000.0;
/// Nanoseconds between two labels, as they say themselves: 50,000 a second.
const ARRIVAL_STEP: i64 = 20_000;
/// Labels in memory when they are counted, at most.
const COUNTED_MAX: u64 = 1_000_000;
/// Which labels are written are parts of the second week, by what they are written for.
const PARTS: u64 = 8;

/// One table of predictions with its labels.
struct Bench<'a> {
    engine: &'a Engine,
    written: Arc<Written>,
    log: Log,
    rows: u64,
    predictions: Arc<TableSchema>,
    labels: Arc<TableSchema>,
    /// When the next label arrives, at the earliest.
    arrival: AtomicI64,
    /// Labels that were acknowledged.
    labelled: AtomicU64,
    /// How long labels are written at full speed, at most; half as long beside other work.
    wall: Duration,
}

/// Loads 14 days of predictions, and writes labels from the eighth on.
pub fn run(dir: &Path, rows: u64, wall: Duration, report: &mut Report) -> Result<()> {
    let begun = Instant::now();
    let start = load(dir, rows)?;
    report.figure("labels/load_seconds", begun.elapsed().as_secs_f64(), "s, compacted", AT_REST)?;
    report.figure("labels/data_mb", process::directory_bytes(dir)?.data as f64 / 1e6, "MB", AT_REST)?;
    let disk = CountingDisk::new(OsDisk::new(dir)?);
    let written = disk.written();
    let options = EngineOptions { sync: SyncPolicy::Always, ..EngineOptions::default() };
    let engine = engine::open_on(Arc::new(disk), options)?;
    let bench = Bench {
        engine: &engine,
        written,
        log: log(start, rows)?,
        rows,
        predictions: engine::table_named(&engine, &late::table().name)?,
        labels: engine::table_named(&engine, &late::label_table(0).name)?,
        arrival: AtomicI64::new(0),
        labelled: AtomicU64::new(0),
        wall,
    };
    bench.fast("given", 4, true, report)?;
    bench.fast("embedded", 5, false, report)?;
    bench.counted(report)?;
    bench.beside_reads(report)?;
    bench.beside_ingest(report)?;
    bench.all_there(report)?;
    Ok(engine.close()?)
}

fn log(start: i64, rows: u64) -> Result<Log> {
    Ok(Log::new(start, DAYS * DAY / rows as i64, BATCH_ROWS, SEED)?)
}

/// Predictions that end now, flushed and compacted; when they begin.
fn load(dir: &Path, rows: u64) -> Result<i64> {
    let engine = engine::open(dir, engine::unsynced())?;
    let start = engine.now_nanos() - DAYS * DAY;
    let log = log(start, rows)?;
    let predictions = engine::create_table(&engine, late::table())?;
    engine::create_table(&engine, late::label_table(predictions.id))?;
    let batches = rows / BATCH_ROWS as u64;
    predict(&engine, &predictions, &log, &AtomicU64::new(0), |batch| batch < batches)?;
    shim::compact(&engine)?;
    engine.close()?;
    Ok(start)
}

/// Writes predictions from several threads as long as `goes_on` says of the next batch; how many rows.
fn predict(
    engine: &Engine,
    table: &TableSchema,
    log: &Log,
    next: &AtomicU64,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> Result<u64> {
    let writer = || {
        let mut rows = 0;
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(batch) {
                return Ok(rows);
            }
            let batch = shim::engine_batch(table, &log.predictions(batch)?)?;
            rows += batch.num_rows() as u64;
            engine::write(engine, table.id, batch)?;
        }
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
        writers.into_iter().map(joined).sum()
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| Error::from("a thread panicked"))?
}

impl Bench<'_> {
    /// The first row of a part of the rows.
    fn part(&self, part: u64) -> u64 {
        self.rows / PARTS * part
    }

    /// Labels of so many rows at most.
    fn feed(&self, first: u64, rows: u64, given: bool) -> Result<Feed> {
        let rows = rows.min(self.rows / PARTS);
        let now = self.engine.now_nanos();
        // Later than all before, also where these were written faster than they are said to have arrived.
        let start = self.arrival.fetch_max(now, Ordering::Relaxed).max(now);
        self.arrival.fetch_max(start + rows as i64 * ARRIVAL_STEP, Ordering::Relaxed);
        Feed::new(&self.log, first..first + rows, (start, ARRIVAL_STEP), given)
    }

    /// Labels at full speed, until all are with their rows.
    fn fast(&self, name: &str, part: u64, given: bool, report: &mut Report) -> Result<()> {
        let mut feed = self.feed(self.part(part), u64::MAX, given)?;
        let patches = || self.written.patches.load(Ordering::Relaxed) as f64;
        let (before, at_rest) = (patches(), self.engine.disk_usage()?.patches as f64);
        let syncs = self.written.syncs.load(Ordering::Relaxed);
        let begun = Instant::now();
        feed.deadline = Some(begun + self.wall);
        let count = self.write(&feed)? as f64;
        let acknowledged = begun.elapsed().as_secs_f64();
        let syncs = self.written.syncs.load(Ordering::Relaxed) - syncs;
        self.engine.flush()?;
        let flushed = begun.elapsed().as_secs_f64();
        let mut figure = |what: &str, value: f64, unit: &str| {
            report.figure(&format!("labels/{name}/{what}"), value, unit, ALWAYS)
        };
        figure("labels_per_second", count / flushed, "labels/s, flushed")?;
        figure("acknowledged_per_second", count / acknowledged, "labels/s")?;
        figure("labels", count, "labels")?;
        figure("syncs_before_last_ack", syncs as f64, "fdatasyncs")?;
        figure("last_flush_seconds", flushed - acknowledged, "s")?;
        let now = self.engine.disk_usage()?.patches as f64;
        figure("patch_bytes_per_label", (now - at_rest) / count, "B/label")?;
        figure("patch_bytes_written_per_label", (patches() - before) / count, "B/label")
    }

    /// Writes labels from two threads; how many.
    fn write(&self, feed: &Feed) -> Result<u64> {
        let writer = || {
            let mut rows = 0;
            while let Some(batch) = feed.take() {
                rows += batch.num_rows() as u64;
                engine::write(self.engine, self.labels.id, batch)?;
            }
            Ok(rows)
        };
        let rows = thread::scope(|scope| {
            let writers: Vec<_> = (0..LABEL_WRITERS).map(|_| scope.spawn(writer)).collect();
            writers.into_iter().map(joined).sum::<Result<u64>>()
        })?;
        self.labelled.fetch_add(rows, Ordering::Relaxed);
        Ok(rows)
    }

    /// What it takes to count the labels of a day while some of them are in memory.
    fn counted(&self, report: &mut Report) -> Result<()> {
        let first = self.part(6);
        let feed = self.feed(first, COUNTED_MAX.min(self.rows / 50), true)?;
        let reader = self.reader(first, &["label"])?;
        let mut count = |what: &str| -> Result<u64> {
            let begun = Instant::now();
            let found = reader.count()?;
            let ms = begun.elapsed().as_secs_f64() * 1e3;
            report.figure(&format!("labels/count_ms/{what}"), ms, "ms, one day", AT_REST)?;
            Ok(found)
        };
        let none = count("without_labels")?;
        let written = self.write(&feed)?;
        let unflushed = [count("in_memory_first")?, count("in_memory_again")?];
        self.engine.flush()?;
        let flushed = count("flushed")?;
        match (none, unflushed, flushed) == (0, [written; 2], written) {
            true => Ok(()),
            false => Err(format!("{written} labels, but counted {none}, {unflushed:?}, {flushed}").into()),
        }
    }

    /// A reader of the day that begins with a row.
    fn reader(&self, first: u64, columns: &[&str]) -> Result<Reader<'_>> {
        Reader::new(self.engine, &self.predictions, columns, self.log.time(first))
    }

    /// Reads of features of a day, alone and while labels of that day are written and flushed.
    fn beside_reads(&self, report: &mut Report) -> Result<()> {
        let counted = COUNTED_MAX.min(self.rows / 50);
        let first = self.part(6) + counted;
        let reader = self.reader(first, &["amount", "credit", "ratio"])?;
        reader.read()?;
        let half = self.wall / 2;
        let alone = reader.repeat(&AtomicBool::new(false), Some(Instant::now() + half))?;
        let over = AtomicBool::new(false);
        let during = thread::scope(|scope| {
            let reading = scope.spawn(|| reader.repeat(&over, None));
            // In two halves: each ends with a flush.
            let outcome = [0, 1].into_iter().try_for_each(|turn| {
                // No row is labelled twice: all labels are counted at the end.
                let left = (self.rows / PARTS - counted) / 2;
                let rows = ((BESIDE_RATE * half.as_secs_f64()) as u64).min(left);
                self.throttled(first + turn * rows, rows)?;
                Ok(self.engine.flush()?)
            });
            over.store(true, Ordering::Relaxed);
            outcome.and(joined(reading))
        })?;
        report.figure("labels/reads/alone_ms", alone, "ms, median", AT_REST)?;
        report.figure("labels/reads/beside_ms", during, "ms, median", ALWAYS)?;
        report.figure("labels/reads/ratio", during / alone, "beside 50 k/s", ALWAYS)
    }

    fn throttled(&self, first: u64, rows: u64) -> Result<u64> {
        let mut feed = self.feed(first, rows, false)?;
        feed.pace = Some((Instant::now(), BESIDE_RATE));
        self.write(&feed)
    }

    /// Predictions at full speed, alone and while labels come, twice each after once for warmth. Each turn begins compacted,
    /// and the order is such that a machine that grows slower or faster meanwhile favours neither.
    fn beside_ingest(&self, report: &mut Report) -> Result<()> {
        let next = AtomicU64::new(self.rows / BATCH_ROWS as u64);
        self.ingest(&next, None)?;
        let (mut alone, mut beside) = (0.0, 0.0);
        for (turn, labelled) in [(0, false), (0, true), (1, true), (1, false)] {
            shim::compact(self.engine)?;
            let rows = ((BESIDE_RATE * (self.wall / 4).as_secs_f64()) as u64).min(self.rows / PARTS / 2);
            let feed = self.feed(self.part(7) + turn * rows, rows, false)?;
            let cpu = process::cpu_time()?;
            let begun = Instant::now();
            let rate = self.ingest(&next, labelled.then_some(feed))?;
            let cores = (process::cpu_time()? - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
            let name = if labelled { "beside" } else { "alone" };
            *(if labelled { &mut beside } else { &mut alone }) += rate / 2.0;
            report.figure(&format!("labels/ingest/{name}/{turn}"), rate, "rows/s", ALWAYS)?;
            // What others had of the machine is not in it.
            report.figure(&format!("labels/ingest/{name}/{turn}/cores"), cores, "cores used", ALWAYS)?;
        }
        report.figure("labels/ingest/alone", alone, "rows/s, mean", ALWAYS)?;
        report.figure("labels/ingest/beside", beside, "rows/s, mean", ALWAYS)?;
        report.figure("labels/ingest/ratio", beside / alone, "beside 50 k/s", ALWAYS)
    }

    /// Predictions for a while, and labels from `feed` if it is given; rows a second.
    fn ingest(&self, next: &AtomicU64, feed: Option<Feed>) -> Result<f64> {
        let begun = Instant::now();
        let feed = feed.map(|mut feed| {
            feed.pace = Some((begun, BESIDE_RATE));
            feed
        });
        let end = begun + self.wall / 4;
        thread::scope(|scope| {
            let labelling = feed.as_ref().map(|feed| scope.spawn(move || self.write(feed)));
            let rows = predict(self.engine, &self.predictions, &self.log, next, |_| Instant::now() < end)?;
            let rate = rows as f64 / begun.elapsed().as_secs_f64();
            labelling.map(joined).transpose()?;
            Ok(rate)
        })
    }

    /// All labels are with their rows, in memory or beside them.
    fn all_there(&self, report: &mut Report) -> Result<()> {
        let written = self.labelled.load(Ordering::Relaxed);
        for state in ["as_written", "compacted"] {
            let begun = Instant::now();
            let found = Reader::all(self.engine, &self.predictions, "label")?.count()?;
            if found != written {
                return Err(format!("{written} labels were acknowledged, {found} are there").into());
            }
            let name = format!("labels/count_all_ms/{state}");
            report.figure(&name, begun.elapsed().as_secs_f64() * 1e3, "ms", AT_REST)?;
            if state == "as_written" {
                shim::compact(self.engine)?;
            }
        }
        let patches = self.engine.disk_usage()?.patches as f64;
        report.figure("labels/patch_bytes_per_label", patches / written as f64, "B/label", AT_REST)
    }
}
