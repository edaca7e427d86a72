//! Rows that do not fit their table, where it has `on_bad_row = 'divert'`: they go to `system.rejected`, and the rest is
//! written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, NullArray, StringArray, TimestampNanosecondArray,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use driftline_storage::{Column, ColumnType, Role, TIME_COLUMN, TableSchema};

use super::rules::Rules;
use super::{json, row};
use crate::error::{QueryError, Result};
use crate::model::REJECTED;

/// The option of a table that says what becomes of rows that do not fit.
pub(crate) const ON_BAD_ROW: &str = "on_bad_row";
/// The batch is refused, with the first such row: so it is unless said otherwise.
pub(crate) const REFUSE: &str = "refuse";
/// Such rows go to `system.rejected`.
pub(crate) const DIVERT: &str = "divert";

/// The column of `system.rejected` that says whose row it was.
pub(crate) const REJECTED_OF: &str = "table_name";

/// A row that did not fit.
#[derive(Debug)]
pub(super) struct Rejected {
    table: String,
    /// Its place in what was sent, from 0.
    row: usize,
    reason: String,
    /// As JSON.
    data: String,
}

/// The table that keeps them. `time` is when they arrived, `row_number` counts from 1, `data` is the row as it was sent,
/// in JSON and without nulls. No column is ever null.
pub(crate) fn schema() -> TableSchema {
    let column = |name: &str, ty, role| Column::new(name, ty, role);
    TableSchema::new(
        REJECTED,
        vec![
            column(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
            column(REJECTED_OF, ColumnType::Text, Role::Tag),
            column("row_number", ColumnType::BigInt, Role::Field),
            column("reason", ColumnType::Text, Role::Field),
            column("data", ColumnType::Json, Role::Field),
        ],
    )
}

/// Whether a table puts rows aside that do not fit.
pub(super) fn is_on(table: &TableSchema) -> bool {
    table.options.get(ON_BAD_ROW).is_some_and(|what| what == DIVERT)
}

/// The rows that fit `table`, in its Arrow schema, and those that do not. `sent` is what they came as.
///
/// # Errors
/// What is wrong with the batch and not with rows of it: columns that come twice.
pub(super) fn fit(
    table: &TableSchema,
    rows: &RecordBatch,
    rules: &Rules<'_>,
    sent: &RecordBatch,
) -> Result<(RecordBatch, Vec<Rejected>)> {
    if let Ok(fitted) = row::fit(table, rows, rules) {
        return Ok((fitted, Vec::new()));
    }
    let mut reasons = row::misfits(table, rows)?;
    let places: Vec<usize> = (0..rows.num_rows()).filter(|row| !reasons.contains_key(row)).collect();
    let convertible = untyped_nulls(&without(rows, &reasons)?)?;
    let fitted = rules.complete(row::fit_types(table, &convertible)?)?;
    let wrong: BTreeMap<usize, String> = rules.wrong(&fitted).collect();
    let fitted = without(&fitted, &wrong)?;
    reasons.extend(wrong.into_iter().filter_map(|(at, what)| {
        let row = *places.get(at)?;
        Some((row, rules.say(row, &what)))
    }));
    let rejected = |(row, reason)| {
        let data = json::of_row(sent, row);
        Rejected { table: table.name.clone(), row, reason, data }
    };
    Ok((fitted, reasons.into_iter().map(rejected).collect()))
}

/// Rejected rows for the table that keeps them.
pub(super) fn batch(schema: &TableSchema, rejected: &[Rejected], now_nanos: i64) -> Result<RecordBatch> {
    let texts = |of: fn(&Rejected) -> &str| -> ArrayRef {
        Arc::new(rejected.iter().map(|row| Some(of(row))).collect::<StringArray>())
    };
    let times = TimestampNanosecondArray::from(vec![now_nanos; rejected.len()]).with_timezone("UTC");
    let numbers = rejected.iter().map(|row| i64::try_from(row.row + 1).unwrap_or(i64::MAX));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        texts(|row| &row.table),
        Arc::new(numbers.collect::<Int64Array>()),
        texts(|row| &row.reason),
        texts(|row| &row.data),
    ];
    RecordBatch::try_new(schema.arrow(), columns).map_err(QueryError::from)
}

/// The rows that are not named.
fn without(rows: &RecordBatch, named: &BTreeMap<usize, String>) -> Result<RecordBatch> {
    let kept: BooleanArray = (0..rows.num_rows()).map(|row| Some(!named.contains_key(&row))).collect();
    Ok(filter_record_batch(rows, &kept)?)
}

/// A column of nulls only fits any type: what was of another one is gone.
fn untyped_nulls(rows: &RecordBatch) -> Result<RecordBatch> {
    let column = |(field, values): (&Arc<Field>, &ArrayRef)| -> (Field, ArrayRef) {
        match values.logical_null_count() == values.len() {
            true => {
                let nulls = Arc::new(NullArray::new(values.len()));
                (Field::new(field.name(), DataType::Null, true), nulls)
            }
            false => (Field::clone(field), Arc::clone(values)),
        }
    };
    let schema = rows.schema();
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) =
        schema.fields().iter().zip(rows.columns()).map(column).unzip();
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}
