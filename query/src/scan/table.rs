//! A table, or a model's predictions with their labels, as DataFusion asks for it.

use std::collections::BTreeSet;
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
use driftline_storage::{Column, Snapshot, TIME_COLUMN, TableSchema, TimeRange};

use super::condition::{Condition, is_done_by_scan};
use super::exec::ScanExec;
use super::held::{Asked, Held, Rows, There};
use super::reader::Reader;
use super::schema_of;
use super::sink::RowSink;
use super::time_filter::range_of;
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
    /// Rows that others read too.
    held: Option<Arc<Held>>,
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
            held: view.held().cloned(),
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
        Some(col(TIME_COLUMN).lt(lit(nanos(self.horizon?))))
    }

    fn read(
        &self,
        columns: Vec<Column>,
        condition: Condition,
        limit: Option<usize>,
        partitions: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (directory, cache) = (self.snapshot.directory(), self.ingest.tags());
        let mut reader = Reader::new(directory, cache, &self.table, columns, condition, self.as_of)?;
        reader.statistics = Arc::clone(self.ingest.statistics());
        Ok(Arc::new(ScanExec::new(&self.snapshot, &self.table, reader, limit, partitions)?))
    }

    /// The same from rows that are held, where these are.
    async fn held_rows(
        &self,
        held: &Held,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let time = range_of(filters);
        let asked = Asked { table: self.table.id, as_of: self.as_of, time, now: self.horizon };
        let all: Vec<usize> = (0..self.table.columns.len()).collect();
        let projection = projection.unwrap_or(&all);
        let mut columns: BTreeSet<usize> = projection.iter().copied().collect();
        for name in filters.iter().flat_map(Expr::column_refs) {
            columns.extend(self.table.columns.iter().position(|column| column.name == name.name));
        }
        let rows = match held.ask(asked, &columns) {
            There::Nothing => return Ok(None),
            There::Rows(rows) => Some(rows),
            There::Read(wanted) => {
                let rows = self.read_whole(state, time, &wanted).await?.map(Arc::new);
                held.put(asked, rows.clone());
                rows
            }
        };
        let Some(rows) = rows else { return Ok(None) };
        rows.scan(state, projection, filters).map(Some)
    }

    /// All rows of a time; None where they are too many.
    async fn read_whole(
        &self,
        state: &dyn Session,
        time: TimeRange,
        columns: &BTreeSet<usize>,
    ) -> Result<Option<Rows>> {
        let bounds =
            [col(TIME_COLUMN).gt_eq(lit(nanos(time.min))), col(TIME_COLUMN).lt_eq(lit(nanos(time.max)))];
        let condition = Condition::of(state, &self.table, &self.schema, &bounds)?;
        let wanted = columns.iter().filter_map(|at| self.table.columns.get(*at)).cloned().collect();
        Rows::read(state, self.read(wanted, condition, None, 1)?, columns).await
    }

    fn projected(&self, projection: Option<&Vec<usize>>) -> Vec<Column> {
        match projection {
            None => self.table.columns.clone(),
            Some(wanted) => wanted.iter().filter_map(|at| self.table.columns.get(*at)).cloned().collect(),
        }
    }
}

fn nanos(nanos: i64) -> ScalarValue {
    ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))
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
        if let Some(held) = &self.held
            && let Some(rows) = self.held_rows(held, state, projection, &filters).await?
        {
            return Ok(rows);
        }
        let condition = Condition::of(state, &self.table, &self.schema, &filters)?;
        let partitions = state.config().target_partitions();
        self.read(self.projected(projection), condition, limit, partitions)
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
