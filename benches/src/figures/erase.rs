//! How long it takes until nothing of one person is left in any file: of a prediction log with a customer in every row.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use driftline_storage::{Column, ColumnType, Engine, Erasure, Role, TableSchema, Value};

use crate::engine::{self, AT_REST, BATCH_ROWS};
use crate::report::Report;
use crate::workload::{Random, Workload};
use crate::{Error, Result, process, shim};

/// Rows of a customer on average.
const ROWS_EACH: u64 = 10;
const CUSTOMER: &str = "customer";

/// Loads the workload with a customer in each row, erases one while all lies as it was flushed, and another once all is
/// compacted.
pub fn run(workload: Workload, dir: &Path, report: &mut Report) -> Result<()> {
    let engine = engine::open(dir, engine::unsynced())?;
    let table = load(&engine, workload)?;
    engine.flush()?;
    erase(&engine, &table, 1, "flushed", report)?;
    shim::compact(&engine)?;
    let bytes = process::directory_bytes(dir)?.data as f64;
    report.figure("erase/data_mb", bytes / 1e6, "MB, compacted", AT_REST)?;
    erase(&engine, &table, 2, "compacted", report)?;
    Ok(engine.close()?)
}

fn load(engine: &Engine, workload: Workload) -> Result<Arc<TableSchema>> {
    let mut schema = workload.table();
    schema.columns.push(Column::new(CUSTOMER, ColumnType::Text, Role::Subject));
    let table = engine::create_table(engine, schema)?;
    let (mut stream, mut row) = (workload.stream(), 0);
    while let Some(batch) = stream.next_batch(BATCH_ROWS)? {
        let batch = with_customers(&batch, workload, &mut row)?;
        engine::write(engine, table.id, shim::engine_batch(&table, &batch)?)?;
    }
    Ok(table)
}

/// The rows, each of a customer drawn from all there are.
fn with_customers(batch: &RecordBatch, workload: Workload, row: &mut u64) -> Result<RecordBatch> {
    let count = (workload.row_count() / ROWS_EACH).max(1);
    // A sequence of its own, beside that of the row's other values.
    let seed = workload.seed + 1;
    let customers =
        (*row..*row + batch.num_rows() as u64).map(|row| name(Random::new(seed, row).below(count)));
    let customers: ArrayRef = Arc::new(customers.map(Some).collect::<StringArray>());
    *row += batch.num_rows() as u64;
    let fields = batch.schema_ref().fields().iter().cloned();
    let field = Arc::new(Field::new(CUSTOMER, customers.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.chain([field]).collect::<Vec<_>>()));
    let columns = batch.columns().iter().cloned().chain([customers]).collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn name(customer: u64) -> String {
    format!("customer-{customer}")
}

fn erase(
    engine: &Engine,
    table: &TableSchema,
    customer: u64,
    state: &str,
    report: &mut Report,
) -> Result<()> {
    let column = table.column_named(CUSTOMER).ok_or_else(|| Error::from("no customers"))?.id;
    let name = name(customer);
    let values = vec![(column, Value::Text(name.clone()))];
    let erasure = Erasure { table: table.id, values, linked: Vec::new() };
    let before = engine.snapshot().size(table.id);
    let begun = Instant::now();
    let erased = engine.erase(&[erasure], Some(&name), &|_| Err(std::io::ErrorKind::NotFound.into()))?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = engine.snapshot().size(table.id);
    if before.rows - after.rows != erased.rows {
        return Err(Error::from(format!("{} rows were erased: {before:?}, {after:?}", erased.rows)));
    }
    let place = |what: &str| format!("erase/{state}/{what}");
    report.figure(&place("seconds"), seconds, "s, one of 1 M subjects", AT_REST)?;
    report.figure(&place("rows"), erased.rows as f64, "rows", AT_REST)?;
    report.figure(&place("of_rows"), before.rows as f64, "rows", AT_REST)?;
    report.figure(&place("segments"), before.segments as f64, "segments", AT_REST)?;
    let rewritten: u64 = erased.places.iter().map(|place| place.bytes_after).sum();
    report.figure(&place("rewritten_mb"), rewritten as f64 / 1e6, "MB", AT_REST)
}
