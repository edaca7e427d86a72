//! A table, or a model's predictions with their labels, as DataFusion asks for it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{col, lit};
use datafusion::scalar::ScalarValue;
use driftline_storage::{Column, Snapshot, TIME_COLUMN, TableSchema};

use super::condition::{Condition, is_done_by_scan};
use super::exec::ScanExec;
use super::reader::Reader;
use super::schema_of;
use super::sink::RowSink;
use crate::catalog::CatalogView;
use crate::error::QueryError;
use crate::write::Ingest;

/// A table at one moment.
#[derive(Debug)]
pub(crate) struct Table {
    snapshot: Snapshot,
    table: Arc<TableSchema>,
    schema: SchemaRef,
    /// With the labels that had arrived by then, in nanoseconds since 1970; with all where it is None.
    as_of: Option<i64>,
    /// Without rows of this time and later.
    horizon: Option<i64>,
    ingest: Arc<Ingest>,
}

impl Table {
    /// The table as `view` sees it.
    pub(crate) fn new(view: &CatalogView, table: Arc<TableSchema>) -> Self {
        let schema = schema_of(&table.columns);
        Self {
            snapshot: view.snapshot().clone(),
            table,
            schema,
            as_of: None,
            horizon: view.horizon(),
            ingest: Arc::clone(view.ingest()),
        }
    }

    /// What it is a table of.
    pub(crate) fn table(&self) -> &Arc<TableSchema> {
        &self.table
    }

    /// Whether its labels are those of the moment of the view.
    pub(crate) fn is_of_now(&self) -> bool {
        self.as_of.is_none()
    }

    /// The same with the labels that had arrived by then.
    pub(crate) fn known_at(self, nanos: i64) -> Self {
        Self { as_of: Some(nanos), ..self }
    }

    fn before_horizon(&self) -> Option<Expr> {
        let bound = ScalarValue::TimestampNanosecond(Some(self.horizon?), Some("UTC".into()));
        Some(col(TIME_COLUMN).lt(lit(bound)))
    }

    fn projected(&self, projection: Option<&Vec<usize>>) -> Vec<Column> {
        match projection {
            None => self.table.columns.clone(),
            Some(wanted) => wanted.iter().filter_map(|at| self.table.columns.get(*at)).cloned().collect(),
        }
    }
}

/// Which filters a table does itself: told by the filters alone.
pub(crate) fn pushdown(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let support = |filter: &&Expr| match is_done_by_scan(filter) {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(support).collect()
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filters = [filters, self.before_horizon().as_slice()].concat();
        let condition = Condition::of(state, &self.table, &self.schema, &filters)?;
        let (columns, cache) = (self.projected(projection), self.ingest.tags());
        let directory = self.snapshot.directory();
        let mut reader = Reader::new(directory, cache, &self.table, columns, condition, self.as_of)?;
        reader.statistics = Arc::clone(self.ingest.statistics());
        let partitions = state.config().target_partitions();
        Ok(Arc::new(ScanExec::new(&self.snapshot, &self.table, reader, limit, partitions)?))
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if op != InsertOp::Append {
            return Err(QueryError::Invalid(format!(
                "{op} is not supported: rows of {} are only added, with INSERT INTO",
                self.table.name
            ))
            .into());
        }
        let sink = RowSink::new(Arc::clone(&self.ingest), self.table.name.clone(), self.schema());
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }
}
