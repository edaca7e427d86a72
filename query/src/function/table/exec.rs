//! The plan node over what was counted of the windows: compares them.

use std::fmt;
use std::sync::{Arc, Weak};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, execute_stream,
};
use driftline_storage::distribution::{Categorical, Distribution, Numeric};
use futures::{StreamExt, TryStreamExt};

use super::compare::{Pair, Window, adjust, summarised};
use super::counted::{Cell, Counts, Reported, times};
use super::provider::{Answer, Job};
use super::report::{self, Row, Wanted};
use super::summary;
use super::windows::Windows;
use crate::catalog::CatalogView;
use crate::stats::binning::Reference;

/// Windows from which on they are shared among threads.
const WINDOWS_APART_MIN: usize = 16;

/// The plans whose rows are compared.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    /// The rows of [`counted`](super::counted::counted).
    pub counts: Arc<dyn ExecutionPlan>,
    /// Gives the time of the last row, where that is needed.
    pub last_row: Option<Arc<dyn ExecutionPlan>>,
    /// What the baseline's rows were in each segment, where those are told apart.
    pub reference: Option<Arc<dyn ExecutionPlan>>,
}

impl Inputs {
    fn all(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.counts).chain(&self.last_row).chain(&self.reference).collect()
    }

    /// Others in the place of these.
    fn replaced(&self, by: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        let expected = self.all().len();
        if by.len() != expected {
            return internal_err!("DriftExec has {expected} inputs, not {}", by.len());
        }
        let mut by = by.into_iter();
        let Some(counts) = by.next() else { return internal_err!("DriftExec has an input") };
        let last_row = self.last_row.is_some().then(|| by.next()).flatten();
        Ok(Self { counts, last_row, reference: by.next() })
    }
}

/// Compares the windows of a model's rows with its baseline.
#[derive(Debug)]
pub(super) struct DriftExec {
    job: Arc<Job>,
    inputs: Inputs,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DriftExec {
    /// Over its inputs.
    pub(super) fn try_new(job: Arc<Job>, inputs: Inputs, projection: Option<Vec<usize>>) -> Result<Self> {
        let schema = project_schema(&job.answer.schema(), projection.as_ref())?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { job, inputs, projection, properties: Arc::new(properties), metrics: Default::default() })
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let inputs = self.inputs.replaced(children)?;
        Ok(Arc::new(Self::try_new(Arc::clone(&self.job), inputs, self.projection.clone())?))
    }
}

impl DisplayAs for DriftExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { model, baseline, windows, columns, segment, .. } = self.job.as_ref();
        write!(f, "DriftExec: model={model}, baseline={baseline}, ")?;
        match windows {
            Windows::One { .. } => write!(f, "windows=one")?,
            Windows::Every { width, .. } => {
                write!(f, "windows=every {:?}", std::time::Duration::from_nanos(width.unsigned_abs()))?
            }
            Windows::Rows { count, is_last: true, .. } => write!(f, "windows=the last {count} rows")?,
            Windows::Rows { count, .. } => write!(f, "windows=every {count} rows")?,
        }
        if let Some(segment) = segment {
            write!(f, ", segment={}", segment.text)?;
        }
        let names: Vec<&str> = columns.iter().map(|compared| compared.name.as_str()).collect();
        write!(f, ", columns=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for DriftExec {
    fn name(&self) -> &str {
        "DriftExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.all()
    }

    /// There is a row a window, and none is looked at twice.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.all().len()]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("DriftExec has one partition, not {}", partition + 1);
        }
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (job, projection) = (Arc::clone(&self.job), self.projection.clone());
        let inputs = self.inputs.clone();
        let rows = async move {
            let rows = compare(job, inputs, projection.as_deref(), context).await?;
            let rows = match projection {
                Some(projection) => rows.project(&projection)?,
                None => rows,
            };
            Ok(rows.record_output(&metrics))
        };
        let schema: SchemaRef = self.schema();
        let stream = futures::stream::once(rows);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream.boxed())))
    }
}

/// The time of the last row; none of no rows.
async fn last_of(last_row: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<Option<i64>> {
    let mut rows = execute_stream(last_row, context)?;
    let mut last = None;
    while let Some(batch) = rows.try_next().await? {
        last = last.max(times(&batch)?.into_iter().max());
    }
    Ok(last)
}

/// What is compared: the counts of the windows, and of the baseline where segments are told apart.
#[derive(Debug)]
struct Sides {
    windows: Counts,
    reference: Option<Counts>,
}

/// Compares what was counted.
async fn compare(
    job: Arc<Job>,
    inputs: Inputs,
    projection: Option<&[usize]>,
    context: Arc<TaskContext>,
) -> Result<RecordBatch> {
    let wanted = Wanted::of(job.answer, projection);
    let last_row = match inputs.last_row {
        Some(last_row) => last_of(last_row, Arc::clone(&context)).await?,
        None => None,
    };
    // The memory stays accounted for until the counts are gone.
    let memory = MemoryConsumer::new(job.function).register(context.memory_pool());
    let reference = match inputs.reference {
        Some(reference) => Some(Counts::new(&job, collected(reference, &memory, &context).await?)?),
        None => None,
    };
    let windows = Counts::new(&job, counted(&job, inputs.counts, &memory, &context).await?)?;
    let reported = windows.reported(job.windows, last_row);
    let sides = Arc::new(Sides { windows, reference });
    let rows =
        rows_of_all(&job, wanted, &sides, &reported, context.session_config().target_partitions()).await?;
    match job.answer {
        Answer::Columns => report::batch(&rows),
        Answer::Verdict => summary::batch(&rows),
    }
}

/// The rows of all windows, which are dealt to threads.
async fn rows_of_all(
    job: &Arc<Job>,
    wanted: Wanted,
    sides: &Arc<Sides>,
    windows: &[Reported],
    threads: usize,
) -> Result<Vec<Row>> {
    // Nobody waits for the rows any more once this is gone.
    let asked = Arc::new(());
    let work = |windows: &[Reported]| {
        let (job, sides, asked) = (Arc::clone(job), Arc::clone(sides), Arc::downgrade(&asked));
        let windows = windows.to_vec();
        SpawnedTask::spawn_blocking(move || rows_of(&job, wanted, &sides, &windows, &asked))
    };
    let share = windows.len().div_ceil(threads.max(1)).max(WINDOWS_APART_MIN);
    let tasks: Vec<_> = windows.chunks(share).map(work).collect();
    let mut rows = Vec::new();
    for task in tasks {
        let rows_of_task = task.join_unwind().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
        rows.extend(rows_of_task?);
    }
    Ok(rows)
}

/// The counts of all windows. Where many ask in one step they are counted once.
async fn counted(
    job: &Job,
    input: Arc<dyn ExecutionPlan>,
    memory: &MemoryReservation,
    context: &Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    let view = context.session_config().get_extension::<CatalogView>();
    let held = view.as_ref().and_then(|view| Some((view.held()?, question(job, view))));
    if let Some(known) = held.as_ref().and_then(|(held, question)| held.answer(question)) {
        return Ok(known.to_vec());
    }
    let batches = collected(input, memory, context).await?;
    if let Some((held, question)) = held {
        held.put_answer(question, Arc::new(batches.clone()));
    }
    Ok(batches)
}

/// All rows of an input.
async fn collected(
    input: Arc<dyn ExecutionPlan>,
    memory: &MemoryReservation,
    context: &Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    let mut rows = execute_stream(input, Arc::clone(context))?;
    while let Some(batch) = rows.try_next().await? {
        memory.try_grow(batch.get_array_memory_size())?;
        batches.push(batch);
    }
    Ok(batches)
}

/// All that the counts depend on, within one snapshot: of a kind that the baseline has, by which they are counted.
fn question(job: &Job, view: &CatalogView) -> String {
    let columns: Vec<(&str, &str)> =
        job.columns.iter().map(|it| (it.name.as_str(), it.reference.kind_name())).collect();
    let segment = job.segment.as_ref().map(|segment| &segment.text);
    let (windows, is_previous) = (job.windows, job.is_previous);
    format!(
        "{} {windows:?} {is_previous} {segment:?} {columns:?} {:?} {:?}",
        job.model,
        view.horizon(),
        view.known_at()
    )
}

/// Compares some windows, until nobody asks for them.
fn rows_of(
    job: &Job,
    wanted: Wanted,
    sides: &Sides,
    windows: &[Reported],
    asked: &Weak<()>,
) -> Result<Vec<Row>> {
    let mut references: Vec<Reference<'_>> =
        job.columns.iter().map(|compared| Reference::new(&compared.reference, job.bins)).collect();
    let mut all = Vec::with_capacity(windows.len() * job.columns.len());
    for (key, start, end) in windows.iter().take_while(|_| asked.strong_count() > 0) {
        let window = Window { job, wanted, bounds: (*start, *end) };
        let mut rows = match job.is_previous || job.segment.is_some() {
            true => apart(&window, sides, *key)?,
            false => together(&window, sides, *key, &mut references)?,
        };
        if wanted.adjusted {
            adjust(&mut rows);
        }
        all.extend(rows);
    }
    Ok(all)
}

/// The rows of a window that is compared with the baseline as a whole.
fn together(
    window: &Window<'_>,
    sides: &Sides,
    key: i64,
    references: &mut [Reference<'_>],
) -> Result<Vec<Row>> {
    let job = window.job;
    let cell = sides.windows.cells(key).first();
    let mut rows = Vec::with_capacity(job.columns.len());
    for (at, (compared, bins)) in job.columns.iter().zip(references).enumerate() {
        let current = of_cell(job, &sides.windows, cell, at)?;
        let pair = Pair { reference: &compared.reference, current: &current };
        rows.push(window.row(None, compared, &pair, bins)?);
    }
    Ok(rows)
}

/// The rows of a window whose reference is counted as it is: the window before, or the baseline in each segment.
fn apart(window: &Window<'_>, sides: &Sides, key: i64) -> Result<Vec<Row>> {
    let job = window.job;
    let (known, before) = match &sides.reference {
        Some(reference) => (reference, 0),
        None => (&sides.windows, job.windows.before(key)),
    };
    let (reference, current) = (known.cells(before), sides.windows.cells(key));
    let mut segments: Vec<Option<&str>> =
        reference.iter().chain(current).map(|cell| cell.segment.as_deref()).collect();
    segments.sort_unstable();
    segments.dedup();
    if segments.is_empty() && job.segment.is_none() {
        segments.push(None);
    }
    let find = |cells: &'_ [Cell], segment: Option<&str>| {
        cells.iter().find(|cell| cell.segment.as_deref() == segment).cloned()
    };
    let mut rows = Vec::new();
    if let Some(segment) = &job.segment {
        rows.push(window.mix(&segment.text, reference, current));
    }
    for segment in segments {
        let (before, now) = (find(reference, segment), find(current, segment));
        for (at, compared) in job.columns.iter().enumerate() {
            let reference = of_cell(job, known, before.as_ref(), at)?;
            let reference = if job.judging.is_exact { reference } else { summarised(reference) };
            let current = of_cell(job, &sides.windows, now.as_ref(), at)?;
            let mut bins = Reference::new(&reference, job.bins);
            let pair = Pair { reference: &reference, current: &current };
            rows.push(window.row(segment, compared, &pair, &mut bins)?);
        }
    }
    Ok(rows)
}

/// What was counted of a column; of nothing where there is no cell.
fn of_cell(job: &Job, counts: &Counts, cell: Option<&Cell>, column: usize) -> Result<Distribution> {
    match cell {
        Some(cell) => counts.distribution(job, cell, column),
        None => match job.columns.get(column).map(|compared| &compared.reference) {
            Some(Distribution::Categorical(_)) => Ok(Distribution::Categorical(Categorical::new())),
            _ => Ok(Distribution::Numeric(Numeric::new())),
        },
    }
}
