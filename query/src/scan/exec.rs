//! The plan node that reads a table's rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, StatisticsArgs,
};
use driftline_storage::{Column, Role, ScanPart, Snapshot, TableSchema, TimeRange};

use super::{schema_of, time_filter};
use crate::error::QueryError;

/// How many batches a reader may be ahead of the query.
const BATCHES_AHEAD_MAX: usize = 2;

/// What a scan is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The columns, in order.
    pub(crate) columns: Vec<Column>,
    /// The event times.
    pub(crate) time: TimeRange,
    /// A number of rows that is enough.
    pub(crate) limit: Option<usize>,
    /// Labels that had arrived by then, in nanoseconds since 1970; all where it is None.
    pub(crate) as_of: Option<i64>,
}

/// Reads the parts of a table, dealt round to partitions. Each partition decodes on a blocking thread.
#[derive(Debug)]
pub(crate) struct ScanExec {
    table: Arc<TableSchema>,
    wanted: Wanted,
    partitions: Vec<Vec<ScanPart>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// A scan of `table` in at most `partitions` partitions.
    pub(crate) fn new(
        snapshot: &Snapshot,
        table: &Arc<TableSchema>,
        wanted: Wanted,
        partitions: usize,
    ) -> crate::Result<Self> {
        let parts = match time_filter::is_empty(wanted.time) {
            true => Vec::new(),
            false => snapshot.scan(table.id, wanted.time)?,
        };
        let partitions = deal(parts, partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema_of(&wanted.columns)),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { table: Arc::clone(table), wanted, partitions, properties: Arc::new(properties), metrics })
    }

    /// Rows, exact unless a part is cut by time or some of its rows may be replaced or deleted.
    fn rows_of(&self, partition: Option<usize>) -> Precision<usize> {
        let parts = || {
            let wanted =
                self.partitions.iter().enumerate().filter(|(at, _)| partition.is_none_or(|p| p == *at));
            wanted.flat_map(|(_, parts)| parts)
        };
        let rows = parts().map(|part| part.rows()).fold(0_u64, u64::saturating_add);
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let is_whole = |part: &ScanPart| self.wanted.time.contains(part.time()) && part.is_clean();
        match parts().all(is_whole) && self.wanted.limit.is_none() {
            true => Precision::Exact(rows),
            false => Precision::Inexact(rows.min(self.wanted.limit.unwrap_or(usize::MAX))),
        }
    }
}

/// Deals parts to partitions in turn; there is always one partition.
fn deal(parts: Vec<ScanPart>, partitions: usize) -> Vec<Vec<ScanPart>> {
    let mut dealt = vec![Vec::new(); partitions.min(parts.len()).max(1)];
    let count = dealt.len();
    for (at, part) in parts.into_iter().enumerate() {
        dealt[at % count].push(part);
    }
    dealt
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.wanted.columns.iter().map(|c| c.name.as_str()).collect();
        let parts: usize = self.partitions.iter().map(Vec::len).sum();
        write!(
            f,
            "DriftlineScan: table={}, columns=[{}], parts={parts}",
            self.table.name,
            columns.join(", ")
        )?;
        if self.wanted.time != TimeRange::ALL {
            write!(f, ", time=[{}, {}]", self.wanted.time.min, self.wanted.time.max)?;
        }
        if let Some(as_of) = self.wanted.as_of {
            write!(f, ", as_of={as_of}")?;
        }
        self.wanted.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "DriftlineScan"
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
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        Ok(Arc::new(unknown.with_num_rows(self.rows_of(args.partition()))))
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(parts) = self.partitions.get(partition) else {
            return internal_err!(
                "a scan of {} partitions has no partition {partition}",
                self.partitions.len()
            );
        };
        let mut reader = Reader {
            parts: parts.clone(),
            schema: self.schema(),
            wanted: self.wanted.clone(),
            counted: self.table.columns.iter().filter(|c| c.role == Role::Time).cloned().collect(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        MetricBuilder::new(&self.metrics).counter("parts", partition).add(parts.len());
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), BATCHES_AHEAD_MAX);
        let sender = stream.tx();
        // A blocking thread cannot be aborted: the refused send is its sign to stop.
        stream.spawn_blocking(move || reader.run(|batch| sender.blocking_send(Ok(batch)).is_ok()));
        Ok(stream.build())
    }
}

/// Reads one partition.
struct Reader {
    parts: Vec<ScanPart>,
    schema: SchemaRef,
    wanted: Wanted,
    /// What is read where no column is wanted and only the number of rows counts: time, which every row has.
    counted: Vec<Column>,
    metrics: BaselineMetrics,
}

impl Reader {
    /// Reads part after part until `send` refuses or there are enough rows.
    fn run(&mut self, send: impl Fn(RecordBatch) -> bool) -> Result<()> {
        let mut left = self.wanted.limit.unwrap_or(usize::MAX);
        for part in std::mem::take(&mut self.parts) {
            for batch in self.read(&part)? {
                let batch = batch.slice(0, batch.num_rows().min(left)).record_output(&self.metrics);
                left -= batch.num_rows();
                if !send(batch) || left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read(&self, part: &ScanPart) -> Result<Vec<RecordBatch>> {
        let timer = self.metrics.elapsed_compute().timer();
        let is_whole = self.wanted.time.contains(part.time()) && part.is_clean();
        let batches = match (self.wanted.columns.is_empty(), is_whole) {
            (true, true) => vec![self.shaped(&[], usize::try_from(part.rows()).unwrap_or(usize::MAX))?],
            _ => self.decode(part)?,
        };
        timer.done();
        Ok(batches)
    }

    fn decode(&self, part: &ScanPart) -> Result<Vec<RecordBatch>> {
        let columns = if self.wanted.columns.is_empty() { &self.counted } else { &self.wanted.columns };
        let batches =
            part.read_as_of(columns, self.wanted.time, self.wanted.as_of).map_err(QueryError::from)?;
        let kept = self.wanted.columns.len();
        batches
            .iter()
            .map(|b| self.shaped(b.columns().get(..kept).unwrap_or_default(), b.num_rows()))
            .collect()
    }

    /// Columns under the schema that SQL sees.
    fn shaped(&self, columns: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.to_vec(), &options)?)
    }
}
