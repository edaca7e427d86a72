//! The table that `drift` and `drift_over_time` stand for. Its scan plans one inner scan of the model's rows, over
//! the needed times and columns only, and puts [`DriftExec`] over it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{
    DFSchema, Result, TableReference, internal_err, plan_datafusion_err, plan_err, project_schema,
};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use driftline_storage::distribution::Distribution;
use driftline_storage::{ColumnType, Meaning};

use super::counted::{counted, last_row};
use super::drift::When;
use super::exec::DriftExec;
use super::report;
use super::windows::Windows;
use crate::catalog::CatalogView;
use crate::error::QueryError;
use crate::function::counting::Counter;
use crate::scan::unqualified;

/// What a call asks for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The function called.
    pub function: &'static str,
    /// The model, as written.
    pub model: String,
    /// The baseline, as written; the model's only or newest one where none is.
    pub baseline: Option<String>,
    /// Bins numbers are put into.
    pub bins: usize,
    /// Which windows.
    pub when: When,
}

/// What a call means in one catalog.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The function called.
    pub function: &'static str,
    /// The model.
    pub model: String,
    /// The baseline.
    pub baseline: String,
    /// Bins numbers are put into.
    pub bins: usize,
    /// The windows.
    pub windows: Windows,
    /// The columns compared, in table order.
    pub columns: Vec<Compared>,
}

/// A column compared with its baseline.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    /// Its name.
    pub name: String,
    /// Its values in the baseline; of nothing where the baseline was made before the column was.
    pub reference: Distribution,
}

/// The catalog of a session.
pub(super) fn catalog(function: &str, session: &dyn Session) -> Result<Arc<CatalogView>> {
    let view = session.config().get_extension::<CatalogView>();
    view.ok_or_else(|| plan_datafusion_err!("{function} reads models, and this session has no database open"))
}

pub(super) fn external(error: QueryError) -> DataFusionError {
    match error {
        QueryError::DataFusion(error) => error,
        other => DataFusionError::External(Box::new(other)),
    }
}

impl Request {
    /// Looks up what was named.
    pub(super) fn resolve(&self, view: &CatalogView) -> Result<Job> {
        let model = view.model(&self.model).map_err(external)?;
        let baseline = view.baseline(&model.name, self.baseline.as_deref()).map_err(external)?;
        let table = view.table(&model.name).map_err(external)?;
        let compared = table.columns.iter().filter_map(|column| {
            let empty = nothing(column.meaning?, column.ty)?;
            let reference = baseline.columns.get(&column.name).cloned().unwrap_or(empty);
            Some(Compared { name: column.name.clone(), reference })
        });
        let columns: Vec<Compared> = compared.collect();
        if columns.is_empty() {
            return plan_err!(
                "{}: model {} has no FEATURE, PREDICTION or SCORE column",
                self.function,
                model.name
            );
        }
        Ok(Job {
            function: self.function,
            model: model.name.clone(),
            baseline: baseline.name.clone(),
            bins: self.bins,
            windows: self.when.at(view.now_nanos())?,
            columns,
        })
    }
}

/// A distribution of no values of a column; None where the column is none that is compared.
fn nothing(meaning: Meaning, ty: ColumnType) -> Option<Distribution> {
    if matches!(ty, ColumnType::Vector(_) | ColumnType::Distribution) {
        return None;
    }
    let number = matches!(ty, ColumnType::BigInt | ColumnType::Double);
    let counter = match meaning {
        Meaning::NumericFeature | Meaning::Score => Counter::numeric(),
        // As CREATE BASELINE counts it, so that a later baseline does not change the column's kind.
        Meaning::Prediction if number => Counter::numeric(),
        Meaning::CategoricalFeature | Meaning::Prediction => Counter::categorical(),
        _ => return None,
    };
    Some(counter.distribution().clone())
}

impl Job {
    /// The node over its inputs; reads no label column, so that no labels are joined.
    async fn planned(
        self,
        view: &CatalogView,
        state: &dyn Session,
        projection: Option<Vec<usize>>,
    ) -> Result<DriftExec> {
        let Some(distribution) = state.aggregate_functions().get("distribution") else {
            return internal_err!("{}: this session has no function distribution", self.function);
        };
        let source = provider_as_source(view.provider(&self.model).map_err(external)?);
        let rows = LogicalPlanBuilder::scan(TableReference::bare(self.model.as_str()), source, None)?;
        let rows = rows.build()?;
        let input = state.create_physical_plan(&counted(&self, rows.clone(), distribution)?).await?;
        let last_row = match last_row(&self, rows)? {
            Some(plan) => Some(state.create_physical_plan(&plan).await?),
            None => None,
        };
        DriftExec::try_new(Arc::new(self), input, last_row, projection)
    }

    /// Without the columns that `filters` leave out: what one of them says of a name alone.
    fn only(mut self, filters: &[Expr], state: &dyn Session) -> Result<Self> {
        let (names, schema) = (self.columns.iter().map(|compared| compared.name.as_str()), names_schema());
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![names])?;
        let known = DFSchema::try_from(schema)?;
        let mut kept = vec![true; batch.num_rows()];
        for filter in filters.iter().filter(|filter| is_of_names(filter)) {
            let filter = state.create_physical_expr(unqualified(filter)?, &known)?;
            let met = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
            let met = as_boolean_array(&met)?;
            kept.iter_mut().zip(met).for_each(|(kept, met)| *kept &= met == Some(true));
        }
        let mut kept = kept.into_iter();
        self.columns.retain(|_| kept.next().unwrap_or(true));
        Ok(self)
    }
}

/// The column of the answer that names what was compared.
const FEATURE: &str = "feature";

fn names_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(FEATURE, DataType::Utf8, false)]))
}

/// Whether a filter looks at names alone, and says the same whenever it is asked.
fn is_of_names(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && columns.iter().all(|column| column.name == FEATURE) && !filter.is_volatile()
}

/// The result of a call, as a table.
#[derive(Debug)]
pub(super) struct DriftTable {
    request: Request,
    schema: SchemaRef,
}

impl DriftTable {
    pub(super) fn new(request: Request) -> Self {
        Self { request, schema: report::schema() }
    }
}

/// The model that a table stands for which a function answers, as written; None of other tables.
pub(crate) fn model_of(provider: &dyn TableProvider) -> Option<&str> {
    provider.downcast_ref::<DriftTable>().map(|table| table.request.model.as_str())
}

#[async_trait]
impl TableProvider for DriftTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    /// What is asked of names is taken as a hint which columns need not be counted.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match is_of_names(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let view = catalog(self.request.function, state)?;
        let job = self.request.resolve(&view)?.only(filters, state)?;
        if job.columns.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        Ok(Arc::new(job.planned(&view, state, projection.cloned()).await?))
    }
}
