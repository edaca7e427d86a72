//! Reads of a few columns, decoded and summed.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use driftline_storage::{Column, Engine, TableSchema, TimeRange};

use crate::workload::late::DAY;
use crate::{Error, Result};

/// Reads the same rows again and again, each time as they are then.
pub(super) struct Reader<'a> {
    engine: &'a Engine,
    table: &'a TableSchema,
    columns: Vec<Column>,
    time: TimeRange,
}

impl<'a> Reader<'a> {
    /// Of the day from `start` on.
    pub(super) fn new(
        engine: &'a Engine,
        table: &'a TableSchema,
        columns: &[&str],
        start: i64,
    ) -> Result<Self> {
        let column = |name: &&str| {
            let column = table.column_named(name).cloned();
            column.ok_or_else(|| Error::from(format!("{} has no {name}", table.name)))
        };
        let columns = columns.iter().map(column).collect::<Result<_>>()?;
        Ok(Self { engine, table, columns, time: TimeRange { min: start, max: start + DAY - 1 } })
    }

    /// Of all rows.
    pub(super) fn all(engine: &'a Engine, table: &'a TableSchema, column: &str) -> Result<Self> {
        Ok(Self { time: TimeRange::ALL, ..Self::new(engine, table, &[column], 0)? })
    }

    /// Values that are not null.
    pub(super) fn count(&self) -> Result<u64> {
        let mut count = 0;
        self.each(|column| count += (column.len() - column.null_count()) as u64)?;
        Ok(count)
    }

    /// Decodes and adds all values.
    pub(super) fn read(&self) -> Result<f64> {
        let mut sum = 0.0;
        self.each(|column| {
            if let Some(doubles) = column.as_primitive_opt::<Float64Type>() {
                sum += doubles.values().iter().sum::<f64>();
            } else if let Some(whole) = column.as_primitive_opt::<Int64Type>() {
                sum += whole.values().iter().sum::<i64>() as f64;
            }
        })?;
        Ok(sum)
    }

    fn each(&self, mut take: impl FnMut(&dyn Array)) -> Result<()> {
        for part in self.engine.snapshot().scan(self.table.id, self.time)? {
            for batch in part.read(&self.columns, self.time)? {
                batch.columns().iter().for_each(|column| take(column.as_ref()));
            }
        }
        Ok(())
    }

    /// Reads until the time is over; the median of the times, in milliseconds.
    pub(super) fn repeat(&self, over: &AtomicBool, deadline: Option<Instant>) -> Result<f64> {
        let mut times = Vec::new();
        let goes_on =
            || !over.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline);
        while times.is_empty() || goes_on() {
            let begun = Instant::now();
            black_box(self.read()?);
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_unstable_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }
}
