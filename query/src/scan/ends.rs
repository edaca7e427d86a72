//! `ORDER BY time DESC LIMIT n` and its like: parts with the newest rows are read first, and those not read that can have
//! none of the newest.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use driftline_storage::{ScanPart, TimeRange};

use super::exec::ScanExec;
use crate::limits::ENDS_ROWS_MAX;

/// So many rows from one end of time.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    rows: usize,
    is_newest: bool,
    /// The place of time among the columns of the scan.
    column: usize,
    /// Rows before it, counted from that end backwards, are not among them: found by any partition. Times of the oldest are
    /// counted the other way round.
    bound: Arc<AtomicI64>,
}

impl Ends {
    fn new(rows: usize, is_newest: bool, column: usize) -> Self {
        Self { rows, is_newest, column, bound: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// How a plan shows it.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", if self.is_newest { "newest" } else { "oldest" }, self.rows)
    }

    /// Puts parts that may have the most of them first.
    pub(super) fn sort(&self, parts: &mut [ScanPart]) {
        parts.sort_by_key(|part| std::cmp::Reverse(self.height(self.end(part.time()))));
    }

    /// Times in which rows are still wanted.
    pub(super) fn wanted(&self, time: TimeRange) -> TimeRange {
        let bound = self.bound.load(Ordering::Relaxed);
        match self.is_newest {
            true => TimeRange { min: time.min.max(bound), ..time },
            false => TimeRange { max: time.max.min(!bound), ..time },
        }
    }

    fn end(&self, time: TimeRange) -> i64 {
        if self.is_newest { time.max } else { time.min }
    }

    /// Greater the nearer a time is to the end that is wanted.
    fn height(&self, time: i64) -> i64 {
        if self.is_newest { time } else { !time }
    }
}

/// The rows nearest to the end that one partition has seen.
#[derive(Debug)]
pub(super) struct Seen {
    ends: Ends,
    /// The least on top; no more than are wanted.
    heights: BinaryHeap<std::cmp::Reverse<i64>>,
}

impl Seen {
    pub(super) fn new(ends: Ends) -> Self {
        Self { ends, heights: BinaryHeap::new() }
    }

    /// What is wanted.
    pub(super) fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Looks at the times of rows, and tells all partitions how far they need to look.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let times = batch.columns().get(self.ends.column);
        let Some(times) = times.and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>()) else {
            return;
        };
        for time in times.values() {
            let height = self.ends.height(*time);
            if self.heights.len() < self.ends.rows {
                self.heights.push(std::cmp::Reverse(height));
            } else if let Some(mut least) = self.heights.peek_mut()
                && least.0 < height
            {
                least.0 = height;
            }
        }
        if let Some(least) = self.heights.peek().filter(|_| self.heights.len() == self.ends.rows) {
            self.ends.bound.fetch_max(least.0, Ordering::Relaxed);
        }
    }
}

/// The rule: tells a scan below a sort by time that ends after some rows.
#[derive(Debug)]
pub(crate) struct EndsFirst;

impl PhysicalOptimizerRule for EndsFirst {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replace = |node: Arc<dyn ExecutionPlan>| match below_sort(&node)? {
            Some(sorted) => Ok(Transformed::new(sorted, true, TreeNodeRecursion::Jump)),
            None => Ok(Transformed::no(node)),
        };
        plan.transform_down(replace).data()
    }

    fn name(&self) -> &'static str {
        "driftline_ends_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn below_sort(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    let first = sort.expr().first();
    let wanted = sort.fetch().filter(|rows| (1..=ENDS_ROWS_MAX).contains(rows));
    let (Some(rows), Some(column)) = (wanted, column_of(&first.expr)) else { return Ok(None) };
    match told(sort.input(), column, rows, first.options.descending)? {
        Some(input) => over(node, input).map(Some),
        None => Ok(None),
    }
}

/// The input of a sort by one of its columns, its scan told of it; none where that column is not the time of a scan.
fn told(
    node: &Arc<dyn ExecutionPlan>,
    column: usize,
    rows: usize,
    is_newest: bool,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = node.downcast_ref::<ScanExec>() {
        let of_scan = scan.with_ends(|column| Ends::new(rows, is_newest, column), column);
        return Ok(of_scan.map(|scan| Arc::new(scan) as Arc<dyn ExecutionPlan>));
    }
    let Some(projection) = node.downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let Some(below) = projection.expr().get(column).and_then(|found| column_of(&found.expr)) else {
        return Ok(None);
    };
    match told(projection.input(), below, rows, is_newest)? {
        Some(input) => over(node, input).map(Some),
        None => Ok(None),
    }
}

/// The same node over another input of the same properties.
fn over(node: &Arc<dyn ExecutionPlan>, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    Arc::clone(node).replace_children(vec![input], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}

fn column_of(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<ColumnExpr>().map(ColumnExpr::index)
}
