//! The plan node over values in order: hands them to what is made of them.

use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

use super::request::Request;
use super::worker::{Work, Worker};

/// Hands values to what is made of them.
#[derive(Debug)]
pub(super) struct ValuesExec {
    request: Request,
    work: Arc<dyn Work>,
    input: Arc<dyn ExecutionPlan>,
    order: LexOrdering,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ValuesExec {
    /// Over the rows of [`Request::plan`].
    pub(super) fn try_new(
        request: Request,
        work: Arc<dyn Work>,
        input: Arc<dyn ExecutionPlan>,
        projection: Option<Vec<usize>>,
    ) -> Result<Self> {
        let options = SortOptions { descending: false, nulls_first: false };
        let sorted = request.order().enumerate().map(|(at, name)| {
            PhysicalSortExpr::new(Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>, options)
        });
        let Some(order) = LexOrdering::new(sorted) else {
            return internal_err!("{}: values have an order", request.function);
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(project_schema(&work.schema(), projection.as_ref())?),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let (properties, metrics) = (Arc::new(properties), Default::default());
        Ok(Self { request, work, input, order, projection, properties, metrics })
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("ValuesExec has one input");
        };
        let (request, work) = (self.request.clone(), Arc::clone(&self.work));
        Ok(Arc::new(Self::try_new(request, work, input, self.projection.clone())?))
    }
}

impl DisplayAs for ValuesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValuesExec: {}({})", self.work.function(), self.request.source)
    }
}

impl ExecutionPlan for ValuesExec {
    fn name(&self) -> &str {
        "ValuesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::from(self.order.clone()))]
    }

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
            return internal_err!("ValuesExec has one partition, not {}", partition + 1);
        }
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let asked = Arc::new(());
        let work = Arc::clone(&self.work);
        let worker = Worker::new(work, self.request.has_segment(), Arc::downgrade(&asked));
        let memory = MemoryConsumer::new(self.request.function).register(context.memory_pool());
        let input = self.input.execute(0, context)?;
        let run =
            Run { input, worker: Some(worker), memory, projection: self.projection.clone(), _asked: asked };
        let rows = futures::stream::try_unfold(run, |mut run| async move {
            Ok(run.next().await?.map(|batch| (batch, run)))
        });
        let rows = rows.try_filter(|batch| futures::future::ready(batch.num_rows() > 0));
        let rows = rows.inspect_ok(move |batch| {
            batch.record_output(&metrics);
        });
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(self.schema(), rows.boxed()))))
    }
}

/// The values on their way through.
struct Run {
    input: SendableRecordBatchStream,
    /// None once all is done.
    worker: Option<Worker>,
    memory: MemoryReservation,
    projection: Option<Vec<usize>>,
    /// Gone when nobody waits for the rows any more: the worker stops then.
    _asked: Arc<()>,
}

impl Run {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(mut worker) = self.worker.take() else { return Ok(None) };
        let batch = self.input.try_next().await?;
        let is_last = batch.is_none();
        // A test or a fit may take seconds: others get their turn meanwhile.
        let task = SpawnedTask::spawn_blocking(move || {
            let rows = match batch {
                Some(batch) => worker.take(&batch),
                None => worker.end(),
            };
            rows.map(|rows| (rows, worker))
        });
        let (rows, worker) =
            task.join_unwind().await.map_err(|error| DataFusionError::External(Box::new(error)))??;
        self.memory.try_resize(worker.bytes())?;
        self.worker = Some(worker).filter(|_| !is_last);
        match &self.projection {
            Some(projection) => Ok(Some(rows.project(projection)?)),
            None => Ok(Some(rows)),
        }
    }
}
