//! What a query read, as the metrics of its plan tell.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;

/// Cells and pages of a query, over all tables that it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) cells_from_summary: u64,
    pub(crate) cells_from_rows: u64,
    pub(crate) pages_read: u64,
    pub(crate) pages_skipped: u64,
}

impl Cost {
    /// So far, where the plan still runs. Only leaves read: no other node is asked.
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut cost = Self::default();
        let mut nodes = vec![plan];
        while let Some(node) = nodes.pop() {
            let children = node.children();
            if children.is_empty()
                && let Some(metrics) = node.metrics()
            {
                cost.add(&metrics);
            }
            nodes.extend(children);
        }
        cost
    }

    fn add(&mut self, metrics: &MetricsSet) {
        let sum = |name| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
        self.cells_from_summary += sum("cells_from_summary");
        self.cells_from_rows += sum("cells_from_rows");
        self.pages_read += sum("pages_read");
        self.pages_skipped += sum("pages_skipped");
    }
}
