//! Fits rows to their table: columns by name, types where nothing is lost, times within bounds.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, Role, TIME_COLUMN, TableSchema};

use super::coerce::{self, Place};
use crate::catalog::name;
use crate::duration;
use crate::error::{QueryError, Result};

/// How far ahead of the clock an event time may lie: clocks of senders differ. 10 minutes, in nanoseconds.
pub(crate) const AHEAD_NANOS_MAX: i64 = 600 * 1_000_000_000;

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

/// The rows in the Arrow schema of `table`. Row numbers in errors count from 1.
pub(super) fn fit(table: &TableSchema, rows: &RecordBatch, now_nanos: i64) -> Result<RecordBatch> {
    let sources = sources(table, rows)?;
    let mut columns = Vec::with_capacity(table.columns.len());
    for (column, source) in table.columns.iter().zip(sources) {
        columns.push(match source {
            Some(source) => {
                let place = Place { table: &table.name, column: &column.name };
                match column.role {
                    Role::Tag => coerce::to_tag(rows.column(source), &place)?,
                    _ => coerce::to(rows.column(source), column.ty, &place)?,
                }
            }
            None => new_null_array(&column.ty.arrow(), rows.num_rows()),
        });
    }
    if let Some(at) = table.columns.iter().position(|column| column.role == Role::Time) {
        check_times(table, &columns[at], now_nanos)?;
    }
    Ok(RecordBatch::try_new(written(table, &columns), columns)?)
}

/// The schema of `table`, where tags may stand as dictionaries.
fn written(table: &TableSchema, columns: &[ArrayRef]) -> SchemaRef {
    let fields = table
        .arrow()
        .fields()
        .iter()
        .zip(columns)
        .map(|(field, values)| Field::clone(field).with_data_type(values.data_type().clone()))
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// Rows of a table as it was before it got more columns, with nulls in these.
pub(super) fn widen(table: &TableSchema, rows: &RecordBatch) -> RecordBatch {
    let columns = table.columns.iter().enumerate().map(|(at, column)| match rows.columns().get(at) {
        Some(values) => values.clone(),
        None => new_null_array(&column.ty.arrow(), rows.num_rows()),
    });
    // New columns stand behind the old ones, so the lengths and types are those of the table.
    let columns: Vec<_> = columns.collect();
    RecordBatch::try_new(written(table, &columns), columns).unwrap_or_else(|_| rows.clone())
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

/// Every row has a time, none lies too far ahead, and none is older than the table keeps.
fn check_times(table: &TableSchema, times: &ArrayRef, now_nanos: i64) -> Result<()> {
    let latest = now_nanos.saturating_add(AHEAD_NANOS_MAX);
    let retention = table.options.get("retention").map(|kept| duration::nanos(kept)).transpose()?;
    let oldest = retention.map_or(i64::MIN, |kept| now_nanos.saturating_sub(kept));
    let times = times.as_primitive::<TimestampNanosecondType>();
    let wrong = |row: usize, what: String| {
        Err(QueryError::Invalid(format!("row {} for table {}: {what}", row + 1, table.name)))
    };
    for row in 0..times.len() {
        if times.is_null(row) {
            return wrong(row, "time is missing; every row needs the time of its event".to_owned());
        }
        let time = times.value(row);
        if time > latest {
            let shown = coerce::shown(times, row);
            return wrong(row, format!("time {shown} is more than 10 minutes ahead of the clock"));
        }
        if time < oldest {
            let (shown, kept) = (coerce::shown(times, row), &table.options["retention"]);
            return wrong(row, format!("time {shown} is older than the table's retention of {kept}"));
        }
    }
    Ok(())
}
