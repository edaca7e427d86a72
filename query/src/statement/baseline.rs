//! CREATE BASELINE: sums up the rows of a query as one distribution a column; and DROP BASELINE.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use driftline_storage::distribution::{Categorical, Distribution, Numeric};
use driftline_storage::{CatalogChange, Column, ColumnType, Meaning, Snapshot, TableSchema, WriteBatch};
use futures::StreamExt;

use super::dependence::dependence;
use super::{CreateBaseline, Drop};
use crate::catalog::name;
use crate::database::Database;
use crate::error::{QueryError, Result};
use crate::function::PREVIOUS;
use crate::govern::Query;
use crate::model::{BASELINE_PREFIX, Baseline, baseline_key, encode_baseline};
use crate::write::Ingest;

/// Makes a baseline; the number of rows in it. The query sees one snapshot, and other writes go on meanwhile.
pub(super) async fn create(database: &Database, create: &CreateBaseline, by: &Arc<Query>) -> Result<u64> {
    if name::same(&create.name, PREVIOUS) {
        return Err(QueryError::Invalid(format!(
            "a baseline cannot be named {PREVIOUS}: baseline => '{PREVIOUS}' is the window before"
        )));
    }
    let session = database.session(by.access(), Some(by));
    let (model, table) = (session.view().model(&create.model)?, session.view().table(&create.model)?);
    if is_there(session.view().snapshot(), create, &model.name)? {
        return Ok(0);
    }
    let query = SqlStatement::Statement(Box::new(Ast::Query(create.query.clone())));
    let mut rows = session.run(query, by.access()).await?;
    let mut sums = Sums::new(&table, &model.name, &rows.schema())?;
    while let Some(batch) = rows.next().await {
        sums.push(&batch?)?;
    }
    let created_at = session.view().now_nanos();
    let (count, query) = (sums.rows, create.text.clone());
    let (name, model) = (create.name.clone(), model.name.clone());
    let (schema, columns) = (rows.schema(), sums.finish());
    let dependence = dependence(&session, &create.query, by.access(), &columns, &schema).await?;
    let baseline = Baseline { name, model, query, rows: count, columns, dependence, created_at };
    let create = create.clone();
    session.begin_write()?;
    database.blocking(move |ingest| keep(ingest, &create, &baseline)).await?;
    Ok(count)
}

fn keep(ingest: &Ingest, create: &CreateBaseline, baseline: &Baseline) -> Result<()> {
    ingest.change(|snapshot| {
        if is_there(snapshot, create, &baseline.model)? {
            return Ok(None);
        }
        let key = baseline_key(&baseline.model, &baseline.name);
        let value = encode_baseline(baseline)?;
        Ok(Some(WriteBatch {
            catalog: vec![CatalogChange::PutEntry { key, value }],
            ..WriteBatch::default()
        }))
    })
}

/// Drops a baseline, of the model named or of the only model that has one of this name.
pub(super) fn drop(ingest: &Ingest, drop: &Drop) -> Result<()> {
    ingest.change(|snapshot| {
        let of_model = |model: &str| drop.model.as_ref().is_none_or(|wanted| name::same(wanted, model));
        let alike: Vec<(&str, &str)> =
            names(snapshot).filter(|(model, name)| of_model(model) && name::same(name, &drop.name)).collect();
        match alike.as_slice() {
            [] if drop.if_exists => Ok(None),
            [] => Err(name::missing("baseline", &drop.name, names(snapshot).map(|(_, name)| name), "")),
            [(model, name)] => {
                let catalog = vec![CatalogChange::RemoveEntry { key: baseline_key(model, name) }];
                Ok(Some(WriteBatch { catalog, ..WriteBatch::default() }))
            }
            [(first, _), ..] => Err(QueryError::Invalid(format!(
                "several models have a baseline {}; name one: DROP BASELINE {} FOR MODEL {first}",
                drop.name, drop.name
            ))),
        }
    })
}

/// All baselines as (model, name).
fn names(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &str)> {
    snapshot.entries().keys().filter_map(|key| key.strip_prefix(BASELINE_PREFIX)?.split_once('/'))
}

fn is_there(snapshot: &Snapshot, create: &CreateBaseline, model: &str) -> Result<bool> {
    let taken = names(snapshot).find(|(of, name)| *of == model && name::same(name, &create.name));
    match taken {
        None => Ok(false),
        Some(_) if create.if_not_exists => Ok(true),
        Some((_, name)) => Err(QueryError::Exists(format!("model {model} has a baseline {name} already"))),
    }
}

/// The distributions being counted.
struct Sums {
    rows: u64,
    /// By column of the query.
    columns: Vec<(usize, String, Distribution)>,
}

impl Sums {
    /// One distribution for each feature, prediction, score and label of the model that the query gives.
    fn new(table: &TableSchema, model: &str, rows: &arrow::datatypes::Schema) -> Result<Self> {
        let mut columns = Vec::new();
        for column in &table.columns {
            let found = name::find("column", rows.fields().iter().map(|f| f.name().as_str()), &column.name)?;
            let at = found.and_then(|found| rows.fields().iter().position(|field| field.name() == found));
            if let (Some(at), Some(empty)) = (at, empty(column)) {
                columns.push((at, column.name.clone(), empty));
            }
        }
        if columns.is_empty() {
            return Err(QueryError::Invalid(format!(
                "the query of the baseline gives no feature, prediction or score of model {model}; \
                 write for example SELECT * FROM {model} WHERE time < '2026-01-01'"
            )));
        }
        Ok(Self { rows: 0, columns })
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        for (at, name, counts) in &mut self.columns {
            count(counts, batch.column(*at), name)?;
        }
        Ok(())
    }

    fn finish(self) -> BTreeMap<String, Distribution> {
        self.columns.into_iter().map(|(_, name, counts)| (name, counts)).collect()
    }
}

/// What to count a column in; none where it has no distribution.
fn empty(column: &Column) -> Option<Distribution> {
    let numeric = matches!(column.ty, ColumnType::BigInt | ColumnType::Double);
    match column.meaning? {
        Meaning::NumericFeature => Some(Distribution::Numeric(Numeric::new())),
        Meaning::CategoricalFeature => Some(Distribution::Categorical(Categorical::new())),
        Meaning::Score | Meaning::Prediction | Meaning::Label if numeric => {
            Some(Distribution::Numeric(Numeric::new()))
        }
        Meaning::Prediction | Meaning::Label => Some(Distribution::Categorical(Categorical::new())),
        _ => None,
    }
}

fn count(counts: &mut Distribution, values: &ArrayRef, name: &str) -> Result<()> {
    match counts {
        Distribution::Numeric(counts) => {
            let values = as_type(values, &DataType::Float64, name)?;
            for value in values.as_primitive::<Float64Type>() {
                match value {
                    Some(value) => counts.push(value),
                    None => counts.push_null(),
                }
            }
        }
        Distribution::Categorical(counts) => {
            let values = as_type(values, &DataType::Utf8, name)?;
            for value in values.as_string::<i32>() {
                match value {
                    Some(value) => counts.push(value),
                    None => counts.push_null(),
                }
            }
        }
    }
    Ok(())
}

pub(super) fn as_type(values: &ArrayRef, ty: &DataType, name: &str) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(values, ty, &options).map_err(|error| {
        QueryError::Invalid(format!(
            "column {name} of the baseline's query is {}, which does not do for the model: {error}",
            values.data_type()
        ))
    })
}
