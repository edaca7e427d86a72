//! Rows that several queries of one step read, held in memory while the step lasts.
//!
//! Continuous queries and alerts of one table ask for the same stretch of time, many at once. Which stretches are asked for
//! more than once is learned from the step before, as lengths and distances from the moment: then they are read once, with
//! the columns that were asked for, and the queries find them here. What is held is what a scan would have read: the same
//! snapshot, the same labels.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use driftline_storage::{TableId, TimeRange};
use parking_lot::Mutex;

use super::condition::unqualified;
use super::time_filter;
use crate::limits::HELD_ASKED_MIN;

/// A stretch of time of a table, as it comes again in the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stretch {
    table: TableId,
    /// With labels as of a moment.
    is_as_of: bool,
    length: i64,
    /// How long before the moment it ends.
    before: i64,
}

/// The same in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) table: TableId,
    pub(super) as_of: Option<i64>,
    pub(super) time: TimeRange,
    /// The moment that the query is asked for; without one the end of the stretch.
    pub(super) now: Option<i64>,
}

/// What was asked in a step: how often each stretch, and which of the table's columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned(HashMap<Stretch, (u32, BTreeSet<usize>)>);

/// The rows held in one step, and what it learns for the next.
#[derive(Debug, Default)]
pub(crate) struct Held {
    known: Learned,
    learning: Mutex<Learned>,
    rows: Mutex<HashMap<Asked, Option<Arc<Rows>>>>,
}

/// Rows of a stretch.
#[derive(Debug)]
pub(super) struct Rows {
    /// The columns of the table that are here, ascending.
    columns: BTreeSet<usize>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

impl Asked {
    fn stretch(&self) -> Option<Stretch> {
        let TimeRange { min, max } = self.time;
        let length = max.checked_sub(min).filter(|_| min > i64::MIN && max < i64::MAX)?;
        let before = self.now.map_or(0, |now| now.saturating_sub(max));
        Some(Stretch { table: self.table, is_as_of: self.as_of.is_some(), length, before })
    }
}

impl Held {
    /// For a step after one in which so much was asked.
    pub(crate) fn after(known: Learned) -> Self {
        Self { known, ..Self::default() }
    }

    /// What this step asked for.
    pub(crate) fn learned(&self) -> Learned {
        std::mem::take(&mut *self.learning.lock())
    }

    /// Notes that these columns of a stretch are asked for; what there is of them.
    pub(super) fn ask(&self, asked: Asked, columns: &BTreeSet<usize>) -> There {
        let Some(stretch) = asked.stretch() else { return There::Nothing };
        {
            let mut learning = self.learning.lock();
            let (times, all) = learning.0.entry(stretch).or_default();
            *times += 1;
            all.extend(columns);
        }
        let known = self.known.0.get(&stretch).filter(|(times, _)| *times >= HELD_ASKED_MIN);
        let Some((_, known)) = known else { return There::Nothing };
        let mut wanted: BTreeSet<usize> = known | columns;
        match self.rows.lock().get(&asked) {
            Some(None) => return There::Nothing,
            Some(Some(rows)) if rows.columns.is_superset(columns) => return There::Rows(Arc::clone(rows)),
            Some(Some(rows)) => wanted.extend(&rows.columns),
            None => {}
        }
        There::Read(wanted)
    }

    /// Holds the rows of a stretch; None where they are too many.
    pub(super) fn put(&self, asked: Asked, rows: Option<Arc<Rows>>) {
        self.rows.lock().insert(asked, rows);
    }
}

/// What there is of a stretch.
pub(super) enum There {
    /// It is not held.
    Nothing,
    /// Its rows.
    Rows(Arc<Rows>),
    /// It is worth being read, with these columns.
    Read(BTreeSet<usize>),
}

impl Rows {
    /// Reads what a plan gives.
    pub(super) async fn read(
        state: &dyn Session,
        plan: Arc<dyn ExecutionPlan>,
        columns: &BTreeSet<usize>,
    ) -> Result<Option<Self>> {
        let context = state.task_ctx();
        let memory = MemoryConsumer::new("rows held for a step").register(context.memory_pool());
        let schema = plan.schema();
        let batches = collect(plan, context).await?;
        let bytes = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        // Without room for them each query reads for itself, as it would alone.
        if memory.try_grow(bytes).is_err() {
            return Ok(None);
        }
        Ok(Some(Self { columns: columns.clone(), schema, batches, _memory: memory }))
    }

    /// Those of the columns at `projection` of the table for which filters are true. That their times lie in the stretch
    /// is known.
    pub(super) fn scan(
        &self,
        state: &dyn Session,
        projection: &[usize],
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let of_rows = filters.iter().filter(|filter| time_filter::exact_range(filter).is_none());
        let of_rows: Vec<Expr> = of_rows.map(unqualified).collect::<Result<_>>()?;
        let places: Vec<usize> =
            projection.iter().filter_map(|at| self.columns.iter().position(|held| held == at)).collect();
        let rows = [self.batches.clone()];
        let Some(filter) = conjunction(of_rows) else {
            let all = MemorySourceConfig::try_new_exec(&rows, Arc::clone(&self.schema), Some(places))?;
            return Ok(all);
        };
        let all = MemorySourceConfig::try_new_exec(&rows, Arc::clone(&self.schema), None)?;
        let known = DFSchema::try_from(Arc::clone(&self.schema))?;
        let filter = state.create_physical_expr(filter, &known)?;
        let filtered = Arc::new(FilterExec::try_new(filter, all)?);
        let column = |at: &usize| {
            let name = self.schema.field(*at).name();
            Ok((col(name, &self.schema)?, name.clone()))
        };
        let columns = places.iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, filtered)?))
    }
}
