//! The join as a plan that runs: what it asks of its inputs, and a merge for each partition.

use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    PlanProperties, apply_expression_roots,
};
use futures::TryStreamExt;

use super::Nearest;
use super::merge::Merge;
use super::node::Compared;

/// One side: its rows and what of them is compared.
type Side = (Arc<dyn ExecutionPlan>, Compared);

/// Merges two sides sorted by their keys and times.
#[derive(Debug)]
pub(super) struct AsofJoinExec {
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
    of_left: Compared,
    of_right: Compared,
    nearest: Nearest,
    orders: [LexOrdering; 2],
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl AsofJoinExec {
    pub(super) fn try_new(sides: [Side; 2], schema: SchemaRef, nearest: Nearest) -> Result<Self> {
        let [(left, of_left), (right, of_right)] = sides;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(left.output_partitioning().partition_count()),
            EmissionType::Incremental,
            left.boundedness(),
        );
        let orders = [order(&of_left)?, order(&of_right)?];
        let (properties, metrics) = (Arc::new(properties), Default::default());
        Ok(Self { left, right, of_left, of_right, nearest, orders, properties, metrics })
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([left, right]) = <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) else {
            return internal_err!("AsofJoinExec has two inputs");
        };
        let sides = [(left, self.of_left.clone()), (right, self.of_right.clone())];
        Ok(Arc::new(Self::try_new(sides, self.schema(), self.nearest)?))
    }
}

/// The order in which a side is merged.
fn order(compared: &Compared) -> Result<LexOrdering> {
    let options = SortOptions { descending: false, nulls_first: true };
    let exprs = compared.keys.iter().chain([&compared.time]);
    let order = LexOrdering::new(exprs.map(|expr| PhysicalSortExpr::new(Arc::clone(expr), options)));
    match order {
        Some(order) => Ok(order),
        None => internal_err!("an ASOF JOIN compares times"),
    }
}

impl DisplayAs for AsofJoinExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Nearest { before, same_time } = self.nearest;
        let nearest = if before { "newest before" } else { "oldest after" };
        let same = if same_time { " or at" } else { "" };
        write!(
            f,
            "AsofJoinExec: {nearest}{same}, time=({}, {}), keys=[",
            self.of_left.time, self.of_right.time
        )?;
        for (at, (left, right)) in self.of_left.keys.iter().zip(&self.of_right.keys).enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}({left}, {right})")?;
        }
        f.write_str("]")
    }
}

impl ExecutionPlan for AsofJoinExec {
    fn name(&self) -> &str {
        "AsofJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.left, &self.right]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        if self.of_left.keys.is_empty() {
            return InputDistributionRequirements::new(vec![Distribution::SinglePartition; 2]);
        }
        let sides = [&self.of_left, &self.of_right];
        InputDistributionRequirements::co_partitioned(
            sides.map(|side| Distribution::KeyPartitioned(side.keys.clone())).to_vec(),
        )
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.orders.iter().map(|order| Some(OrderingRequirements::from(order.clone()))).collect()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let sides = [&self.of_left, &self.of_right];
        apply_expression_roots(sides.into_iter().flat_map(|side| side.keys.iter().chain([&side.time])), f)
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
        let count = |side: &Arc<dyn ExecutionPlan>| side.output_partitioning().partition_count();
        if count(&self.left) != count(&self.right) {
            return internal_err!("the sides of an ASOF JOIN are partitioned differently");
        }
        let memory = MemoryConsumer::new("ASOF JOIN").register(context.memory_pool());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let left = (self.left.execute(partition, Arc::clone(&context))?, self.of_left.clone());
        let right = (self.right.execute(partition, context)?, self.of_right.clone());
        let merge = Merge::try_new(left, right, self.schema(), self.nearest, memory)?;
        let rows = futures::stream::try_unfold(merge, |mut merge| async move {
            Ok(merge.next().await?.map(|batch| (batch, merge)))
        });
        let rows = rows.inspect_ok(move |batch| {
            batch.record_output(&metrics);
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
