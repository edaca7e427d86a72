//! Counting the rows of a scan by window and column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};

use super::provider::Job;
use crate::function::counting::Counter;
use crate::limits::WINDOWS_MAX;

/// Runs of rows shorter than this on average are put in order first: each run has a cost of its own.
const RUN_ROWS_MIN: usize = 64;

/// Counts by window and column.
#[derive(Debug)]
pub(super) struct Tally {
    job: Arc<Job>,
    windows: BTreeMap<i64, Vec<Counter>>,
    last_row: Option<i64>,
    bytes: usize,
}

impl Tally {
    /// Of no rows.
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self { job, windows: BTreeMap::new(), last_row: None, bytes: 0 }
    }

    /// Counts the rows of a batch: `time`, then the compared columns.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((time, columns)) = batch.columns().split_first() else { return Ok(()) };
        if columns.len() != self.job.columns.len() {
            return exec_err!("{}: the scan gives {} columns", self.job.function, columns.len());
        }
        let times = cast(time, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
        let times = times.as_primitive::<TimestampNanosecondType>().values();
        self.last_row = self.last_row.max(times.iter().max().copied());
        let keys: Vec<i64> = times.iter().map(|time| self.job.windows.key(*time)).collect();
        let columns = self.prepare(columns)?;
        let (runs, columns) = in_runs(&keys, columns)?;
        runs.into_iter().try_for_each(|(key, rows)| self.add_run(key, &rows, &columns))
    }

    /// The columns in types that can be counted.
    fn prepare(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let pairs = self.job.columns.iter().zip(columns);
        pairs.map(|(compared, column)| Counter::like(&compared.reference).prepare(column)).collect()
    }

    /// Counts rows of one window.
    fn add_run(&mut self, key: i64, rows: &Range<usize>, columns: &[ArrayRef]) -> Result<()> {
        let mut grown = 0;
        for (counter, column) in self.counters(key)?.iter_mut().zip(columns) {
            let before = counter.size();
            counter.add(&column.slice(rows.start, rows.len()))?;
            // Counts that go by a coarser lattice shrink; what was held meanwhile stays counted.
            grown += counter.size().saturating_sub(before);
        }
        self.bytes += grown;
        Ok(())
    }

    fn counters(&mut self, key: i64) -> Result<&mut Vec<Counter>> {
        let (job, n) = (&self.job, self.windows.len());
        let slot = self.windows.entry(key);
        if n >= WINDOWS_MAX && matches!(slot, std::collections::btree_map::Entry::Vacant(_)) {
            return exec_err!(
                "{}: the rows fall into more than {WINDOWS_MAX} windows; make `window` longer, or `from` and `to` closer",
                job.function
            );
        }
        let new = || job.columns.iter().map(|compared| Counter::like(&compared.reference)).collect();
        Ok(slot.or_insert_with(new))
    }

    /// Adds the counts of another part of the scan.
    pub(super) fn merge(&mut self, other: Self) -> Result<()> {
        self.last_row = self.last_row.max(other.last_row);
        for (key, theirs) in other.windows {
            for (mine, theirs) in self.counters(key)?.iter_mut().zip(&theirs) {
                mine.merge(theirs.distribution())?;
            }
        }
        self.bytes += other.bytes;
        Ok(())
    }

    /// Start, end and counts of the windows to report, ascending.
    pub(super) fn reported(&mut self) -> Result<Vec<(i64, i64, &[Counter])>> {
        let windows = self.job.windows;
        if let super::windows::Windows::One { .. } = windows {
            self.counters(0)?;
        }
        let last_row = self.last_row;
        let each = self.windows.iter();
        Ok(each
            .filter_map(|(key, counters)| {
                windows.bounds(*key, last_row).map(|(start, end)| (start, end, counters.as_slice()))
            })
            .collect())
    }

    /// Bytes held, at most.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.windows.len() * self.job.columns.len() * size_of::<Counter>()
    }
}

type Runs = Vec<(i64, Range<usize>)>;

/// Rows of the same window that lie together. Where they mostly do not, the columns are put in order first.
fn in_runs(keys: &[i64], columns: Vec<ArrayRef>) -> Result<(Runs, Vec<ArrayRef>)> {
    let found = runs(keys);
    if found.len() <= 1 + keys.len() / RUN_ROWS_MIN {
        return Ok((found, columns));
    }
    let mut order: Vec<(i64, u32)> = keys.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let places: UInt32Array = order.iter().map(|(_, place)| *place).collect();
    let keys: Vec<i64> = order.into_iter().map(|(key, _)| key).collect();
    let columns = columns.iter().map(|column| take(column, &places, None)).collect::<Result<_, _>>()?;
    Ok((runs(&keys), columns))
}

fn runs(keys: &[i64]) -> Runs {
    let mut start = 0;
    let run = |same: &[i64]| {
        let rows = start..start + same.len();
        start = rows.end;
        same.first().map(|key| (*key, rows))
    };
    keys.chunk_by(|a, b| a == b).filter_map(run).collect()
}
