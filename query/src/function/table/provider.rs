//! The table that `drift`, `drift_summary` and `drift_over_time` stand for. Its scan plans one inner scan of the model's rows, over
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
use driftline_storage::{ColumnType, Meaning, TableSchema};

use super::compare::summarised;
use super::counted::{counted, counted_by_segment, last_row};
use super::drift::When;
use super::exec::{DriftExec, Inputs};
use super::report::{self, Wanted};
use super::segment::{self, Segment};
use super::summary;
use super::windows::Windows;
use crate::catalog::{CatalogView, name};
use crate::error::QueryError;
use crate::function::counting::Counter;
use crate::model::Baseline;
use crate::scan::unqualified;
use crate::stats::judge::Inflation;

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
    /// The columns to compare, as written; all where none are.
    pub features: Option<Vec<String>>,
    /// The expression whose values are told apart.
    pub segment: Option<String>,
    /// How columns are judged.
    pub judging: Judging,
    /// Whether labels are compared too.
    pub has_labels: bool,
    /// Whether rows are counted once each although the model has weights.
    pub ignores_weights: bool,
    /// What is answered.
    pub answer: Answer,
}

/// How columns are judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judging {
    /// The chance of an alarm of a window without drift; by the window's length where none is asked for.
    pub alpha: Option<f64>,
    /// The least effect that counts, whatever it is measured in; by what it is measured in where none is asked for.
    pub effect: Option<f64>,
    /// Sides of fewer rows are not judged.
    pub rows_min: u64,
    /// Whether each value has to be counted by itself.
    pub is_exact: bool,
}

/// What is answered of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A row for each column.
    Columns,
    /// One row.
    Verdict,
}

/// The baseline that is the window before each.
pub(crate) const PREVIOUS: &str = "previous";
/// The chance of an alarm that a window by rows has.
const ALPHA_OF_ROWS: f64 = 0.025;
/// The greatest that a window by time has.
const ALPHA_MAX: f64 = 0.05;
/// Windows without drift alarm about once in this time.
const ALARM_EVERY_NANOS: f64 = 30.0 * 86_400e9;

/// What a call means in one catalog.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The function called.
    pub function: &'static str,
    /// The model.
    pub model: String,
    /// The baseline.
    pub baseline: String,
    /// Whether each window is compared with the one before it.
    pub is_previous: bool,
    /// The query that the baseline was made with.
    pub query: String,
    /// Bins numbers are put into.
    pub bins: usize,
    /// The windows.
    pub windows: Windows,
    /// The columns compared, in table order.
    pub columns: Vec<Compared>,
    /// What rows are told apart by.
    pub segment: Option<Segment>,
    /// How they are judged.
    pub judging: Judging,
    /// What is answered.
    pub answer: Answer,
}

/// A column compared with its baseline.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    /// Its name.
    pub name: String,
    /// Whether it is a label: those that have not arrived are not missing.
    pub is_label: bool,
    /// Its values in the baseline; of nothing where the baseline was made before the column was, and where each window is
    /// compared with the one before.
    pub reference: Distribution,
    /// How much its rows are like those before them.
    pub inflation: Inflation,
    /// Whether that is known.
    pub is_ordered: bool,
}

impl Job {
    /// The chance of an alarm of a window without drift.
    pub(super) fn alpha(&self, (start, end): (i64, i64)) -> f64 {
        let by_window = || match self.windows {
            Windows::Rows { .. } => ALPHA_OF_ROWS,
            _ => (end.saturating_sub(start) as f64 / ALARM_EVERY_NANOS).min(ALPHA_MAX),
        };
        self.judging.alpha.unwrap_or_else(by_window)
    }
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
    pub(super) fn resolve(&self, view: &CatalogView, state: &dyn Session) -> Result<Job> {
        let model = view.model(&self.model).map_err(external)?;
        let is_previous = self.baseline.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(PREVIOUS));
        let named = self.baseline.as_deref().filter(|_| !is_previous);
        // What is known of the order of rows holds for windows that are compared with each other too.
        let baseline = match view.baseline(&model.name, named) {
            Err(_) if is_previous => None,
            found => Some(found.map_err(external)?),
        };
        let table = view.table(&model.name).map_err(external)?;
        self.check_weights(&table)?;
        let columns = self.columns(&table, baseline.as_deref(), is_previous)?;
        let query = baseline.as_ref().map(|baseline| baseline.query.clone()).unwrap_or_default();
        Ok(Job {
            function: self.function,
            model: model.name.clone(),
            baseline: baseline.filter(|_| !is_previous).map_or(PREVIOUS.to_owned(), |it| it.name.clone()),
            is_previous,
            query,
            bins: self.bins,
            windows: self.when.at(view.now_nanos())?,
            columns,
            segment: self
                .segment
                .as_ref()
                .map(|text| Segment::new(self.function, text, (view, &table), state))
                .transpose()?,
            judging: self.judging,
            answer: self.answer,
        })
    }

    fn columns(
        &self,
        table: &TableSchema,
        baseline: Option<&Baseline>,
        is_previous: bool,
    ) -> Result<Vec<Compared>> {
        let dependence = baseline.and_then(|baseline| baseline.dependence.as_ref());
        let compared = table.columns.iter().filter_map(|column| {
            let is_label = column.meaning? == Meaning::Label;
            if is_label && !self.has_labels {
                return None;
            }
            let empty = nothing(column.meaning?, column.ty)?;
            let known = baseline.filter(|_| !is_previous).and_then(|it| it.columns.get(&column.name));
            let inflation = dependence.and_then(|known| known.get(&column.name));
            Some(Compared {
                name: column.name.clone(),
                is_label,
                reference: match known.cloned().unwrap_or(empty) {
                    exact if self.judging.is_exact => exact,
                    other => summarised(other),
                },
                is_ordered: inflation.is_some(),
                inflation: inflation.cloned().unwrap_or(Inflation::NONE),
            })
        });
        let mut columns: Vec<Compared> = compared.collect();
        if columns.is_empty() {
            return plan_err!(
                "{}: model {} has no FEATURE, PREDICTION or SCORE column",
                self.function,
                table.name
            );
        }
        let Some(wanted) = &self.features else { return Ok(columns) };
        for name in wanted {
            if !columns.iter().any(|compared| name::same(&compared.name, name)) {
                let known: Vec<&str> = columns.iter().map(|compared| compared.name.as_str()).collect();
                return plan_err!(
                    "{}: argument `features` names {name}, which is no FEATURE, PREDICTION or SCORE of model {}; it has {}",
                    self.function,
                    table.name,
                    known.join(", ")
                );
            }
        }
        columns.retain(|compared| wanted.iter().any(|name| name::same(&compared.name, name)));
        Ok(columns)
    }

    /// Rows are counted once each: what has weights would be compared wrongly, so that has to be wanted.
    fn check_weights(&self, table: &TableSchema) -> Result<()> {
        let weight = table.columns.iter().find(|column| column.meaning == Some(Meaning::Weight));
        match weight.filter(|_| !self.ignores_weights) {
            Some(weight) => plan_err!(
                "{}: rows of model {} have weights ({}), and are counted once each here; write weights => 'ignore' if that is what you want",
                self.function,
                table.name,
                weight.name
            ),
            None => Ok(()),
        }
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
        Meaning::Prediction | Meaning::Label if number => Counter::numeric(),
        Meaning::CategoricalFeature | Meaning::Prediction | Meaning::Label => Counter::categorical(),
        _ => return None,
    };
    Some(counter.distribution().clone())
}

impl Job {
    /// The node over its inputs; reads labels only where they are compared, else none are joined.
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
        let counts = state.create_physical_plan(&counted(&self, rows.clone(), distribution)?).await?;
        let last_row = match last_row(&self, rows)? {
            Some(plan) => Some(state.create_physical_plan(&plan).await?),
            None => None,
        };
        let reference = match self.segment.is_some() && !self.is_previous {
            true => {
                let rows = segment::reference(&self, state).await?;
                Some(state.create_physical_plan(&counted_by_segment(&self, rows, distribution)?).await?)
            }
            false => None,
        };
        DriftExec::try_new(Arc::new(self), Inputs { counts, last_row, reference }, projection)
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

impl Answer {
    /// The columns.
    pub(super) fn schema(self) -> SchemaRef {
        match self {
            Self::Columns => report::schema(),
            Self::Verdict => summary::schema(),
        }
    }
}

/// The result of a call, as a table.
#[derive(Debug)]
pub(super) struct DriftTable {
    request: Request,
    schema: SchemaRef,
}

impl DriftTable {
    pub(super) fn new(request: Request) -> Self {
        let schema = request.answer.schema();
        Self { request, schema }
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
        let job = self.request.resolve(&view, state)?;
        // A verdict is on all columns together, also where only some are asked for.
        let is_of_all = Wanted::of(job.answer, projection.map(Vec::as_slice)).adjusted;
        let job = if is_of_all { job } else { job.only(filters, state)? };
        if job.columns.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        Ok(Arc::new(job.planned(&view, state, projection.cloned()).await?))
    }
}
