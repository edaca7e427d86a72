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
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use driftline_storage::{TableId, TimeRange};
use futures::TryStreamExt;
use parking_lot::Mutex;

use super::condition::unqualified;
use super::time_filter;
use crate::limits::{HELD_ANSWERS_MAX, HELD_ASKED_MIN, HELD_ROWS_MAX, HELD_STEPS_MAX};

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

/// What was asked in the last steps. Not each step asks for the same: those of one table are due before those of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned(HashMap<Stretch, Wish>);

/// What was asked of a stretch when it was asked for last.
#[derive(Clone, Debug, Default)]
struct Wish {
    times: u32,
    /// Which of the table's columns.
    columns: BTreeSet<usize>,
    /// Steps since then.
    unused: u32,
}

/// The rows held in one step, and what it learns for the next.
#[derive(Debug, Default)]
pub(crate) struct Held {
    known: Learned,
    learning: Mutex<Learned>,
    rows: Mutex<HashMap<Asked, Option<Arc<Rows>>>>,
    /// What was worked out of rows and is asked for again, by a text that says all of it.
    answers: Mutex<HashMap<String, Arc<Vec<RecordBatch>>>>,
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

    /// What this step and those before it asked for.
    pub(crate) fn learned(&self) -> Learned {
        let mut learned = std::mem::take(&mut *self.learning.lock());
        for (stretch, wish) in &self.known.0 {
            let aged = || Wish { unused: wish.unused + 1, ..wish.clone() };
            if wish.unused < HELD_STEPS_MAX {
                learned.0.entry(*stretch).or_insert_with(aged);
            }
        }
        learned
    }

    /// What was worked out before in this step.
    pub(crate) fn answer(&self, question: &str) -> Option<Arc<Vec<RecordBatch>>> {
        self.answers.lock().get(question).cloned()
    }

    /// Holds what was worked out.
    pub(crate) fn put_answer(&self, question: String, answer: Arc<Vec<RecordBatch>>) {
        let mut answers = self.answers.lock();
        if answers.len() < HELD_ANSWERS_MAX {
            answers.insert(question, answer);
        }
    }

    /// Notes that these columns of a stretch are asked for; what there is of them.
    pub(super) fn ask(&self, asked: Asked, columns: &BTreeSet<usize>) -> There {
        let Some(stretch) = asked.stretch() else { return There::Nothing };
        {
            let mut learning = self.learning.lock();
            let wish = learning.0.entry(stretch).or_default();
            wish.times += 1;
            wish.columns.extend(columns);
        }
        let known = self.known.0.get(&stretch).filter(|wish| wish.times >= HELD_ASKED_MIN);
        let Some(Wish { columns: known, .. }) = known else { return There::Nothing };
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
    /// Reads what a plan gives; None of more rows than are held, or than there is room for: then each query reads for
    /// itself, as it would alone.
    pub(super) async fn read(
        state: &dyn Session,
        plan: Arc<dyn ExecutionPlan>,
        columns: &BTreeSet<usize>,
    ) -> Result<Option<Self>> {
        let context = state.task_ctx();
        let memory = MemoryConsumer::new("rows held for a step").register(context.memory_pool());
        let (schema, mut batches, mut count) = (plan.schema(), Vec::new(), 0);
        let mut rows = execute_stream(plan, context)?;
        while let Some(batch) = rows.try_next().await? {
            count += batch.num_rows();
            if count > HELD_ROWS_MAX || memory.try_grow(batch.get_array_memory_size()).is_err() {
                return Ok(None);
            }
            batches.push(batch);
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
