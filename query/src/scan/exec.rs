//! The plan node that reads a table's rows.

use std::fmt;
use std::sync::Arc;

use arrow::compute::BatchCoalescer;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, StatisticsArgs,
};
use driftline_storage::{ReadCounts, Role, ScanPart, Snapshot, TableSchema, TimeRange};

use super::arriving::{Arriving, Narrowing};
use super::ends::{Ends, Seen};
use super::outlet::Outlet;
use super::reader::Reader;
use super::time_filter;
use crate::limits::ROWS_OF_PARTITION_MIN;

/// Rows of a batch, about.
const BATCH_ROWS: usize = 8_192;
/// How many batches a reader may be ahead of the query.
const BATCHES_AHEAD_MAX: usize = 2;

/// Reads the parts of a table, dealt to partitions. Each partition decodes on a blocking thread.
#[derive(Debug)]
pub(crate) struct ScanExec {
    table: Arc<TableSchema>,
    reader: Reader,
    /// A number of rows that is enough.
    limit: Option<usize>,
    /// Those that are wanted of all, where a sort above keeps some from one end of time.
    ends: Option<Ends>,
    /// What other nodes find out while the query runs.
    arriving: Arriving,
    partitions: Vec<Vec<ScanPart>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// A scan of `table` in at most `partitions` partitions.
    pub(crate) fn new(
        snapshot: &Snapshot,
        table: &Arc<TableSchema>,
        reader: Reader,
        limit: Option<usize>,
        partitions: usize,
    ) -> crate::Result<Self> {
        let time = reader.condition.time;
        let is_empty =
            time_filter::is_empty(time) || reader.series.as_ref().is_some_and(|series| series.is_empty());
        let parts = if is_empty { Vec::new() } else { snapshot.scan(table.id, time)? };
        let partitions = deal(parts, reader.share(), partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&reader.schema)),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        let (table, properties) = (Arc::clone(table), Arc::new(properties));
        let arriving = Arriving::default();
        Ok(Self { table, reader, limit, ends: None, arriving, partitions, properties, metrics })
    }

    /// The same where rows from one end of time are wanted by one of its columns; none where that is not the time.
    pub(super) fn with_ends(&self, ends: impl FnOnce(usize) -> Ends, column: usize) -> Option<Self> {
        let is_time = self.reader.columns.get(column).is_some_and(|column| column.role == Role::Time);
        if !is_time || self.limit.is_some() {
            return None;
        }
        let ends = ends(column);
        let mut partitions = self.partitions.clone();
        partitions.iter_mut().for_each(|parts| ends.sort(parts));
        Some(Self { ends: Some(ends), partitions, ..self.again() })
    }

    /// The same, not run yet.
    fn again(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            reader: self.reader.clone(),
            limit: self.limit,
            ends: self.ends.clone(),
            arriving: self.arriving.clone(),
            partitions: self.partitions.clone(),
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The table.
    pub(crate) fn table(&self) -> &Arc<TableSchema> {
        &self.table
    }

    /// How rows are read.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What is read, by partition.
    pub(crate) fn parts(&self) -> &[Vec<ScanPart>] {
        &self.partitions
    }

    /// A number of rows that is enough.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Rows, exact unless a part is cut by a condition or some of its rows may be replaced or deleted.
    fn rows_of(&self, partition: Option<usize>) -> Precision<usize> {
        let parts = || {
            let wanted =
                self.partitions.iter().enumerate().filter(|(at, _)| partition.is_none_or(|p| p == *at));
            wanted.flat_map(|(_, parts)| parts)
        };
        let rows = parts().map(|part| part.rows()).fold(0_u64, u64::saturating_add);
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let takes_all = self.arriving.is_empty() && parts().all(|part| self.reader.takes_all(part));
        match takes_all && self.limit.is_none() {
            true => Precision::Exact(rows),
            false => Precision::Inexact(rows.min(self.limit.unwrap_or(usize::MAX))),
        }
    }
}

/// Deals parts to partitions, each the next to the one that has fewest rows so far; there is always one partition, and no
/// more than there are rows worth a thread, of which `share` is wanted.
fn deal(parts: Vec<ScanPart>, share: f64, partitions: usize) -> Vec<Vec<ScanPart>> {
    let rows: u64 = parts.iter().map(ScanPart::rows).fold(0, u64::saturating_add);
    let worth = (rows as f64 * share) as u64 / ROWS_OF_PARTITION_MIN + 1;
    let partitions = partitions.min(parts.len()).min(usize::try_from(worth).unwrap_or(usize::MAX)).max(1);
    let mut dealt: Vec<(u64, Vec<ScanPart>)> = vec![(0, Vec::new()); partitions];
    for part in parts {
        if let Some((rows, dealt)) = dealt.iter_mut().min_by_key(|(rows, _)| *rows) {
            *rows += part.rows();
            dealt.push(part);
        }
    }
    dealt.into_iter().map(|(_, parts)| parts).collect()
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reader = &self.reader;
        let columns: Vec<&str> = reader.columns.iter().map(|c| c.name.as_str()).collect();
        let parts: usize = self.partitions.iter().map(Vec::len).sum();
        write!(
            f,
            "DriftlineScan: table={}, columns=[{}], parts={parts}",
            self.table.name,
            columns.join(", ")
        )?;
        let time = reader.condition.time;
        if time != TimeRange::ALL {
            write!(f, ", time=[{}, {}]", time.min, time.max)?;
        }
        if let Some(series) = &reader.series {
            write!(f, ", series={}", series.len())?;
        }
        if let Some(rows) = &reader.condition.rows {
            write!(f, ", filter={rows}")?;
        }
        if let Some(as_of) = reader.as_of {
            write!(f, ", as_of={as_of}")?;
        }
        if let Some(ends) = &self.ends {
            write!(f, ", {}", ends.shown())?;
        }
        if !self.arriving.is_empty() {
            write!(f, ", narrowed_by={}", self.arriving)?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
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

    /// Takes what other nodes find out as a help, and promises nothing: they look at the rows themselves too. Not where any rows
    /// are enough: which ones is not to depend on what is found out meanwhile.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let arriving = match (phase, self.limit) {
            (FilterPushdownPhase::Post, None) => {
                Arriving::among(result.parent_filters.iter().map(|r| &r.filter))
            }
            _ => Arriving::default(),
        };
        let filters = vec![PushedDown::No; result.parent_filters.len()];
        let updated_node = (!arriving.is_empty())
            .then(|| Arc::new(Self { arriving, ..self.again() }) as Arc<dyn ExecutionPlan>);
        Ok(FilterPushdownPropagation { filters, updated_node })
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
        let mut work = Work {
            parts: parts.clone(),
            narrowing: Narrowing::new(
                self.arriving.clone(),
                Arc::clone(&self.table),
                self.reader.condition.rows.clone(),
            ),
            reader: self.reader.clone(),
            left: self.limit.unwrap_or(usize::MAX),
            seen: self.ends.clone().map(Seen::new),
            time: self.reader.condition.time,
            out: BatchCoalescer::new(self.schema(), BATCH_ROWS),
            metrics: ScanMetrics::new(&self.metrics, partition),
        };
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), BATCHES_AHEAD_MAX);
        let outlet = Outlet::new(stream.tx());
        stream.spawn_blocking(move || work.run(&outlet));
        Ok(stream.build())
    }
}

/// What is counted of reading.
#[derive(Debug)]
pub(crate) struct ScanMetrics {
    pub(crate) baseline: BaselineMetrics,
    pages_read: Count,
    pages_skipped: Count,
    /// Parts that others made needless.
    pub(crate) parts_passed: Count,
}

impl ScanMetrics {
    pub(crate) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            pages_read: counter("pages_read"),
            pages_skipped: counter("pages_skipped"),
            parts_passed: counter("parts_passed"),
        }
    }

    pub(crate) fn add(&self, counts: ReadCounts) {
        self.pages_read.add(usize::try_from(counts.pages_read).unwrap_or(usize::MAX));
        self.pages_skipped.add(usize::try_from(counts.pages_skipped).unwrap_or(usize::MAX));
    }
}

/// Reads one partition.
struct Work {
    parts: Vec<ScanPart>,
    reader: Reader,
    narrowing: Narrowing,
    /// Rows that are still wanted.
    left: usize,
    /// What was seen so far, where rows from one end of time are enough.
    seen: Option<Seen>,
    /// The times that the query asks for.
    time: TimeRange,
    /// Pages of which few rows are left become batches again.
    out: BatchCoalescer,
    metrics: ScanMetrics,
}

impl Work {
    /// Reads part after part until nobody wants more or there are enough rows.
    fn run(&mut self, outlet: &Outlet) -> Result<()> {
        for part in std::mem::take(&mut self.parts) {
            if self.left == 0 || !outlet.is_wanted() || !self.read(&part, outlet)? {
                break;
            }
        }
        self.out.finish_buffered_batch()?;
        self.send_completed(outlet);
        Ok(())
    }

    /// Whether more may be read.
    fn read(&mut self, part: &ScanPart, outlet: &Outlet) -> Result<bool> {
        if let Some(seen) = &self.seen {
            self.reader.condition.time = seen.ends().wanted(self.time);
            if !self.reader.condition.time.overlaps(part.time()) {
                self.metrics.parts_passed.add(1);
                return Ok(true);
            }
        }
        if let Some(rows) = self.narrowing.news()? {
            self.reader.condition.rows = rows;
        }
        if self.reader.columns.is_empty() && self.reader.takes_all(part) {
            return self.take(self.counted(part.rows())?, outlet);
        }
        let mut counts = ReadCounts::default();
        let reader = self.reader.clone();
        let done =
            reader.read(part, None, &mut counts, &mut |piece| self.take(reader.batch(&piece)?, outlet));
        self.metrics.add(counts);
        done
    }

    /// So many rows of no columns.
    fn counted(&self, rows: u64) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(usize::try_from(rows).ok());
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.reader.schema), Vec::new(), &options)?)
    }

    /// Whether more is wanted.
    fn take(&mut self, batch: RecordBatch, outlet: &Outlet) -> Result<bool> {
        if let Some(seen) = &mut self.seen {
            seen.add(&batch);
        }
        let batch = batch.slice(0, batch.num_rows().min(self.left));
        self.left -= batch.num_rows();
        // Batches of no columns are only counted, and large ones need no copy.
        if self.reader.columns.is_empty() || (self.out.is_empty() && batch.num_rows() >= BATCH_ROWS / 2) {
            return Ok(outlet.send(batch.record_output(&self.metrics.baseline)) && self.left > 0);
        }
        self.out.push_batch(batch)?;
        Ok(self.send_completed(outlet) && self.left > 0)
    }

    fn send_completed(&mut self, outlet: &Outlet) -> bool {
        while let Some(batch) = self.out.next_completed_batch() {
            if !outlet.send(batch.record_output(&self.metrics.baseline)) {
                return false;
            }
        }
        true
    }
}
