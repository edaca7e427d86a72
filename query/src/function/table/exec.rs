//! The plan node over the inner scan: counts all its partitions at once, then compares.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::JoinSet;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err, internal_err, project_schema};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

use super::provider::Job;
use super::report::{self, Row};
use super::tally::Tally;
use super::windows::Windows;

/// Compares the windows of a model's rows with its baseline. One pass over the input, whatever the number of windows
/// and columns.
#[derive(Debug)]
pub(super) struct DriftExec {
    job: Arc<Job>,
    input: Arc<dyn ExecutionPlan>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DriftExec {
    /// Over a scan of `time` and the compared columns.
    pub(super) fn try_new(
        job: Arc<Job>,
        input: Arc<dyn ExecutionPlan>,
        projection: Option<Vec<usize>>,
    ) -> Result<Self> {
        let schema = project_schema(&report::schema(), projection.as_ref())?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { job, input, projection, properties: Arc::new(properties), metrics: Default::default() })
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("DriftExec has one input");
        };
        Ok(Arc::new(Self::try_new(Arc::clone(&self.job), input, self.projection.clone())?))
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
        vec![&self.input]
    }

    /// It counts each partition where it comes from; spreading rows over more would only copy them.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
        let (job, input, projection) =
            (Arc::clone(&self.job), Arc::clone(&self.input), self.projection.clone());
        let rows = async move {
            let rows = compare(job, input, context).await?;
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

/// Counts, then compares.
async fn compare(
    job: Arc<Job>,
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> Result<RecordBatch> {
    // The memory stays accounted for until the counts are gone.
    let (mut tally, _memory) = count_all(&job, &input, &context).await?;
    let mut rows = Vec::new();
    for (start, end, counters) in tally.reported()? {
        for (compared, counter) in job.columns.iter().zip(counters) {
            rows.push(Row::new(job.function, (start, end), compared, counter.distribution(), job.bins)?);
        }
        // Thousands of windows take a while: others get their turn between them.
        tokio::task::yield_now().await;
    }
    report::batch(&rows)
}

/// Counts each partition in a task of its own. Dropping the stream ends them.
async fn count_all(
    job: &Arc<Job>,
    input: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> Result<(Tally, Vec<MemoryReservation>)> {
    let mut parts = JoinSet::new();
    for partition in 0..input.output_partitioning().partition_count() {
        let rows = input.execute(partition, Arc::clone(context))?;
        parts.spawn(count(Arc::clone(job), rows, Arc::clone(context)));
    }
    let (mut total, mut reserved) = (Tally::new(Arc::clone(job)), Vec::new());
    while let Some(part) = parts.join_next().await {
        match part {
            Ok(part) => {
                let (tally, memory) = part?;
                total.merge(tally)?;
                reserved.push(memory);
            }
            Err(error) => return exec_err!("{}: counting was stopped: {error}", job.function),
        }
    }
    Ok((total, reserved))
}

async fn count(
    job: Arc<Job>,
    mut rows: SendableRecordBatchStream,
    context: Arc<TaskContext>,
) -> Result<(Tally, MemoryReservation)> {
    let memory = MemoryConsumer::new(job.function).register(context.memory_pool());
    let mut tally = Tally::new(job);
    while let Some(batch) = rows.try_next().await? {
        tally.add(&batch)?;
        memory.try_resize(tally.size())?;
    }
    Ok((tally, memory))
}
