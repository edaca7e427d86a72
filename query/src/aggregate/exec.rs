//! The plan node: aggregation of a table, partial or whole, by stretches of time and tags, straight from its parts.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use driftline_storage::distribution::Lattice;
use driftline_storage::{ScanPart, TableSchema, TimeRange};

use super::shape::{Key, Shape};
use super::state::CellState;
use super::work::{Work, WorkMetrics};
use crate::scan::{Outlet, Reader, ScanMetrics};

/// Batches of states that a partition may be ahead of their reader.
const BATCHES_AHEAD_MAX: usize = 2;

/// An aggregate, and what it is taken of.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) function: Arc<AggregateFunctionExpr>,
    /// Of the columns of the reader; those that order them come last.
    pub(super) arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// Only rows for which this is true.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// Of a `distribution` of numbers, on what segments count them.
    pub(super) lattice: Option<Lattice>,
    /// The place of an aggregate before it that has the same state, which is then kept once.
    pub(super) same_as: Option<usize>,
}

/// What is aggregated, and how.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) table: Arc<TableSchema>,
    /// Reads what aggregates look at.
    pub(super) reader: Reader,
    /// The same and, last, time.
    pub(super) timed: Reader,
    pub(super) shape: Shape,
    pub(super) aggregates: Vec<Aggregate>,
    /// How statistics of cells make states of each aggregate; none where rows have to be read.
    pub(super) states: Option<Vec<CellState>>,
    /// The same for rows that lie side by side, by aggregate; none where each row has to be looked at.
    pub(super) of_spans: Vec<Option<CellState>>,
    /// Whether the last row of each series is enough.
    pub(super) is_last: bool,
    /// Whether of each group nothing but its newest row is wanted.
    pub(super) is_latest: bool,
    /// So many of the newest groups are enough, where each is a stretch of time.
    pub(super) newest: Option<usize>,
    /// Whether each partition has all rows of its groups: then there are values, not states, and no other aggregation above.
    pub(super) is_whole: bool,
    /// Keys, then states, or values.
    pub(super) schema: SchemaRef,
}

/// The node. Each partition works on a blocking thread.
#[derive(Debug)]
pub(crate) struct CellAggregateExec {
    plan: Arc<Plan>,
    partitions: Vec<Vec<ScanPart>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CellAggregateExec {
    pub(super) fn new(plan: Plan, partitions: Vec<Vec<ScanPart>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&plan.schema)),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (plan, properties) = (Arc::new(plan), Arc::new(properties));
        Self { plan, partitions, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for CellAggregateExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { table, reader, shape, aggregates, states, .. } = &*self.plan;
        let key = |key: &Key| match key {
            Key::Bucket => "time".to_owned(),
            Key::Tags(expr) => expr.to_string(),
        };
        let keys: Vec<String> = shape.keys.iter().map(key).collect();
        let functions: Vec<&str> = aggregates.iter().map(|aggregate| aggregate.function.name()).collect();
        let columns: Vec<&str> = reader.columns.iter().map(|column| column.name.as_str()).collect();
        let (keys, functions, columns) = (keys.join(", "), functions.join(", "), columns.join(", "));
        let from = match (states, self.plan.is_last) {
            (Some(_), _) => "cells",
            (None, true) => "last rows",
            (None, false) => "rows",
        };
        let parts: usize = self.partitions.iter().map(Vec::len).sum();
        write!(f, "DriftlineAggregate: table={}, gby=[{keys}], aggr=[{functions}], ", table.name)?;
        write!(f, "from={from}, columns=[{columns}], parts={parts}")?;
        let time = reader.condition.time;
        if time != TimeRange::ALL {
            write!(f, ", time=[{}, {}]", time.min, time.max)?;
        }
        if let Some(series) = &reader.series {
            write!(f, ", series={}", series.len())?;
        }
        if self.plan.is_whole {
            write!(f, ", whole")?;
        }
        if let Some(newest) = self.plan.newest {
            write!(f, ", newest={newest}")?;
        }
        reader.condition.rows.as_ref().map_or(Ok(()), |rows| write!(f, ", filter={rows}"))
    }
}

impl ExecutionPlan for CellAggregateExec {
    fn name(&self) -> &'static str {
        "DriftlineAggregate"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("an aggregation of cells has no children") }
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(parts) = self.partitions.get(partition).cloned() else {
            return internal_err!("an aggregation of cells has no partition {partition}");
        };
        let held = MemoryConsumer::new(format!("aggregation of {}", self.plan.table.name));
        let counter = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let metrics = WorkMetrics {
            scan: ScanMetrics::new(&self.metrics, partition),
            from_summary: counter("cells_from_summary"),
            from_rows: counter("cells_from_rows"),
        };
        let mut work = Work::new(Arc::clone(&self.plan), held.register(context.memory_pool()), metrics)?;
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), BATCHES_AHEAD_MAX);
        let outlet = Outlet::new(stream.tx());
        stream.spawn_blocking(move || work.run(&parts, &outlet));
        Ok(stream.build())
    }
}
