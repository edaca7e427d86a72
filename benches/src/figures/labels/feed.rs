//! Batches of labels, made before the clock starts.

use std::collections::VecDeque;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use parking_lot::Mutex;

use crate::engine::BATCH_ROWS;
use crate::workload::late::Log;
use crate::{Error, Result};

/// Threads that make batches.
const MAKERS: usize = 2;

/// Batches that several writers take from, in order.
#[derive(Debug)]
pub(super) struct Feed {
    batches: Mutex<Batches>,
    /// No batch is given out after this.
    pub(super) deadline: Option<Instant>,
    /// From when on, and how many labels a second at most.
    pub(super) pace: Option<(Instant, f64)>,
}

#[derive(Debug)]
struct Batches {
    left: VecDeque<RecordBatch>,
    /// Labels given out.
    taken: usize,
}

impl Feed {
    /// Labels of these rows.
    pub(super) fn new(log: &Log, rows: Range<u64>, (start, every): (i64, i64), given: bool) -> Result<Self> {
        let all: Vec<u64> = rows.collect();
        let starts = (start..).step_by(BATCH_ROWS * every.max(1) as usize);
        let batches: Vec<(i64, &[u64])> = starts.zip(all.chunks(BATCH_ROWS)).collect();
        let make = |batches: &[(i64, &[u64])]| -> Result<Vec<RecordBatch>> {
            let made = batches.iter().map(|(start, rows)| log.labels(rows, (*start, every), given));
            Ok(made.collect::<Result<_, _>>()?)
        };
        let left = thread::scope(|scope| {
            let share = batches.len().div_ceil(MAKERS).max(1);
            let makers: Vec<_> =
                batches.chunks(share).map(|batches| scope.spawn(move || make(batches))).collect();
            let mut left = VecDeque::new();
            for maker in makers {
                left.extend(maker.join().map_err(|_| Error::from("a generator panicked"))??);
            }
            Ok::<_, Error>(left)
        })?;
        Ok(Self { batches: Mutex::new(Batches { left, taken: 0 }), deadline: None, pace: None })
    }

    /// The next batch, once its turn has come.
    pub(super) fn take(&self) -> Option<RecordBatch> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        let (batch, before) = {
            let mut batches = self.batches.lock();
            let batch = batches.left.pop_front()?;
            let before = batches.taken;
            batches.taken += batch.num_rows();
            (batch, before)
        };
        if let Some((begun, rate)) = self.pace {
            let due = begun + Duration::from_secs_f64(before as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Some(batch)
    }
}
