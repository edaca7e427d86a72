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
use futures::{StreamExt, TryStreamExt};

use super::counted::{Counts, Reported, times};
use super::provider::Job;
use super::report::{self, Row, Wanted};
use super::windows::Windows;
use crate::catalog::CatalogView;
use crate::stats::binning::Reference;

/// Windows from which on they are shared among threads.
const WINDOWS_APART_MIN: usize = 16;

/// Compares the windows of a model's rows with its baseline.
#[derive(Debug)]
pub(super) struct DriftExec {
    job: Arc<Job>,
    input: Arc<dyn ExecutionPlan>,
    /// Gives the time of the last row, where that is needed.
    last_row: Option<Arc<dyn ExecutionPlan>>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DriftExec {
    /// Over the rows of [`counted`](super::counted::counted).
    pub(super) fn try_new(
        job: Arc<Job>,
        input: Arc<dyn ExecutionPlan>,
        last_row: Option<Arc<dyn ExecutionPlan>>,
        projection: Option<Vec<usize>>,
    ) -> Result<Self> {
        let schema = project_schema(&report::schema(), projection.as_ref())?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self {
            job,
            input,
            last_row,
            projection,
            properties: Arc::new(properties),
            metrics: Default::default(),
        })
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut children = children.into_iter();
        let (Some(input), last_row, None) = (children.next(), children.next(), children.next()) else {
            return internal_err!("DriftExec has one input, and one that gives the time of the last row");
        };
        let (job, projection) = (Arc::clone(&self.job), self.projection.clone());
        Ok(Arc::new(Self::try_new(job, input, last_row, projection)?))
    }
}

impl DisplayAs for DriftExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { model, baseline, windows, columns, .. } = self.job.as_ref();
        write!(f, "DriftExec: model={model}, baseline={baseline}, ")?;
        match windows {
            Windows::One { .. } => write!(f, "windows=one")?,
            Windows::Every { width, .. } => {
                write!(f, "windows=every {:?}", std::time::Duration::from_nanos(width.unsigned_abs()))?
            }
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
        std::iter::once(&self.input).chain(&self.last_row).collect()
    }

    /// There is a row a window, and none is looked at twice.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; 1 + usize::from(self.last_row.is_some())]
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
        let (input, last_row) = (Arc::clone(&self.input), self.last_row.clone());
        let rows = async move {
            let last_row = match last_row {
                Some(last_row) => last_of(last_row, Arc::clone(&context)).await?,
                None => None,
            };
            let wanted = Wanted::in_projection(projection.as_deref());
            let rows = compare(job, input, last_row, wanted, context).await?;
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

/// Compares what was counted.
async fn compare(
    job: Arc<Job>,
    input: Arc<dyn ExecutionPlan>,
    last_row: Option<i64>,
    wanted: Wanted,
    context: Arc<TaskContext>,
) -> Result<RecordBatch> {
    // The memory stays accounted for until the counts are gone.
    let memory = MemoryConsumer::new(job.function).register(context.memory_pool());
    let batches = counted(&job, input, &memory, &context).await?;
    let counts = Arc::new(Counts::new(&job, batches)?);
    let windows: Vec<Reported> = counts.reported(job.windows, last_row).collect();
    // Nobody waits for the rows any more once this is gone.
    let asked = Arc::new(());
    let threads = context.session_config().target_partitions();
    let work = |windows: &[Reported]| {
        let (job, counts, asked) = (Arc::clone(&job), Arc::clone(&counts), Arc::downgrade(&asked));
        let windows = windows.to_vec();
        SpawnedTask::spawn_blocking(move || rows_of(&job, wanted, &counts, &windows, &asked))
    };
    let share = windows.len().div_ceil(threads.max(1)).max(WINDOWS_APART_MIN);
    let tasks: Vec<_> = windows.chunks(share).map(work).collect();
    let mut rows = Vec::new();
    for task in tasks {
        let rows_of_task = task.join_unwind().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
        rows.extend(rows_of_task?);
    }
    report::batch(&rows)
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
    let mut batches = Vec::new();
    let mut counted = execute_stream(input, Arc::clone(context))?;
    while let Some(batch) = counted.try_next().await? {
        memory.try_grow(batch.get_array_memory_size())?;
        batches.push(batch);
    }
    if let Some((held, question)) = held {
        held.put_answer(question, Arc::new(batches.clone()));
    }
    Ok(batches)
}

/// All that the counts depend on, within one snapshot: of a kind that the baseline has, by which they are counted.
fn question(job: &Job, view: &CatalogView) -> String {
    let columns: Vec<(&str, &str)> =
        job.columns.iter().map(|it| (it.name.as_str(), it.reference.kind_name())).collect();
    format!("{} {:?} {columns:?} {:?} {:?}", job.model, job.windows, view.horizon(), view.known_at())
}

/// Compares some windows, until nobody asks for them.
fn rows_of(
    job: &Job,
    wanted: Wanted,
    counts: &Counts,
    windows: &[Reported],
    asked: &Weak<()>,
) -> Result<Vec<Row>> {
    let mut references: Vec<Reference<'_>> =
        job.columns.iter().map(|compared| Reference::new(&compared.reference, job.bins)).collect();
    let mut rows = Vec::with_capacity(windows.len() * job.columns.len());
    for (start, end, window) in windows.iter().take_while(|_| asked.strong_count() > 0) {
        for (at, compared) in job.columns.iter().zip(&mut references).enumerate() {
            let current = counts.distribution(job, *window, at)?;
            rows.push(Row::new(job, wanted, (*start, *end), compared, &current)?);
        }
    }
    Ok(rows)
}
