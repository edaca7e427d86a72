//! Hands values to what is made of them, segment by segment.

use std::fmt;
use std::sync::{Arc, Weak};

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{Float64Type, SchemaRef, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err, internal_err};

use super::report::Report;
use crate::limits::{SEGMENTS_MAX, VALUES_STEP_ROWS};

/// What is made of values.
pub(in crate::function::table) trait Work: fmt::Debug + Send + Sync {
    /// What a plan shows of it.
    fn function(&self) -> &'static str;

    /// The columns of the rows that come of it.
    fn schema(&self) -> SchemaRef;

    /// A segment begins; its name is None where it is NULL, or where there is but one.
    fn begin(&self, name: Option<&str>) -> Box<dyn Segment>;
}

/// A segment on its way.
pub(in crate::function::table) trait Segment: Send {
    /// Takes the next values and their times, in order, all of them finite.
    fn take(&mut self, times: &[i64], values: &[f64], report: &mut Report) -> Result<()>;

    /// No more values come.
    fn end(self: Box<Self>, report: &mut Report) -> Result<()>;

    /// The memory that it holds.
    fn bytes(&self) -> usize;
}

/// The segments in turn: rows come sorted by segment, so one is open at a time.
pub(super) struct Worker {
    work: Arc<dyn Work>,
    has_segment: bool,
    open: Option<Open>,
    segments: usize,
    /// Nobody waits for the rows any more once this is gone.
    asked: Weak<()>,
}

struct Open {
    name: Option<String>,
    segment: Box<dyn Segment>,
}

impl Worker {
    pub(super) fn new(work: Arc<dyn Work>, has_segment: bool, asked: Weak<()>) -> Self {
        Self { work, has_segment, open: None, segments: 0, asked }
    }

    /// The memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.segment.bytes())
    }

    /// Takes the next rows.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut report = Report::new(self.work.schema());
        let (names, columns) = match (self.has_segment, batch.columns()) {
            (true, [names, columns @ ..]) => (names.as_string_opt::<i32>(), columns),
            (_, columns) => (None, columns),
        };
        if self.has_segment && names.is_none() {
            return internal_err!("{}: segments must come as text", self.work.function());
        }
        let (times, values) = times_and_values(columns)?;
        let mut from = 0;
        while from < batch.num_rows() && self.asked.strong_count() > 0 {
            let end = names.map_or(batch.num_rows(), |names| end_of_run(names, from));
            self.open(names.and_then(|names| name(names, from)), &mut report)?;
            let part = |all: usize| all.min(end);
            for start in (from..end).step_by(VALUES_STEP_ROWS) {
                let range = start..part(start + VALUES_STEP_ROWS);
                let (Some(times), Some(values)) = (times.get(range.clone()), values.get(range)) else {
                    break;
                };
                self.step(times, values, &mut report)?;
            }
            from = end;
        }
        report.batch()
    }

    /// No more rows come.
    pub(super) fn end(&mut self) -> Result<RecordBatch> {
        let mut report = Report::new(self.work.schema());
        self.close(&mut report)?;
        report.batch()
    }

    /// Goes on with a segment, or begins it.
    fn open(&mut self, name: Option<&str>, report: &mut Report) -> Result<()> {
        if self.open.as_ref().is_some_and(|open| open.name.as_deref() == name) {
            return Ok(());
        }
        self.close(report)?;
        self.segments += 1;
        if self.segments > SEGMENTS_MAX {
            return exec_err!(
                "{}: `segment` has more than {SEGMENTS_MAX} values; take one with fewer",
                self.work.function()
            );
        }
        self.open = Some(Open { name: name.map(str::to_owned), segment: self.work.begin(name) });
        Ok(())
    }

    fn close(&mut self, report: &mut Report) -> Result<()> {
        match self.open.take() {
            Some(open) if self.asked.strong_count() > 0 => open.segment.end(report),
            _ => Ok(()),
        }
    }

    fn step(&mut self, times: &[i64], values: &[f64], report: &mut Report) -> Result<()> {
        match &mut self.open {
            Some(open) if self.asked.strong_count() > 0 => open.segment.take(times, values, report),
            _ => Ok(()),
        }
    }
}

fn times_and_values(columns: &[arrow::array::ArrayRef]) -> Result<(&[i64], &[f64])> {
    let [times, values] = columns else { return internal_err!("values come with their times") };
    let times = times.as_primitive_opt::<TimestampNanosecondType>();
    let values = values.as_primitive_opt::<Float64Type>();
    match (times, values) {
        (Some(times), Some(values)) if times.null_count() + values.null_count() == 0 => {
            Ok((times.values(), values.values()))
        }
        _ => internal_err!("values and their times must be there"),
    }
}

fn name(names: &StringArray, row: usize) -> Option<&str> {
    names.is_valid(row).then(|| names.value(row))
}

/// The first row after `from` of another segment.
fn end_of_run(names: &StringArray, from: usize) -> usize {
    let first = name(names, from);
    (from + 1..names.len()).find(|row| name(names, *row) != first).unwrap_or(names.len())
}
