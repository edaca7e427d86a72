//! Fits rows to their table: columns by name, types where nothing is lost.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::{Field, Float64Type, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, ColumnType, Meaning, Role, TIME_COLUMN, TableSchema};

use super::coerce::{self, Place};
use super::rules::Rules;
use crate::catalog::name;
use crate::error::{QueryError, Result};

/// Adds to `table` the columns of `rows` that it lacks; whether there were any. A column of nulls only, without a
/// type, adds nothing.
pub(super) fn add_new_columns(table: &mut TableSchema, rows: &RecordBatch) -> Result<bool> {
    let before = table.columns.len();
    for field in rows.schema().fields() {
        if column_for(table, field.name())?.is_some() || field.data_type().is_null() {
            continue;
        }
        let Some(ty) = coerce::column_type(field) else {
            return Err(QueryError::Invalid(format!(
                "column {} of the rows for table {} has type {}, for which there is no column type; \
                 send BOOLEAN, BIGINT, DOUBLE, TEXT, TIMESTAMP, VECTOR or DISTRIBUTION values",
                field.name(),
                table.name,
                field.data_type()
            )));
        };
        let mut column = Column::new(field.name(), ty, Role::Field);
        column.id = table.next_column_id;
        table.next_column_id += 1;
        table.columns.push(column);
    }
    Ok(table.columns.len() > before)
}

/// A BIGINT column of a table that rows have other numbers for.
pub(super) struct Misfit {
    /// The place of the column in the table.
    pub(super) at: usize,
    /// What to say of the first row that shows it.
    pub(super) conflict: String,
}

/// The BIGINT columns of `table` that `rows` have doubles for which are no integers, where it could be DOUBLE as well.
pub(super) fn beyond_bigint(table: &TableSchema, rows: &RecordBatch) -> Result<Vec<Misfit>> {
    let mut found = Vec::new();
    for (at, (column, source)) in table.columns.iter().zip(sources(table, rows)?).enumerate() {
        let Some(values) = source.map(|source| rows.column(source)) else { continue };
        if !is_widened(column) || !values.data_type().is_floating() {
            continue;
        }
        if let Some(row) = coerce::first_beyond_bigint(values)? {
            let place = Place { table: &table.name, column: &column.name, first_row: 0 };
            let conflict = coerce::conflict(values, Some(row), column.ty, &place);
            found.push(Misfit { at, conflict });
        }
    }
    Ok(found)
}

/// Whether a column may become DOUBLE when it has to. Not where its values are categories, which are compared as text,
/// and not a KEY or SUBJECT.
fn is_widened(column: &Column) -> bool {
    column.ty == ColumnType::BigInt
        && column.role == Role::Field
        && column.meaning != Some(Meaning::CategoricalFeature)
}

/// The rows in the Arrow schema of `table`. Row numbers in errors count from 1.
pub(super) fn fit(table: &TableSchema, rows: &RecordBatch, rules: &Rules<'_>) -> Result<RecordBatch> {
    let fitted = rules.complete(fit_types(table, rows)?)?;
    let wrong = rules.wrong(&fitted).next();
    match wrong {
        None => Ok(fitted),
        Some((row, what)) => Err(QueryError::Invalid(rules.say(row, &what))),
    }
}

/// The same before any rule; where a time is missing, the batch says that it may be.
pub(super) fn fit_types(table: &TableSchema, rows: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(table.columns.len());
    for (column, source) in table.columns.iter().zip(sources(table, rows)?) {
        columns.push(match source {
            Some(source) => fit_column(table, column, rows.column(source), 0)?,
            None => new_null_array(&column.ty.arrow(), rows.num_rows()),
        });
    }
    Ok(RecordBatch::try_new(written(table, &columns), columns)?)
}

/// The rows with a value that cannot be converted, from 0, each with what to say of it.
pub(super) fn misfits(table: &TableSchema, rows: &RecordBatch) -> Result<BTreeMap<usize, String>> {
    let mut found = BTreeMap::new();
    for (column, source) in table.columns.iter().zip(sources(table, rows)?) {
        let Some(source) = source else { continue };
        let convert = |values: &ArrayRef, first_row| fit_column(table, column, values, first_row);
        for (row, what) in coerce::misfits(rows.column(source), convert) {
            found.entry(row).or_insert(what);
        }
    }
    Ok(found)
}

fn fit_column(table: &TableSchema, column: &Column, values: &ArrayRef, first_row: usize) -> Result<ArrayRef> {
    let place = Place { table: &table.name, column: &column.name, first_row };
    match column.role {
        Role::Tag => coerce::to_tag(values, &place),
        _ => coerce::to(values, column.ty, &place),
    }
}

/// The schema of `table`, where tags may stand as dictionaries, and times may be missing as long as nobody looked.
fn written(table: &TableSchema, columns: &[ArrayRef]) -> SchemaRef {
    let fields = table
        .arrow()
        .fields()
        .iter()
        .zip(columns)
        .map(|(field, values)| {
            let nullable = field.is_nullable() || values.null_count() > 0;
            Field::clone(field).with_data_type(values.data_type().clone()).with_nullable(nullable)
        })
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// Rows of a table as it was before it got more columns, with nulls in these, or before a BIGINT became DOUBLE.
pub(super) fn widen(table: &TableSchema, rows: &RecordBatch) -> RecordBatch {
    let columns = table.columns.iter().enumerate().map(|(at, column)| match rows.columns().get(at) {
        Some(values) if column.ty == ColumnType::Double => as_doubles(values),
        Some(values) => values.clone(),
        None => new_null_array(&column.ty.arrow(), rows.num_rows()),
    });
    // New columns stand behind the old ones, so the lengths and types are those of the table.
    let columns: Vec<_> = columns.collect();
    RecordBatch::try_new(written(table, &columns), columns).unwrap_or_else(|_| rows.clone())
}

/// Exact, for a BIGINT becomes a DOUBLE only where all its values are.
fn as_doubles(values: &ArrayRef) -> ArrayRef {
    match values.as_primitive_opt::<Int64Type>() {
        Some(integers) => Arc::new(integers.unary::<_, Float64Type>(|value| value as f64)),
        None => values.clone(),
    }
}

/// The statement that would create a table for these rows.
pub(super) fn create_for(table: &str, rows: &RecordBatch) -> String {
    let mut columns = vec![format!("{TIME_COLUMN} TIMESTAMP TIME")];
    for field in rows.schema().fields() {
        if !name::same(field.name(), TIME_COLUMN) {
            let ty = coerce::column_type(field).map_or_else(|| "TEXT".to_owned(), |ty| ty.sql());
            columns.push(format!("{} {ty}", quoted(field.name())));
        }
    }
    format!("CREATE TABLE {} ({})", quoted(table), columns.join(", "))
}

/// A name as a statement needs it.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Which column of the table a column of the rows is for.
pub(super) fn column_for<'a>(table: &'a TableSchema, wanted: &str) -> Result<Option<&'a Column>> {
    let names = table.columns.iter().map(|column| column.name.as_str());
    let what = format!("column of table {}", table.name);
    Ok(name::find(&what, names, wanted)?.and_then(|found| table.column_named(found)))
}

/// For each column of the table, the column of the rows that feeds it.
fn sources(table: &TableSchema, rows: &RecordBatch) -> Result<Vec<Option<usize>>> {
    let mut sources = vec![None; table.columns.len()];
    let mut seen = HashSet::new();
    for (at, field) in rows.schema().fields().iter().enumerate() {
        let Some(column) = column_for(table, field.name())? else { continue };
        if !seen.insert(column.name.clone()) {
            return Err(QueryError::Invalid(format!(
                "column {} of table {} comes twice in the rows; send it once",
                column.name, table.name
            )));
        }
        if let Some(to) = table.columns.iter().position(|known| known.name == column.name) {
            sources[to] = Some(at);
        }
    }
    Ok(sources)
}
