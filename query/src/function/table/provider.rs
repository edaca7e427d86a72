//! The table that `drift` and `drift_over_time` stand for. Its scan plans one inner scan of the model's rows, over
//! the needed times and columns only, and puts [`DriftExec`] over it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result, TableReference, plan_datafusion_err, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use driftline_storage::distribution::Distribution;
use driftline_storage::{ColumnType, Meaning, TIME_COLUMN};

use super::drift::When;
use super::exec::DriftExec;
use super::report;
use super::windows::Windows;
use crate::catalog::CatalogView;
use crate::error::QueryError;
use crate::function::counting::Counter;

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
    /// Reads `time` and the compared columns of the rows in range; no label column, so that no labels are joined.
    fn rows(&self, view: &CatalogView) -> Result<LogicalPlan> {
        let source = provider_as_source(view.provider(&self.model).map_err(external)?);
        let mut plan = LogicalPlanBuilder::scan(TableReference::bare(self.model.as_str()), source, None)?;
        let (from, to) = self.windows.range();
        if let Some(from) = from {
            plan = plan.filter(column(TIME_COLUMN).gt_eq(moment(from)))?;
        }
        if let Some(to) = to {
            plan = plan.filter(column(TIME_COLUMN).lt(moment(to)))?;
        }
        let names = self.columns.iter().map(|compared| compared.name.as_str());
        plan.project(std::iter::once(TIME_COLUMN).chain(names).map(column))?.build()
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn moment(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
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

#[async_trait]
impl TableProvider for DriftTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
        let view = catalog(self.request.function, state)?;
        let job = self.request.resolve(&view)?;
        let input = state.create_physical_plan(&job.rows(&view)?).await?;
        Ok(Arc::new(DriftExec::try_new(Arc::new(job), input, projection.cloned())?))
    }
}
