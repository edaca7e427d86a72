//! The plan node that puts labels beside predictions.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    StatisticsArgs,
};
use driftline_storage::{Column, Snapshot, TableSchema};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::label_map::{LabelMap, text};
use super::schema_of;
use crate::error::QueryError;

/// Where the labels of a model are, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct LabelsTable {
    /// The moment.
    pub(crate) snapshot: Snapshot,
    /// The table that keeps them.
    pub(crate) table: Arc<TableSchema>,
    /// The model's KEY column.
    pub(crate) key: Column,
}

/// Adds to each row the newest label of its key. One row in, one row out; the labels are read once for all
/// partitions, at the first row asked for.
#[derive(Debug)]
pub(crate) struct LabelsExec {
    input: Arc<dyn ExecutionPlan>,
    labels: LabelsTable,
    /// The columns that leave, in order; the input may carry the key beyond them.
    columns: Vec<Column>,
    loaded: Arc<OnceCell<Loaded>>,
    properties: Arc<PlanProperties>,
}

/// The labels, and their share of the memory that queries may hold.
#[derive(Clone, Debug)]
struct Loaded {
    map: Arc<LabelMap>,
    _held: Arc<MemoryReservation>,
}

impl LabelsExec {
    /// Labels `input`, whose columns begin with `columns` and hold the key.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, labels: LabelsTable, columns: Vec<Column>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema_of(&columns)),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let loaded = Arc::new(OnceCell::new());
        Self { input, labels, columns, loaded, properties: Arc::new(properties) }
    }

    fn work(&self) -> Labelling {
        Labelling { labels: self.labels.clone(), loaded: Arc::clone(&self.loaded), schema: self.schema() }
    }
}

/// What labelling needs once the plan runs.
struct Labelling {
    labels: LabelsTable,
    loaded: Arc<OnceCell<Loaded>>,
    schema: SchemaRef,
}

impl Labelling {
    async fn load(&self, context: &TaskContext) -> Result<Arc<LabelMap>> {
        let loaded = self.loaded.get_or_try_init(|| self.read(context)).await?;
        Ok(Arc::clone(&loaded.map))
    }

    async fn read(&self, context: &TaskContext) -> Result<Loaded> {
        let labels = self.labels.clone();
        let held = MemoryConsumer::new(labels.table.name.clone()).register(context.memory_pool());
        let read = tokio::task::spawn_blocking(move || LabelMap::read(&labels)).await;
        let map = read.map_err(QueryError::from)??;
        held.try_grow(map.bytes())?;
        Ok(Loaded { map: Arc::new(map), _held: Arc::new(held) })
    }

    fn label(&self, map: &LabelMap, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(keys) = batch.column_by_name(&self.labels.key.name) else {
            return internal_err!("the rows to label lack their key {}", self.labels.key.name);
        };
        let keys = text(keys)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            columns.push(map.label(field.name(), &keys, column)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

impl DisplayAs for LabelsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DriftlineLabels: key={}", self.labels.key.name)
    }
}

impl ExecutionPlan for LabelsExec {
    fn name(&self) -> &'static str {
        "DriftlineLabels"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.labels.clone(), self.columns.clone()))),
            _ => internal_err!("labelling has one child"),
        }
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        Ok(Arc::new(match inputs.first() {
            Some(input) => unknown.with_num_rows(input.num_rows),
            None => unknown,
        }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = Arc::new(self.work());
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        let labelled = async move {
            let map = work.load(&context).await?;
            Ok::<_, DataFusionError>(rows.map(move |batch| work.label(&map, &batch?)))
        };
        let stream = futures::stream::once(labelled).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}
