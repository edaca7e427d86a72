//! Takes a shift apart: by each TAG of the model and by the hour, how much of it goes when a value's rows are left out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use driftline_storage::distribution::{Categorical, Distribution, Lattice, Numeric};
use driftline_storage::{Role, TableSchema};
use futures::TryStreamExt;

use super::Statement;
use super::watch::ExplainDrift;
use crate::catalog::name;
use crate::database::{Access, Database};
use crate::error::{QueryError, Result};
use crate::limits::EXPLAINED_VALUES_MAX;
use crate::session::Session;
use crate::stats::{shared_bins, total_variation, wasserstein_scaled};

const DAY: i64 = 86_400_000_000_000;
/// What stands for the hour among the dimensions.
const HOUR: &str = "hour";

/// A value of a dimension, and what its rows do.
#[derive(Debug)]
struct Part {
    dimension: String,
    value: Option<String>,
    count: u64,
    /// Of all rows of the window.
    share: f64,
    /// How far its own rows are from the reference.
    distance: Option<f64>,
    /// The share of the whole distance that goes when they are left out.
    contribution: Option<f64>,
}

/// The columns of the answer.
pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, ty: DataType| Field::new(name, ty, true);
    Arc::new(Schema::new(vec![
        field("dimension", DataType::Utf8),
        field("value", DataType::Utf8),
        field("n_current", DataType::Int64),
        field("share_current", DataType::Float64),
        field("distance", DataType::Float64),
        field("contribution", DataType::Float64),
        field("measure", DataType::Utf8),
    ]))
}

/// The parts of the shift of a column, those that carry most of it first. The first row is of all of the window.
///
/// The distance is Wasserstein's in standard deviations of the reference, for categories the total variation. A contribution
/// of 1 says that without these rows nothing is left of it, 0 that it is as great without them, less than 0 that they hide some
/// of it. Where all values moved alike none contributes much, and each has the distance of all.
pub(super) async fn explain(
    database: &Database,
    asked: &ExplainDrift,
    access: Access,
) -> Result<RecordBatch> {
    let session = database.session(access, None);
    let view = session.view();
    let (model, table) = (view.model(&asked.model)?, view.table(&asked.model)?);
    let baseline = view.baseline(&model.name, asked.baseline.as_deref())?;
    let compared = baseline.columns.keys().map(String::as_str);
    let Some(feature) = name::find("column", compared.clone(), &asked.feature)?.map(str::to_owned) else {
        let known: Vec<&str> = compared.collect();
        return Err(QueryError::Invalid(format!(
            "baseline {} of model {} has no column {}; it has {}",
            baseline.name,
            model.name,
            asked.feature,
            known.join(", ")
        )));
    };
    let Some(reference) = baseline.columns.get(&feature) else { return told(&[], "") };
    let shift = Shift {
        session: &session,
        table: &table,
        feature: &feature,
        reference,
        range: range(&session, asked, &table),
    };
    let mut parts = Vec::new();
    for (dimension, expression) in dimensions(&table) {
        let counted = shift.counted(&expression).await?;
        if parts.is_empty() {
            parts.push(shift.whole(&counted)?);
        }
        parts.extend(shift.parts(&dimension, &counted)?);
    }
    let [_, of_values @ ..] = parts.as_mut_slice() else { return told(&[], "") };
    of_values
        .sort_by(|a, b| b.contribution.unwrap_or(f64::MIN).total_cmp(&a.contribution.unwrap_or(f64::MIN)));
    let measure = match reference {
        Distribution::Numeric(_) => "wasserstein_scaled",
        Distribution::Categorical(_) => "total_variation",
    };
    told(&parts, measure)
}

/// The hour, and each tag.
fn dimensions(table: &TableSchema) -> Vec<(String, String)> {
    let tags = table.columns.iter().filter(|column| column.role == Role::Tag);
    let tags = tags.map(|column| (column.name.clone(), format!("CAST({} AS TEXT)", quoted(&column.name))));
    let hour = "CAST(date_bin(INTERVAL '1 hour', \"time\") AS TEXT)".to_owned();
    std::iter::once((HOUR.to_owned(), hour)).chain(tags).collect()
}

/// The window: as asked, else the newest day of rows that the clock has reached.
fn range(session: &Session, asked: &ExplainDrift, table: &TableSchema) -> (i64, i64) {
    if let Some(range) = asked.range {
        return (range.from, range.to);
    }
    let now = session.view().now_nanos();
    let newest = session.view().snapshot().size(table.id).time.map(|time| time.max.saturating_add(1));
    let end = newest.map_or(now, |newest| newest.min(now));
    (end.saturating_sub(DAY), end)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value of a dimension and what was counted of its rows.
type Counted = (Option<String>, Distribution);

/// The shift that is taken apart.
struct Shift<'a> {
    session: &'a Session,
    table: &'a TableSchema,
    feature: &'a str,
    reference: &'a Distribution,
    range: (i64, i64),
}

impl Shift<'_> {
    /// The counts by the values of an expression.
    async fn counted(&self, expression: &str) -> Result<Vec<Counted>> {
        let (table, feature) = (quoted(&self.table.name), quoted(self.feature));
        let values = match self.reference {
            Distribution::Numeric(_) => feature,
            Distribution::Categorical(_) => format!("CAST({feature} AS TEXT)"),
        };
        let text = format!(
            "SELECT {expression} AS value, distribution({values}) AS counts FROM {table} \
             WHERE \"time\" >= to_timestamp_nanos({}) AND \"time\" < to_timestamp_nanos({}) GROUP BY 1 ORDER BY 1",
            self.range.0, self.range.1
        );
        let Statement::Sql(statement) = super::parse_one(&text)? else { return Ok(Vec::new()) };
        let batches: Vec<RecordBatch> =
            self.session.run(*statement, Access::Embedded).await?.try_collect().await?;
        let mut counted = Vec::new();
        for batch in &batches {
            let (values, counts) = (batch.column(0).as_string::<i32>(), batch.column(1).as_binary::<i32>());
            for row in 0..batch.num_rows() {
                let value = values.is_valid(row).then(|| values.value(row).to_owned());
                counted.push((value, Distribution::decode(counts.value(row))?));
            }
        }
        match counted.len() > EXPLAINED_VALUES_MAX {
            true => Err(QueryError::Invalid(format!(
                "{expression} has {} values in the window, and at most {EXPLAINED_VALUES_MAX} are told apart; take a shorter window: \
                 EXPLAIN DRIFT .. FROM '..' TO '..'",
                counted.len()
            ))),
            false => Ok(counted),
        }
    }

    /// All rows together.
    fn whole(&self, counted: &[Counted]) -> Result<Part> {
        let all = self.sum(counted)?;
        let distance = self.distance(&all)?;
        let contribution = distance.map(|_| 1.0);
        Ok(Part {
            dimension: "all".to_owned(),
            value: None,
            count: all.count(),
            share: 1.0,
            distance,
            contribution,
        })
    }

    /// What each value's rows do.
    fn parts(&self, dimension: &str, counted: &[Counted]) -> Result<Vec<Part>> {
        let all = self.sum(counted)?;
        let whole = self.distance(&all)?.filter(|distance| *distance > 0.0);
        let mut parts = Vec::with_capacity(counted.len());
        for ((value, own), rest) in counted.iter().zip(self.rests(counted)?) {
            let rest = self.distance(&rest)?;
            parts.push(Part {
                dimension: dimension.to_owned(),
                value: value.clone(),
                count: own.count(),
                share: own.count() as f64 / all.count().max(1) as f64,
                distance: self.distance(own)?,
                contribution: whole.map(|whole| (whole - rest.unwrap_or(0.0)) / whole),
            });
        }
        Ok(parts)
    }

    /// The counts of nothing.
    fn none(&self) -> Distribution {
        match self.reference {
            Distribution::Numeric(_) => Distribution::Numeric(Numeric::on(Lattice::SUMMARIES)),
            Distribution::Categorical(_) => Distribution::Categorical(Categorical::new()),
        }
    }

    fn sum(&self, counted: &[Counted]) -> Result<Distribution> {
        let mut all = self.none();
        counted.iter().try_for_each(|(_, counts)| all.merge(counts))?;
        Ok(all)
    }

    /// For each value the counts of all others: those before it and those after it, each summed up once.
    fn rests(&self, counted: &[Counted]) -> Result<Vec<Distribution>> {
        let (mut after, mut behind) = (self.none(), Vec::with_capacity(counted.len()));
        for (_, counts) in counted.iter().rev() {
            behind.push(after.clone());
            after.merge(counts)?;
        }
        let mut before = self.none();
        for ((_, counts), rest) in counted.iter().zip(behind.iter_mut().rev()) {
            rest.merge(&before)?;
            before.merge(counts)?;
        }
        behind.reverse();
        Ok(behind)
    }

    /// How far rows are from the reference; None of no values.
    fn distance(&self, current: &Distribution) -> Result<Option<f64>> {
        if let (Distribution::Numeric(reference), Distribution::Numeric(current)) = (self.reference, current)
            && let Some(distance) = wasserstein_scaled(&reference.points(), &current.points())
        {
            return Ok(Some(distance));
        }
        let bins = shared_bins(self.reference, current, 10);
        let bins = bins.map_err(|error| QueryError::Invalid(format!("{}: {error}", self.feature)))?;
        Ok(total_variation(&bins.reference, &bins.current))
    }
}

fn told(parts: &[Part], measure: &str) -> Result<RecordBatch> {
    let number = |of: fn(&Part) -> Option<f64>| -> ArrayRef {
        Arc::new(parts.iter().map(of).collect::<Float64Array>())
    };
    let dimensions = StringArray::from_iter_values(parts.iter().map(|part| &part.dimension));
    let values: StringArray = parts.iter().map(|part| part.value.as_deref()).collect();
    let counts: Int64Array = parts.iter().map(|part| i64::try_from(part.count).ok()).collect();
    let measures = StringArray::from_iter_values(parts.iter().map(|_| measure));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(dimensions),
        Arc::new(values),
        Arc::new(counts),
        number(|part| Some(part.share)),
        number(|part| part.distance),
        number(|part| part.contribution),
        Arc::new(measures),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
