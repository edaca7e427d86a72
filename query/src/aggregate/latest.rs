//! The newest row of each group: found by its time alone, once for all columns that are asked of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampNanosecondArray};
use arrow::compute::{cast, interleave};
use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use driftline_storage::TIME_COLUMN;

use super::exec::Aggregate;
use super::fold::Span;
use super::shape::{Key, Shape};

/// Where the newest row of a group is.
#[derive(Clone, Copy, Debug)]
struct Newest {
    time: i64,
    batch: usize,
    row: usize,
}

/// The newest rows so far. Of rows of one time the first that came stays.
#[derive(Debug, Default)]
pub(super) struct Latest {
    groups: Vec<Option<Newest>>,
    /// Only rows that were the newest when they came.
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Latest {
    /// Looks at the times of rows, spans say whose they are: which of them are to be handed to [`Self::push`] next, rising.
    pub(super) fn choose(&mut self, times: &[i64], spans: &[Span], total: usize) -> Vec<u32> {
        self.groups.resize(total.max(self.groups.len()), None);
        let (at, mut touched) = (self.batches.len(), Vec::new());
        for span in spans {
            let Some(newest) = self.groups.get_mut(span.group) else { continue };
            for row in span.rows.clone() {
                let Some(time) = times.get(row).copied() else { continue };
                if newest.is_none_or(|newest| newest.time < time) {
                    if newest.is_none_or(|newest| newest.batch != at) {
                        touched.push(span.group);
                    }
                    *newest = Some(Newest { time, batch: at, row });
                }
            }
        }
        touched.sort_unstable_by_key(|group| self.groups.get(*group).and_then(|newest| Some((*newest)?.row)));
        let mut places = Vec::with_capacity(touched.len());
        for group in touched {
            let Some(Some(newest)) = self.groups.get_mut(group) else { continue };
            places.push(newest.row as u32);
            newest.row = places.len() - 1;
        }
        places
    }

    /// Takes up the rows that were chosen, if there are any.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.batches.push(batch);
        self.settle()
    }

    /// Leaves out rows that are the newest no more, where they are the most.
    fn settle(&mut self) -> Result<()> {
        if self.batches.len() < 2 || self.rows <= 2 * self.groups.len() + 8_192 {
            return Ok(());
        }
        let Some(schema) = self.batches.first().map(RecordBatch::schema) else { return Ok(()) };
        let columns = (0..schema.fields().len()).map(|column| self.gathered(&self.column(column)));
        let batch = RecordBatch::try_new(schema, columns.collect::<Result<_>>()?)?;
        for (row, newest) in self.groups.iter_mut().flatten().enumerate() {
            (newest.batch, newest.row) = (0, row);
        }
        self.rows = batch.num_rows();
        self.batches = vec![batch];
        Ok(())
    }

    fn column(&self, at: usize) -> Vec<ArrayRef> {
        self.batches.iter().filter_map(|batch| batch.columns().get(at).cloned()).collect()
    }

    /// One value a group out of an array a batch.
    fn gathered(&self, arrays: &[ArrayRef]) -> Result<ArrayRef> {
        let arrays: Vec<_> = arrays.iter().map(AsRef::as_ref).collect();
        let places: Vec<(usize, usize)> = self.groups.iter().flatten().map(|n| (n.batch, n.row)).collect();
        Ok(interleave(&arrays, &places)?)
    }

    /// What the aggregates make of the newest rows, which leaves none.
    pub(super) fn values(&mut self, aggregates: &[Aggregate]) -> Result<Vec<ArrayRef>> {
        let value = |aggregate: &Aggregate| {
            let Some(argument) = aggregate.arguments.first() else {
                return internal_err!("the last of nothing");
            };
            if aggregate.function.fun().name() == "max" {
                return self.times(aggregate.function.field().data_type());
            }
            let of_batch = |batch: &RecordBatch| argument.evaluate(batch)?.into_array(batch.num_rows());
            self.gathered(&self.batches.iter().map(of_batch).collect::<Result<Vec<_>>>()?)
        };
        let values = aggregates.iter().map(value).collect::<Result<_>>()?;
        *self = Self::default();
        Ok(values)
    }

    fn times(&self, ty: &DataType) -> Result<ArrayRef> {
        let times = self.groups.iter().flatten().map(|newest| newest.time);
        let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
        Ok(cast(&(Arc::new(times) as ArrayRef), ty)?)
    }

    /// Bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        let rows: usize = self.batches.iter().map(RecordBatch::get_array_memory_size).sum();
        rows + self.groups.capacity() * size_of::<Option<Newest>>()
    }
}

/// Whether aggregates of which the last rows of series are enough want nothing but the newest row of each group: what orders
/// rows before time is the same for all rows of a group.
pub(super) fn is_of_newest(aggregates: &[Aggregate], shape: &Shape) -> bool {
    let is_key = |expr: &Arc<dyn PhysicalExpr>| {
        shape
            .keys
            .iter()
            .any(|key| matches!(key, Key::Tags(key) if named(key).is_some() && named(key) == named(expr)))
    };
    aggregates.iter().all(|aggregate| {
        let values = aggregate.function.expressions().len().min(aggregate.arguments.len());
        let order = aggregate.arguments.get(values..).unwrap_or_default();
        order.iter().all(|expr| named(expr) == Some(TIME_COLUMN) || is_key(expr))
    })
}

fn named(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    expr.downcast_ref::<ColumnExpr>().map(ColumnExpr::name)
}
