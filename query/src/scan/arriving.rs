//! Conditions that other nodes of a running query find out: the least of the largest rows so far, the keys of a join's smaller
//! side. Rows that do not meet them are of no use to whoever asked.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::physical_expr::{snapshot_generation, snapshot_physical_expr};
use driftline_storage::TableSchema;

use super::condition::RowCondition;

/// The conditions, over the columns of a scan. They only ever grow narrower.
#[derive(Clone, Debug, Default)]
pub(super) struct Arriving(Vec<Arc<dyn PhysicalExpr>>);

impl Arriving {
    /// Those of the filters that change while the query runs, which have a generation; the others are done above the scan.
    pub(super) fn among<'a>(filters: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>) -> Self {
        Self(filters.filter(|filter| snapshot_generation(filter) != 0).map(Arc::clone).collect())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&each.join(" AND "))
    }
}

/// What a partition knows of them.
#[derive(Debug)]
pub(super) struct Narrowing {
    arriving: Arriving,
    table: Arc<TableSchema>,
    /// What the query asks of rows itself.
    asked: Option<Arc<RowCondition>>,
    /// Tells what is known from what has come since.
    generation: u64,
}

impl Narrowing {
    pub(super) fn new(arriving: Arriving, table: Arc<TableSchema>, asked: Option<Arc<RowCondition>>) -> Self {
        Self { arriving, table, asked, generation: 0 }
    }

    /// What rows must meet from now on; none where nothing new is known.
    pub(super) fn news(&mut self) -> Result<Option<Option<Arc<RowCondition>>>> {
        let generations = self.arriving.0.iter().map(snapshot_generation);
        let generation = generations.fold(0, u64::wrapping_add);
        if generation == self.generation {
            return Ok(None);
        }
        self.generation = generation;
        let found = self.arriving.0.iter().map(|filter| snapshot_physical_expr(Arc::clone(filter)));
        let found = found.collect::<Result<Vec<_>>>()?;
        let narrowed = RowCondition::narrowed(self.asked.as_deref(), &found, &self.table)?;
        Ok(Some(narrowed.map(Arc::new)))
    }
}
