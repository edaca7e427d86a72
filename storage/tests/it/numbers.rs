//! The plainest table, for tests of one thing: a time and a number.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, Result, Role, TIME_COLUMN, TableId, TableSchema, TimeRange,
    WriteBatch, WriterSequence,
};

use crate::workload::NOW;

/// Rows of a batch.
pub const ROWS: i64 = 512;

/// The table, new.
pub fn create(engine: &Engine) -> Arc<TableSchema> {
    create_named(engine, "numbers")
}

/// A table like it.
pub fn create_named(engine: &Engine, name: &str) -> Arc<TableSchema> {
    let schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns()) };
    let catalog = vec![CatalogChange::CreateTable(schema)];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    engine.snapshot().table(name).unwrap().clone()
}

/// A batch of [`ROWS`] rows that follow from its sequence.
pub fn send(engine: &Engine, schema: &TableSchema, writer: &str, sequence: u64) -> Result<()> {
    send_to(engine, &[schema.id], writer, sequence)
}

/// The same rows for several tables at once.
pub fn send_to(engine: &Engine, tables: &[TableId], writer: &str, sequence: u64) -> Result<()> {
    let rows = tables.iter().map(|table| (*table, rows(sequence))).collect();
    let writer = Some(WriterSequence { writer: writer.to_owned(), sequence });
    engine.write(WriteBatch { writer, rows, ..WriteBatch::default() }).map(drop)
}

fn columns() -> Vec<Column> {
    vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("value", ColumnType::BigInt, Role::Field),
    ]
}

fn rows(sequence: u64) -> RecordBatch {
    let first = sequence as i64 * ROWS;
    let times = TimestampNanosecondArray::from_iter_values((first..first + ROWS).map(|row| NOW + row));
    let values = Int64Array::from_iter_values(first..first + ROWS);
    let arrays: Vec<ArrayRef> = vec![Arc::new(times.with_timezone("UTC")), Arc::new(values)];
    RecordBatch::try_new(TableSchema::new("", columns()).arrow(), arrays).unwrap()
}

/// The sequences whose batches are there, each as often as it is there. Panics where one is there in part.
pub fn sequences(engine: &Engine) -> Result<Vec<u64>> {
    sequences_in(engine, "numbers")
}

/// The same of a table like it.
pub fn sequences_in(engine: &Engine, table: &str) -> Result<Vec<u64>> {
    let snapshot = engine.snapshot();
    let Some(schema) = snapshot.table(table) else { return Ok(Vec::new()) };
    let mut values = Vec::new();
    for part in snapshot.scan(schema.id, TimeRange::ALL)? {
        for rows in part.read(&schema.columns[1..], TimeRange::ALL)? {
            values.extend_from_slice(rows.column(0).as_primitive::<Int64Type>().values());
        }
    }
    values.sort_unstable();
    let mut found: Vec<u64> = values.iter().filter(|v| **v % ROWS == 0).map(|v| (v / ROWS) as u64).collect();
    found.sort_unstable();
    let mut whole: Vec<i64> =
        found.iter().flat_map(|sequence| (0..ROWS).map(|row| *sequence as i64 * ROWS + row)).collect();
    whole.sort_unstable();
    assert_eq!(values, whole, "C2 broken: a batch is there in part");
    Ok(found)
}

/// A table in which every batch is a series of its own, made where it is missing.
pub fn create_tagged(engine: &Engine) -> Arc<TableSchema> {
    if let Some(schema) = engine.snapshot().table("tagged") {
        return schema.clone();
    }
    let mut columns = columns();
    columns.push(Column::new("batch", ColumnType::Text, Role::Tag));
    let schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("tagged", columns) };
    let catalog = vec![CatalogChange::CreateTable(schema)];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    engine.snapshot().table("tagged").unwrap().clone()
}

/// Writes the batch of a number to it: one row.
pub fn send_tagged(engine: &Engine, schema: &TableSchema, batch: i64) {
    let times = TimestampNanosecondArray::from(vec![NOW + batch]).with_timezone("UTC");
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(times),
        Arc::new(Int64Array::from(vec![batch])),
        Arc::new(StringArray::from(vec![format!("batch-{batch}")])),
    ];
    let rows = vec![(schema.id, RecordBatch::try_new(schema.arrow(), arrays).unwrap())];
    engine.write(WriteBatch { rows, ..WriteBatch::default() }).unwrap();
}

/// The batches that are there; panics where a row has another's tag.
pub fn tagged(engine: &Engine) -> Vec<i64> {
    let snapshot = engine.snapshot();
    let Some(schema) = snapshot.table("tagged") else { return Vec::new() };
    let mut found = Vec::new();
    for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
        for rows in part.read(&schema.columns[1..], TimeRange::ALL).unwrap() {
            let (values, tags) =
                (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
            for row in 0..rows.num_rows() {
                assert_eq!(tags.value(row), format!("batch-{}", values.value(row)));
                found.push(values.value(row));
            }
        }
    }
    found.sort_unstable();
    found
}
