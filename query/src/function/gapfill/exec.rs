//! Running the node: rows come sorted by series and time; one series is held at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{BatchCoalescer, SortOptions, concat_batches, take};
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{ReplaceChildrenOptions, SchedulingType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

use super::fill::{Slot, interpolated, last_values, slots};
use super::{Fill, Filled};
use crate::function::time::Buckets;

/// Which columns are what, and which buckets there are.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) time: usize,
    pub(super) series: Vec<usize>,
    pub(super) filled: Vec<Filled>,
    pub(super) buckets: Buckets,
    /// The first bucket; that of a series' first row where there is none.
    pub(super) from: Option<i64>,
    /// The last time; that of a series' last row where there is none.
    pub(super) to: Option<i64>,
}

/// Adds the buckets without rows to each series.
#[derive(Debug)]
pub(super) struct GapfillExec {
    input: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    order: LexOrdering,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GapfillExec {
    pub(super) fn try_new(input: Arc<dyn ExecutionPlan>, schema: SchemaRef, shape: Shape) -> Result<Self> {
        Self::over(input, schema, Arc::new(shape))
    }

    fn over(input: Arc<dyn ExecutionPlan>, schema: SchemaRef, shape: Arc<Shape>) -> Result<Self> {
        let columns = shape.series.iter().chain(std::iter::once(&shape.time));
        // As ORDER BY has it unless told otherwise: then nothing is left to sort.
        let options = SortOptions { descending: false, nulls_first: false };
        let sorted = columns.map(|at| PhysicalSortExpr::new(column(&schema, *at), options));
        let Some(order) = LexOrdering::new(sorted) else { return internal_err!("Gapfill has a time") };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, [order.clone()]),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self { input, shape, order, properties: Arc::new(properties), metrics: Default::default() })
    }

    fn with_input(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("GapfillExec has one input");
        };
        Ok(Arc::new(Self::over(input, self.schema(), Arc::clone(&self.shape))?))
    }
}

fn column(schema: &SchemaRef, at: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(schema.field(at).name(), at))
}

impl DisplayAs for GapfillExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |at: &usize| self.schema().field(*at).name().clone();
        let series: Vec<String> = self.shape.series.iter().map(name).collect();
        write!(f, "GapfillExec: time={}, series=[{}]", name(&self.shape.time), series.join(", "))
    }
}

impl ExecutionPlan for GapfillExec {
    fn name(&self) -> &str {
        "GapfillExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let schema = self.schema();
        let series: Vec<_> = self.shape.series.iter().map(|at| column(&schema, *at)).collect();
        InputDistributionRequirements::new(vec![if series.is_empty() {
            Distribution::SinglePartition
        } else {
            Distribution::KeyPartitioned(series)
        }])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::from(self.order.clone()))]
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
        self.with_input(children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.with_input(children)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("gapfill").register(context.memory_pool());
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let batch_rows = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let filler = Filler::try_new(Arc::clone(&self.shape), self.schema(), input, batch_rows, memory)?;
        let rows = futures::stream::try_unfold(filler, |mut filler| async move {
            Ok(filler.next().await?.map(|batch| (batch, filler)))
        });
        let rows = rows.inspect_ok(move |batch| {
            batch.record_output(&metrics);
        });
        // One row of the input may become a million: others get their turn between batches of them.
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(self.schema(), rows.boxed()))))
    }
}

/// The series on their way through.
struct Filler {
    shape: Arc<Shape>,
    schema: SchemaRef,
    input: SendableRecordBatchStream,
    keys: Option<RowConverter>,
    /// The series whose rows still come.
    open: Option<Open>,
    /// Series that are whole.
    whole: VecDeque<Vec<RecordBatch>>,
    /// The series whose buckets go out.
    series: Option<Series>,
    out: BatchCoalescer,
    batch_rows: usize,
    ended: bool,
    /// Bytes of the rows that are open or whole.
    held: usize,
    memory: MemoryReservation,
}

/// A series whose rows still come.
struct Open {
    key: Option<OwnedRow>,
    parts: Vec<RecordBatch>,
}

impl Filler {
    fn try_new(
        shape: Arc<Shape>,
        schema: SchemaRef,
        input: SendableRecordBatchStream,
        batch_rows: usize,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let fields = shape.series.iter().map(|at| SortField::new(schema.field(*at).data_type().clone()));
        let keys = if shape.series.is_empty() { None } else { Some(RowConverter::new(fields.collect())?) };
        let out = BatchCoalescer::new(Arc::clone(&schema), batch_rows);
        let (open, whole, series) = (None, VecDeque::new(), None);
        Ok(Self {
            shape,
            schema,
            input,
            keys,
            open,
            whole,
            series,
            out,
            batch_rows,
            ended: false,
            held: 0,
            memory,
        })
    }

    /// The next rows to go out. No more is made than is asked for, however many buckets a series has.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.out.next_completed_batch() {
                return Ok(Some(batch));
            }
            if let Some(series) = &mut self.series {
                match series.next(&self.shape, &self.schema, self.batch_rows)? {
                    Some(batch) => self.out.push_batch(batch)?,
                    None => self.series = None,
                }
            } else if let Some(parts) = self.whole.pop_front() {
                let series = Series::new(&self.shape, &self.schema, &parts)?;
                self.held -= parts.iter().map(sliced_bytes).sum::<usize>();
                self.memory.try_resize(self.held + series.bytes())?;
                self.series = Some(series);
            } else if self.ended {
                self.out.finish_buffered_batch()?;
                return Ok(self.out.next_completed_batch());
            } else {
                self.read().await?;
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        match self.input.try_next().await? {
            Some(batch) => self.split(&batch)?,
            None => {
                self.whole.extend(self.open.take().map(|open| open.parts));
                self.ended = true;
            }
        }
        self.memory.try_resize(self.held)
    }

    /// Puts rows with those of their series.
    fn split(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(keys) = &self.keys else {
            self.add(None, batch.clone());
            return Ok(());
        };
        let columns: Vec<ArrayRef> =
            self.shape.series.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        let rows = keys.convert_columns(&columns)?;
        let mut from = 0;
        for at in 1..=batch.num_rows() {
            if at == batch.num_rows() || rows.row(at) != rows.row(from) {
                self.add(Some(rows.row(from).owned()), batch.slice(from, at - from));
                from = at;
            }
        }
        Ok(())
    }

    fn add(&mut self, key: Option<OwnedRow>, part: RecordBatch) {
        self.held += sliced_bytes(&part);
        match &mut self.open {
            Some(open) if open.key == key => open.parts.push(part),
            open => {
                let before = open.replace(Open { key, parts: vec![part] });
                self.whole.extend(before.map(|open| open.parts));
            }
        }
    }
}

/// Slices share their buffers: of each only its own part is counted.
fn sliced_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

/// A whole series with its buckets.
struct Series {
    rows: RecordBatch,
    slots: Vec<Slot>,
    /// The columns that are filled in, a value a slot.
    filled: Vec<ArrayRef>,
    sent: usize,
}

impl Series {
    fn new(shape: &Shape, schema: &SchemaRef, parts: &[RecordBatch]) -> Result<Self> {
        // The input says of counts that they are never NULL, we say they are.
        let parts: Vec<RecordBatch> = parts
            .iter()
            .map(|part| RecordBatch::try_new(Arc::clone(schema), part.columns().to_vec()))
            .collect::<Result<_, _>>()?;
        let rows = match parts.as_slice() {
            [only] => only.clone(),
            parts => concat_batches(schema, parts)?,
        };
        let Some(times) = rows.column(shape.time).as_primitive_opt::<TimestampNanosecondType>() else {
            return internal_err!("the buckets of gapfill are {}", rows.column(shape.time).data_type());
        };
        let slots = slots(&shape.buckets, shape.from, shape.to, times)?;
        let fill = |filled: &Filled| {
            let values = rows.column(filled.column);
            Ok(match filled.fill {
                Fill::Interpolate => Arc::new(interpolated(&slots, values)?) as ArrayRef,
                Fill::Locf => take(values, &last_values(&slots, values), None)?,
            })
        };
        let filled = shape.filled.iter().map(fill).collect::<Result<_>>()?;
        Ok(Self { rows, slots, filled, sent: 0 })
    }

    fn bytes(&self) -> usize {
        let filled: usize = self.filled.iter().map(|column| column.get_array_memory_size()).sum();
        self.rows.get_array_memory_size() + self.slots.capacity() * size_of::<Slot>() + filled
    }

    /// The next buckets; None after the last.
    fn next(&mut self, shape: &Shape, schema: &SchemaRef, rows: usize) -> Result<Option<RecordBatch>> {
        let from = self.sent;
        let to = (from + rows).min(self.slots.len());
        self.sent = to;
        let Some(slots) = self.slots.get(from..to).filter(|slots| !slots.is_empty()) else { return Ok(None) };
        let observed: UInt32Array = slots.iter().map(|(_, row)| *row).collect();
        let first = UInt32Array::from(vec![0; slots.len()]);
        let column = |at: usize| {
            let values = self.rows.column(at);
            if let Some(filled) = shape.filled.iter().position(|filled| filled.column == at) {
                return match self.filled.get(filled) {
                    Some(filled) => Ok(filled.slice(from, to - from)),
                    None => internal_err!("column {at} was not filled"),
                };
            }
            Ok(match at {
                at if at == shape.time => times(slots, values),
                at if shape.series.contains(&at) => take(values, &first, None)?,
                _ => take(values, &observed, None)?,
            })
        };
        let columns = (0..schema.fields().len()).map(column).collect::<Result<_>>()?;
        Ok(Some(RecordBatch::try_new(Arc::clone(schema), columns)?))
    }
}

/// When the buckets begin, in the zone of the input's times.
fn times(slots: &[Slot], like: &ArrayRef) -> ArrayRef {
    let times: TimestampNanosecondArray = slots.iter().map(|(time, _)| *time).collect();
    let zone = like.as_primitive_opt::<TimestampNanosecondType>().and_then(|like| like.timezone());
    Arc::new(times.with_timezone_opt(zone))
}
