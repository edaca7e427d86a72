//! Columns that go while deletes that look at them are in no segment yet: the log must be able to say what they meant.

use std::sync::Arc;

use driftline_storage::{
    CatalogChange, Change, Column, ColumnType, Comparison, Engine, EngineOptions, Predicate, Role, SimDisk,
    StorageError, TableSchema, Value, WriteBatch,
};

use crate::numbers::{create, create_named, send, send_to, sequences};
use crate::session::{open, options};

/// The table without the column, or with it again, as the engine knows it now.
fn altered(engine: &Engine, has_column: bool) -> TableSchema {
    let mut schema = TableSchema::clone(engine.snapshot().table("numbers").unwrap());
    schema.version += 1;
    schema.columns.retain(|column| column.name != "extra");
    if has_column {
        schema.columns.push(Column::new("extra", ColumnType::BigInt, Role::Field));
    }
    schema
}

fn alter(engine: &Engine, has_column: bool) -> Result<(), StorageError> {
    let catalog = vec![CatalogChange::AlterTable(altered(engine, has_column))];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).map(drop)
}

/// What deletes rows whose extra column is 7: there are none.
fn by_extra(schema: &TableSchema) -> Option<Predicate> {
    let column = schema.column_named("extra")?.id;
    Some(Predicate::Compare { column, by: Comparison::Equal, value: Value::BigInt(7) })
}

/// A flush of another table publishes the change while the delete may be in the log alone.
#[test]
fn a_column_goes_only_once_the_deletes_that_look_at_it_are_written_down() {
    let disk = SimDisk::new(0);
    let options = EngineOptions { memtable_bytes_max: 8 << 10, background_flush: true, ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    let (schema, other) = (create(&engine), create_named(&engine, "other"));
    send(&engine, &schema, "w", 1).unwrap();
    alter(&engine, true).unwrap();
    engine.flush().unwrap();
    let small = Predicate::And(Vec::new());
    engine.delete(other.id, small).unwrap();
    let table = engine.snapshot().table("numbers").unwrap().clone();
    assert_eq!(engine.delete(table.id, by_extra(&table).unwrap()).unwrap(), 0);
    alter(&engine, false).unwrap();
    let before = engine.status().unwrap().flushes;
    send_to(&engine, &[other.id], "w", 2).unwrap();
    while engine.status().unwrap().flushes == before {}
    // What the log holds now is read against tables without the column.
    let engine = open(&disk.image()).unwrap();
    assert_eq!(sequences(&engine).unwrap(), [1]);
}

#[test]
fn a_delete_and_a_change_of_its_column_in_one_batch_are_read_as_they_stand() {
    let engine = open(&SimDisk::new(0)).unwrap();
    create(&engine);
    alter(&engine, true).unwrap();
    let table = engine.snapshot().table("numbers").unwrap().clone();
    let changes = vec![Change::Delete { table: table.id, predicate: by_extra(&table).unwrap() }];
    let catalog = vec![CatalogChange::AlterTable(altered(&engine, false))];
    let error = engine.write(WriteBatch { catalog, changes, ..WriteBatch::default() }).unwrap_err();
    assert!(error.to_string().contains("no column"), "{error}");
}

/// One thread deletes by a column, another takes it away and gives it back; at the end the log is read.
#[test]
fn deletes_beside_changes_of_their_column_are_refused_or_can_be_read_again() {
    let disk = SimDisk::new(0);
    let engine = open(&disk).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "w", 1).unwrap();
    std::thread::scope(|scope| {
        let altering: Arc<Engine> = engine.clone();
        let altering = scope.spawn(move || {
            for round in 0..100 {
                match alter(&altering, round % 2 == 0) {
                    Ok(()) | Err(StorageError::DeletesPending(_)) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
        });
        while !altering.is_finished() {
            let table = engine.snapshot().table("numbers").unwrap().clone();
            let Some(predicate) = by_extra(&table) else { continue };
            match engine.delete(table.id, predicate) {
                Ok(rows) => assert_eq!(rows, 0),
                Err(StorageError::SchemaChanged(_)) => {}
                Err(error) => assert!(error.to_string().contains("no column"), "{error}"),
            }
            drop(open(&disk.image()).unwrap());
        }
    });
    assert_eq!(sequences(&open(&disk.image()).unwrap()).unwrap(), [1]);
}
