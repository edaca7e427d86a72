//! The function `poisoning`: what rows look like that somebody made to mislead a model, or the labels it learns from.
//!
//! Four shares of rows of a window are held against those of the windows before it, as one statement of SQL over the model.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, plan_datafusion_err, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableType, col};
use datafusion::physical_plan::ExecutionPlan;
use driftline_storage::distribution::Distribution;
use driftline_storage::{Column, Meaning, TableSchema};

use super::arguments::Arguments;
use super::definition::Definition;
use super::provider::{catalog, external};
use super::segment::Segment;
use super::windows::{Span, Windows};
use crate::catalog::CatalogView;
use crate::model::Baseline;

/// `poisoning`.
pub(super) static POISONING: Definition = Definition {
    name: "poisoning",
    arguments: &["model", "baseline", "from", "to", "window", "at", "rows", "reference", "segment", "alpha"],
    table: |arguments, session| table(arguments, session),
};

/// Windows before the one that is looked at, where no number is asked for.
const REFERENCE: usize = 7;
const REFERENCE_MAX: usize = 1_000;
/// The chance that a window in which nobody meddled raises any signal.
const ALPHA: f64 = 0.01;
/// A share that rose by less is dust.
const RISE_MIN: f64 = 0.02;
/// Rows that are alike from which on they are a burst. Models of few features have some that are alike by chance, in clusters,
/// of which a test of independent rows would make too much.
const ALIKE_MIN: usize = 10;
/// Numbers whose logarithms lie within one of so many parts of an octave are near each other.
const NEAR_PARTS: f64 = 50.0;
/// Scores so near to the middle are unsure.
const UNSURE: (f64, f64) = (0.4, 0.6);
/// Numbers beyond these quantiles of the baseline are not of its distribution.
const OUTSIDE: (f64, f64) = (0.0005, 0.9995);

/// What a call asks for.
#[derive(Debug)]
struct Request {
    model: String,
    baseline: Option<String>,
    span: Span,
    reference: usize,
    segment: Option<String>,
    alpha: f64,
}

fn table(arguments: &Arguments<'_>, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    let request = Request {
        model: arguments.required_text("model")?,
        baseline: arguments.text("baseline")?,
        span: Span::new(arguments, POISONING.name)?,
        reference: arguments.count("reference", 1, REFERENCE_MAX)?.unwrap_or(REFERENCE),
        segment: arguments.text("segment")?,
        alpha: arguments.share("alpha")?.unwrap_or(ALPHA),
    };
    // What is wrong is said while planning; the statement itself is written anew for each run.
    request.statement(catalog(POISONING.name, session)?.as_ref(), session)?;
    Ok(Arc::new(Signals { request, schema: schema() }))
}

/// The columns.
fn schema() -> SchemaRef {
    let field = |name: &str, ty: DataType| Field::new(name, ty, true);
    Arc::new(Schema::new(vec![
        field("signal", DataType::Utf8),
        field("segment", DataType::Utf8),
        field("n_reference", DataType::Int64),
        field("n_current", DataType::Int64),
        field("share_reference", DataType::Float64),
        field("share_current", DataType::Float64),
        field("p_value", DataType::Float64),
        field("p_adjusted", DataType::Float64),
        field("raised", DataType::Boolean),
    ]))
}

impl Request {
    /// The statement that answers it in one catalog.
    fn statement(&self, view: &CatalogView, session: &dyn Session) -> Result<String> {
        let model = view.model(&self.model).map_err(external)?;
        let table = view.table(&model.name).map_err(external)?;
        let baseline = view.baseline(&model.name, self.baseline.as_deref()).map_err(external)?;
        let Windows::One { start, end } = self.span.at(view.now_nanos())? else {
            return plan_err!("poisoning: windows are of time; give `window`, or `from` and `to`");
        };
        let segment = match &self.segment {
            Some(text) => Segment::new(POISONING.name, text, (view, &table), session)?.sql()?,
            None => "NULL".to_owned(),
        };
        let (rows, signals) = (rows(&table, &baseline), signals(&table));
        let length = end.saturating_sub(start);
        let first = start.saturating_sub(length.saturating_mul(i64::try_from(self.reference).unwrap_or(1)));
        let tests = "two_proportion_z_pvalue(hits_reference, n_reference, hits_current, n_current)";
        Ok(format!(
            "WITH rows AS (SELECT \"time\" >= to_timestamp_nanos({start}) AS is_current,
                 date_bin(INTERVAL '{length} nanoseconds', \"time\", to_timestamp_nanos({start})) AS slice,
                 CAST({segment} AS TEXT) AS segment, {rows}
               FROM {table} WHERE \"time\" >= to_timestamp_nanos({first}) AND \"time\" < to_timestamp_nanos({end})),
             alike AS (SELECT is_current, slice, likeness, count(*) AS n FROM rows GROUP BY 1, 2, 3),
             signals AS ({signals}),
             tested AS (SELECT *, {tests} AS p FROM signals),
             ranked AS (SELECT *, count(p) OVER (ORDER BY p) AS place, count(p) OVER () AS tests FROM tested),
             corrected AS (SELECT *, CASE WHEN p IS NOT NULL THEN
                 least(1.0, min(p * tests / place) OVER (ORDER BY p DESC NULLS LAST)) END AS q FROM ranked)
             SELECT signal, segment, CAST(n_reference AS BIGINT) AS n_reference, CAST(n_current AS BIGINT) AS n_current,
               CAST(hits_reference AS DOUBLE) / nullif(n_reference, 0) AS share_reference,
               CAST(hits_current AS DOUBLE) / nullif(n_current, 0) AS share_current, p AS p_value, q AS p_adjusted,
               q <= {alpha} AND CAST(hits_current AS DOUBLE) / n_current >= CAST(hits_reference AS DOUBLE) / n_reference + {RISE_MIN}
                 AS raised
             FROM corrected",
            table = quoted(&table.name),
            alpha = self.alpha
        ))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn with(table: &TableSchema, meaning: Meaning) -> Option<&Column> {
    table.columns.iter().find(|column| column.meaning == Some(meaning))
}

/// What has to be known of each row.
fn rows(table: &TableSchema, baseline: &Baseline) -> String {
    let unsure = with(table, Meaning::Score).map(|score| {
        let score = quoted(&score.name);
        let (low, high) = UNSURE;
        format!("CASE WHEN {score} IS NOT NULL THEN {score} BETWEEN {low} AND {high} END")
    });
    let flipped =
        with(table, Meaning::Label).zip(with(table, Meaning::Prediction)).map(|(label, prediction)| {
            format!("CAST({} AS TEXT) <> CAST({} AS TEXT)", quoted(&label.name), quoted(&prediction.name))
        });
    let or_null =
        |expression: Option<String>| expression.unwrap_or_else(|| "CAST(NULL AS BOOLEAN)".to_owned());
    format!(
        "{} AS unsure, {} AS flipped, {} AS outside, {} AS likeness",
        or_null(unsure),
        or_null(flipped),
        outside(table, baseline),
        likeness(table)
    )
}

fn features(table: &TableSchema) -> impl Iterator<Item = (&Column, bool)> {
    table.columns.iter().filter_map(|column| match column.meaning? {
        Meaning::NumericFeature => Some((column, true)),
        Meaning::CategoricalFeature => Some((column, false)),
        _ => None,
    })
}

/// Whether any feature has a number beyond nearly all of the baseline, or a category that it has not.
fn outside(table: &TableSchema, baseline: &Baseline) -> String {
    let conditions = features(table).filter_map(|(column, _)| {
        let name = quoted(&column.name);
        match baseline.columns.get(&column.name)? {
            Distribution::Numeric(numbers) => {
                let (low, high) = (numbers.quantile(OUTSIDE.0)?, numbers.quantile(OUTSIDE.1)?);
                Some(format!("{name} < CAST({low:e} AS DOUBLE) OR {name} > CAST({high:e} AS DOUBLE)"))
            }
            Distribution::Categorical(categories) if categories.other_count() == 0 => {
                let known: Vec<String> = categories.counts().keys().map(|category| text(category)).collect();
                (!known.is_empty()).then(|| format!("CAST({name} AS TEXT) NOT IN ({})", known.join(", ")))
            }
            Distribution::Categorical(_) => None,
        }
    });
    let conditions: Vec<String> = conditions.collect();
    match conditions.is_empty() {
        true => "CAST(NULL AS BOOLEAN)".to_owned(),
        false => format!("coalesce({}, false)", conditions.join(" OR ")),
    }
}

/// The same for rows whose features are near each other.
fn likeness(table: &TableSchema) -> String {
    let parts = features(table).map(|(column, is_number)| {
        let name = quoted(&column.name);
        match is_number {
            true => format!(
                "coalesce(CAST(CASE WHEN {name} = 0 THEN 0 ELSE signum({name}) * (100000 + floor(log2(abs({name})) * {NEAR_PARTS})) END AS TEXT), '')"
            ),
            false => format!("coalesce(CAST({name} AS TEXT), '')"),
        }
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "''".to_owned() } else { parts.join(" || '|' || ") }
}

/// The shares that are compared, one below the other.
fn signals(table: &TableSchema) -> String {
    let of = |name: &str, segment: &str, is_known: &str, is_hit: &str, rest: &str| {
        let count = |side: &str, condition: &str| {
            format!("count(*) FILTER (WHERE {side} AND {is_known} AND {condition})")
        };
        let (before, now) = ("NOT is_current", "is_current");
        format!(
            "SELECT {} AS signal, {segment} AS segment, {} AS n_reference, {} AS hits_reference, {} AS n_current, {} AS hits_current FROM rows{rest}",
            text(name),
            count(before, "true"),
            count(before, is_hit),
            count(now, "true"),
            count(now, is_hit)
        )
    };
    let sum =
        |side: &str, condition: &str| format!("coalesce(sum(n) FILTER (WHERE {side} AND {condition}), 0)");
    let (alike, any) = (format!("n >= {ALIKE_MIN}"), "true");
    let duplicates = format!(
        "SELECT 'near_duplicates' AS signal, CAST(NULL AS TEXT) AS segment, {} AS n_reference, {} AS hits_reference, {} AS n_current, {} AS hits_current FROM alike",
        sum("NOT is_current", any),
        sum("NOT is_current", &alike),
        sum("is_current", any),
        sum("is_current", &alike)
    );
    let mut parts = vec![
        duplicates,
        of("out_of_distribution", "CAST(NULL AS TEXT)", "outside IS NOT NULL", "outside", ""),
    ];
    if with(table, Meaning::Score).is_some() {
        parts.push(of("low_confidence", "CAST(NULL AS TEXT)", "unsure IS NOT NULL", "unsure", ""));
    }
    if with(table, Meaning::Label).is_some() && with(table, Meaning::Prediction).is_some() {
        parts.push(of("label_flips", "segment", "flipped IS NOT NULL", "flipped", " GROUP BY segment"));
    }
    parts.join(" UNION ALL ")
}

/// The result of a call, as a table.
#[derive(Debug)]
struct Signals {
    request: Request,
    schema: SchemaRef,
}

/// The model that a table stands for which `poisoning` answers, as written; None of other tables.
pub(super) fn model_of(provider: &dyn TableProvider) -> Option<&str> {
    provider.downcast_ref::<Signals>().map(|signals| signals.request.model.as_str())
}

#[async_trait]
impl TableProvider for Signals {
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
        let statement = self.request.statement(catalog(POISONING.name, state)?.as_ref(), state)?;
        let Some(planner) = state.as_any().downcast_ref::<SessionState>() else {
            return plan_err!("poisoning: the statement cannot be planned in this session");
        };
        let statement = planner.sql_to_statement(&statement, &planner.config_options().sql_parser.dialect)?;
        let plan = planner.statement_to_plan(statement).await;
        let plan = plan.map_err(|error| plan_datafusion_err!("poisoning: {}", error.strip_backtrace()))?;
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all).iter().filter_map(|at| self.schema.fields().get(*at));
        let columns: Vec<Expr> = columns.map(|field| col(field.name().as_str())).collect();
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        planner.create_physical_plan(&plan).await
    }
}
