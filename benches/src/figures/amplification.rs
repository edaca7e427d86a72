//! How often what is written is written again, over some days of predictions whose labels come late.
//!
//! The engine's own threads flush and compact, by a clock that stands still until they have nothing to do. A label comes at
//! a random delay, all equally likely up to as many days as there are; what would come after the end does not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use driftline_storage::{
    Engine, EngineOptions, ManualClock, OsDisk, Partition, SyncPolicy, TableId, TableSchema, WriteBatch,
};

use crate::counting::{CountingDisk, Written};
use crate::engine::{self, BATCH_ROWS};
use crate::report::Report;
use crate::workload::late::{self, DAY, Log};
use crate::workload::{Random, SECOND, SEED, START};
use crate::{Error, Result, shim};

/// So many predictions get a label.
const LABELLED: f64 = 0.7;
/// Cells as wide as 10,000 predictions a second of six series would have them.
const INTERVAL: &str = "1m";
/// Batches that are made ahead.
const AHEAD: usize = 16;
const POLL: Duration = Duration::from_millis(2);
/// Acknowledgements are not what is measured.
const UNSYNCED: &str = "unsynced";

/// What comes.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Days of predictions, and the longest delay of a label.
    pub days: u64,
    /// Predictions a second.
    pub rate: u64,
    /// What memtables, WAL files and runs are smaller by than they are in use.
    pub smaller: u64,
}

/// Predictions of one stretch of time, and the labels that come in it.
type Slot = (RecordBatch, Option<RecordBatch>);

impl Shape {
    fn spacing(self) -> i64 {
        SECOND / self.rate as i64
    }

    /// Stretches of time, a batch of predictions each.
    fn slots(self) -> u64 {
        self.days * DAY as u64 / self.slot_nanos()
    }

    fn slot_nanos(self) -> u64 {
        BATCH_ROWS as u64 * self.spacing() as u64
    }

    fn options(self, clock: Arc<ManualClock>) -> EngineOptions {
        let options = EngineOptions::default();
        EngineOptions {
            sync: SyncPolicy::Os,
            memtable_bytes_max: options.memtable_bytes_max / self.smaller as usize,
            wal_file_bytes_max: options.wal_file_bytes_max / self.smaller,
            wal_total_bytes_max: options.wal_total_bytes_max / self.smaller,
            run_bytes_max: options.run_bytes_max / self.smaller,
            clock,
            ..options
        }
    }
}

/// Lets the days pass, and prints what was written and what is left.
pub fn run(dir: &Path, shape: Shape, report: &mut Report) -> Result<()> {
    let disk = CountingDisk::new(OsDisk::new(dir)?);
    let written = disk.written();
    let clock = Arc::new(ManualClock::at(START));
    let options = shape.options(clock.clone());
    let engine = engine::open_on(Arc::new(disk), options.clone())?;
    let mut table = late::table();
    table.options.insert("interval".into(), INTERVAL.into());
    let predictions = engine::create_table(&engine, table)?;
    let labels = engine::create_table(&engine, late::label_table(predictions.id))?;
    let begun = Instant::now();
    let days = Days { engine: &engine, clock: &clock, options: &options, tables: [&predictions, &labels] };
    let labelled = days.pass(shape)?;
    engine.flush()?;
    days.settle()?;
    report.figure("amplification/seconds", begun.elapsed().as_secs_f64(), "s", UNSYNCED)?;
    report.figure("amplification/labels", labelled as f64, "labels", UNSYNCED)?;
    let size = engine.snapshot().size(predictions.id);
    report.figure("amplification/predictions", size.rows as f64, "rows", UNSYNCED)?;
    report.figure("amplification/segments", size.segments as f64, "segments", UNSYNCED)?;
    let waiting = engine.snapshot().size(labels.id).rows;
    if waiting > 0 {
        return Err(format!("{waiting} labels have not found their rows").into());
    }
    bytes(&engine, &written, report)?;
    work(&engine, predictions.id, report)?;
    Ok(engine.close()?)
}

/// The engine and the clock it goes by.
struct Days<'a> {
    engine: &'a Engine,
    clock: &'a ManualClock,
    options: &'a EngineOptions,
    tables: [&'a TableSchema; 2],
}

impl Days<'_> {
    /// Writes all there is; how many labels.
    fn pass(&self, shape: Shape) -> Result<u64> {
        let log = Log::new(START, shape.spacing(), BATCH_ROWS, SEED)?;
        let (sender, slots) = sync_channel(AHEAD);
        thread::scope(|scope| {
            let making = scope.spawn(move || make(&log, shape, &sender));
            let labelled = self.write(&slots, shape);
            drop(slots);
            let made = making.join().map_err(|_| Error::from("the generator panicked"))?;
            labelled.and_then(|labelled| made.map(|()| labelled))
        })
    }

    fn write(&self, slots: &Receiver<Slot>, shape: Shape) -> Result<u64> {
        let [predictions, labels] = self.tables.map(|table| table.id);
        let mut labelled = 0;
        for (predicted, known) in slots {
            let mut rows = vec![(predictions, shim::engine_batch(self.tables[0], &predicted)?)];
            labelled += known.as_ref().map_or(0, |known| known.num_rows() as u64);
            rows.extend(known.map(|known| (labels, known)));
            self.engine.write(WriteBatch { rows, ..WriteBatch::default() })?;
            self.clock.advance(shape.slot_nanos() as i64);
            self.settle()?;
        }
        Ok(labelled)
    }

    /// Waits until the engine's threads have done what is due.
    fn settle(&self) -> Result<()> {
        let memory = || self.engine.budget().used() >= self.options.memtable_bytes_max;
        while memory() && self.engine.status()?.memtable_bytes >= self.options.memtable_bytes_max as u64 {
            thread::sleep(POLL);
        }
        while self.tables.iter().any(|table| self.is_crowded(table.id)) {
            thread::sleep(POLL);
        }
        match self.engine.status()?.last_error {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Whether a partition has so many flushed segments that a compaction is due.
    fn is_crowded(&self, table: TableId) -> bool {
        let mut flushed: BTreeMap<Partition, usize> = BTreeMap::new();
        for segment in self.engine.snapshot().segments(table).iter().filter(|s| s.info().level == 0) {
            *flushed.entry(segment.info().partition).or_default() += 1;
        }
        flushed.into_values().any(|count| count >= self.options.compaction_runs_max)
    }
}

/// Makes the batches of all slots in order.
fn make(log: &Log, shape: Shape, out: &SyncSender<Slot>) -> Result<()> {
    let slots = shape.slots();
    let mut due: Vec<Vec<u64>> = vec![Vec::new(); slots as usize];
    for slot in 0..slots {
        let labels = std::mem::take(&mut due[slot as usize]);
        let start = START + (slot * shape.slot_nanos()) as i64;
        let every = shape.slot_nanos() as i64 / labels.len().max(1) as i64;
        let known = (!labels.is_empty()).then(|| log.labels(&labels, (start, every), true)).transpose()?;
        for row in log.rows_of(slot) {
            // A sequence of its own, beside those of the row's time and id.
            let mut random = Random::new(SEED + 3, row);
            let later = slot + 1 + random.below(slots);
            if random.unit() < LABELLED
                && let Some(due) = due.get_mut(later as usize)
            {
                due.push(row);
            }
        }
        if out.send((log.predictions(slot)?, known)).is_err() {
            // Whoever writes has failed, and says why.
            return Ok(());
        }
    }
    Ok(())
}

fn bytes(engine: &Engine, written: &Written, report: &mut Report) -> Result<()> {
    let left = engine.disk_usage()?;
    let mut megabytes = |what: &str, bytes: u64| {
        report.figure(&format!("amplification/{what}_mb"), bytes as f64 / 1e6, "MB", UNSYNCED)
    };
    let (mut all, mut at_end) = (0, 0);
    for (kind, count, left) in [
        ("segments", &written.segments, left.segments),
        ("patches", &written.patches, left.patches),
        ("manifests", &written.manifests, left.manifest),
    ] {
        let count = count.load(Ordering::Relaxed);
        megabytes(&format!("{kind}_written"), count)?;
        megabytes(&format!("{kind}_left"), left)?;
        all += count;
        at_end += left;
    }
    megabytes("wal_written", written.wal.load(Ordering::Relaxed))?;
    report.figure("amplification/ratio", all as f64 / at_end as f64, "written/left", UNSYNCED)
}

fn work(engine: &Engine, table: TableId, report: &mut Report) -> Result<()> {
    let status = engine.status()?;
    report.figure("amplification/flushes", status.flushes as f64, "flushes", UNSYNCED)?;
    report.figure("amplification/compactions", status.compactions as f64, "compactions", UNSYNCED)?;
    let blocks = engine.snapshot().label_blocks(table);
    let mean = blocks.iter().sum::<usize>() as f64 / blocks.len().max(1) as f64;
    report.figure("amplification/label_blocks_mean", mean, "a segment", UNSYNCED)?;
    let most = blocks.iter().max().copied().unwrap_or_default() as f64;
    report.figure("amplification/label_blocks_most", most, "of one segment", UNSYNCED)
}
