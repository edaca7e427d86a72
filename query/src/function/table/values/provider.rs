//! The table that a call stands for. Its scan plans one inner scan of the source, of the needed times and columns only,
//! in order, and puts [`ValuesExec`] over it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::ValuesExec;
use super::request::Request;
use super::worker::Work;

/// The result of a call, as a table.
#[derive(Debug)]
pub(in crate::function::table) struct ValuesTable {
    request: Request,
    work: Arc<dyn Work>,
}

impl ValuesTable {
    /// What is wrong is said at once, while planning; the plan itself is made anew for each run.
    pub(in crate::function::table) fn planned(
        request: Request,
        work: Arc<dyn Work>,
        session: &dyn Session,
    ) -> Result<Arc<dyn TableProvider>> {
        request.plan(session)?;
        Ok(Arc::new(Self { request, work }))
    }
}

/// The table or model that such a call reads, as written; None of other tables.
pub(in crate::function::table) fn source_of(provider: &dyn TableProvider) -> Option<&str> {
    provider.downcast_ref::<ValuesTable>().map(|table| table.request.source.as_str())
}

#[async_trait]
impl TableProvider for ValuesTable {
    fn schema(&self) -> SchemaRef {
        self.work.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = state.create_physical_plan(&self.request.plan(state)?).await?;
        let exec =
            ValuesExec::try_new(self.request.clone(), Arc::clone(&self.work), input, projection.cloned())?;
        Ok(Arc::new(exec))
    }
}
