//! What continuous queries show outside: the newest window of those that were made `WITH (expose = 'prometheus')`.

use std::collections::HashSet;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use driftline_storage::{ColumnType, TIME_COLUMN, TableSchema};

use super::{Definition, definitions};
use crate::database::Database;
use crate::error::Result;
use crate::limits::EXPOSED_SERIES_MAX;

/// The option that shows the newest windows among our metrics.
pub(super) const EXPOSE: &str = "expose";

/// The newest window of a continuous query.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposed {
    /// The continuous query.
    pub query: String,
    /// The table that it keeps.
    pub table: String,
    /// When the window began, in nanoseconds since 1970.
    pub window_start: i64,
    /// One value each of the columns that are numbers or truth values (0, 1), nulls left out.
    pub values: Vec<ExposedValue>,
    /// Values that are left out: those beyond the first 10,000, and all but one of those whose texts are the same.
    pub left_out: usize,
}

/// A value of the newest window.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposedValue {
    /// The column.
    pub column: String,
    /// The columns of the row that are text, nulls left out.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

impl Database {
    /// The newest window of each continuous query that is exposed and has one.
    ///
    /// # Errors
    /// A table of theirs cannot be read.
    pub async fn exposed(&self) -> Result<Vec<Exposed>> {
        let snapshot = self.engine().snapshot();
        let mut all = Vec::new();
        for query in definitions(&snapshot)?.into_iter().filter(|query| query.options.contains_key(EXPOSE)) {
            let Some(table) = snapshot.table(&query.into) else { continue };
            let name = query.into.replace('"', "\"\"");
            let newest = format!("SELECT max({TIME_COLUMN}) FROM \"{name}\"");
            let rows =
                self.sql(&format!("SELECT * FROM \"{name}\" WHERE {TIME_COLUMN} = ({newest})")).await?;
            all.extend(exposed(query, table, &rows)?);
        }
        Ok(all)
    }
}

fn exposed(query: Definition, table: &TableSchema, rows: &[RecordBatch]) -> Result<Option<Exposed>> {
    let (mut values, mut left_out, mut series) = (Vec::new(), 0, HashSet::new());
    let times = rows.iter().filter_map(|rows| rows.column_by_name(TIME_COLUMN)?.as_primitive_opt());
    let newest = times.flat_map(PrimitiveArray::<TimestampNanosecondType>::iter).flatten().next();
    let Some(window_start) = newest else { return Ok(None) };
    for batch in rows {
        for column in table.columns.iter().filter(|column| is_number(column.ty)) {
            let Some(numbers) = batch.column_by_name(&column.name) else { continue };
            let numbers = cast(numbers, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            for row in (0..batch.num_rows()).filter(|row| numbers.is_valid(*row)) {
                if values.len() == EXPOSED_SERIES_MAX {
                    left_out += 1;
                    continue;
                }
                let (column, labels) = (column.name.clone(), labels(table, batch, row));
                // Told apart by a number alone: two values of one series would be none.
                if !series.insert((column.clone(), labels.clone())) {
                    left_out += 1;
                    continue;
                }
                values.push(ExposedValue { column, labels, value: numbers.value(row) });
            }
        }
    }
    Ok(Some(Exposed { query: query.name, table: query.into, window_start, values, left_out }))
}

fn is_number(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::BigInt | ColumnType::Double | ColumnType::Boolean)
}

fn labels(table: &TableSchema, batch: &RecordBatch, row: usize) -> Vec<(String, String)> {
    let texts = table.columns.iter().filter(|it| it.ty == ColumnType::Text && it.name != TIME_COLUMN);
    let label = |name: &String| {
        let texts = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| (name.clone(), texts.value(row).to_owned()))
    };
    texts.filter_map(|column| label(&column.name)).collect()
}
