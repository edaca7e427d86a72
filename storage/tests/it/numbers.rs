//! The plainest table, for tests of one thing: a time and a number.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, Result, Role, TIME_COLUMN, TableSchema, TimeRange, WriteBatch,
    WriterSequence,
};

use crate::workload::NOW;

/// Rows of a batch.
pub const ROWS: i64 = 512;

/// The table, new.
pub fn create(engine: &Engine) -> Arc<TableSchema> {
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("value", ColumnType::BigInt, Role::Field),
    ];
    let schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("numbers", columns) };
    let catalog = vec![CatalogChange::CreateTable(schema)];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    engine.snapshot().table("numbers").unwrap().clone()
}

/// A batch of [`ROWS`] rows that follow from its sequence.
pub fn send(engine: &Engine, schema: &TableSchema, writer: &str, sequence: u64) -> Result<()> {
    let first = sequence as i64 * ROWS;
    let times = TimestampNanosecondArray::from_iter_values((first..first + ROWS).map(|row| NOW + row));
    let values = Int64Array::from_iter_values(first..first + ROWS);
    let columns: Vec<ArrayRef> = vec![Arc::new(times.with_timezone("UTC")), Arc::new(values)];
    let rows = vec![(schema.id, RecordBatch::try_new(schema.arrow(), columns).unwrap())];
    let writer = Some(WriterSequence { writer: writer.to_owned(), sequence });
    engine.write(WriteBatch { writer, rows, ..WriteBatch::default() }).map(drop)
}

/// The sequences whose batches are there, each as often as it is there. Panics where one is there in part.
pub fn sequences(engine: &Engine) -> Result<Vec<u64>> {
    let snapshot = engine.snapshot();
    let Some(schema) = snapshot.table("numbers") else { return Ok(Vec::new()) };
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
