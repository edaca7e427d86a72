//! A table, or a model with its labels, as DataFusion asks for it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use driftline_storage::{Column, Meaning, Role, Snapshot, TableSchema};

use super::exec::{ScanExec, Wanted};
use super::labels::{LabelsExec, LabelsTable};
use super::sink::RowSink;
use super::{schema_of, time_filter};
use crate::catalog::CatalogView;
use crate::error::QueryError;
use crate::write::Ingest;

/// A table at one moment.
#[derive(Debug)]
pub(crate) struct Table {
    snapshot: Snapshot,
    table: Arc<TableSchema>,
    schema: SchemaRef,
    /// Where a model's labels are; none for a table, and for a model without KEY or without LABEL.
    labels: Option<Arc<TableSchema>>,
    ingest: Arc<Ingest>,
}

impl Table {
    /// The table as `view` sees it.
    pub(crate) fn new(view: &CatalogView, table: Arc<TableSchema>) -> Self {
        let labels = view.is_model(&table.name).then(|| view.labels_of(&table.name)).flatten().cloned();
        let schema = schema_of(&table.columns);
        Self { snapshot: view.snapshot().clone(), table, schema, labels, ingest: Arc::clone(view.ingest()) }
    }

    fn projected(&self, projection: Option<&Vec<usize>>) -> Vec<Column> {
        match projection {
            None => self.table.columns.clone(),
            Some(wanted) => wanted.iter().filter_map(|at| self.table.columns.get(*at)).cloned().collect(),
        }
    }

    /// Where the labels are, if one of these columns is a label.
    fn labels_for(&self, columns: &[Column]) -> Option<LabelsTable> {
        columns.iter().any(|column| column.meaning == Some(Meaning::Label)).then_some(())?;
        let key = self.table.columns.iter().find(|column| column.role == Role::Key)?;
        let table = Arc::clone(self.labels.as_ref()?);
        Some(LabelsTable { snapshot: self.snapshot.clone(), table, key: key.clone() })
    }
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
        let support = |filter: &&Expr| match time_filter::exact_range(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = self.projected(projection);
        let labels = self.labels_for(&columns);
        let mut read = columns.clone();
        if let Some(labels) = &labels
            && !read.contains(&labels.key)
        {
            read.push(labels.key.clone());
        }
        let wanted = Wanted { columns: read, time: time_filter::range_of(filters), limit };
        let partitions = state.config().target_partitions();
        let scan = ScanExec::new(&self.snapshot, &self.table, wanted, partitions)?;
        match labels {
            None => Ok(Arc::new(scan)),
            Some(labels) => Ok(Arc::new(LabelsExec::new(Arc::new(scan), labels, columns))),
        }
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
