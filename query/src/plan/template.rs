//! A table without its rows, for plans that are kept: one that held the table itself would hold its files and its
//! memory too.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_err;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use driftline_storage::TableSchema;

use super::with_sources;
use crate::catalog::CatalogView;
use crate::scan::{Table, pushdown};

/// What a plan reads from or writes to.
pub(super) type Source = Arc<dyn TableSource>;

/// A table as a plan sees it before it is run.
#[derive(Debug)]
struct Template {
    table: Arc<TableSchema>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for Template {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// As the table answers: a plan may be optimised over its templates.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("the plan kept for {} was run without its rows", self.table.name)
    }
}

/// The plan over templates; None where it reads what is no table of now, whose rows nobody could find again.
pub(crate) fn stand_in(plan: LogicalPlan) -> Result<Option<LogicalPlan>> {
    with_sources(plan, |source| {
        let provider = source_as_provider(source).ok()?;
        let table = provider.downcast_ref::<Table>().filter(|table| table.is_of_now())?;
        let template = Template { table: Arc::clone(table.table()), schema: provider.schema() };
        Some(provider_as_source(Arc::new(template)))
    })
}

/// The plan over the tables of `view`.
pub(crate) fn fill(plan: LogicalPlan, view: &CatalogView) -> Result<LogicalPlan> {
    let filled = with_sources(plan, |source| {
        let provider = source_as_provider(source).ok()?;
        let template = provider.downcast_ref::<Template>()?;
        Some(provider_as_source(view.scan_of(&template.table)))
    });
    match filled? {
        Some(plan) => Ok(plan),
        None => internal_err!("a plan that was kept reads from something else than its templates"),
    }
}
