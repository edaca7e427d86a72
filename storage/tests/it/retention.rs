//! Rows that are kept for a while.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, EngineOptions, ManualClock, Result, Role, SimDisk,
    StorageError, TIME_COLUMN, TableSchema, TimeRange, WriteBatch,
};

use crate::session::options;
use crate::workload::NOW;

const DAY: i64 = 86_400_000_000_000;
const DAYS: i64 = 6;

fn open(disk: &SimDisk, now: i64) -> Result<Arc<Engine>> {
    Engine::open(Arc::new(disk.clone()), EngineOptions { clock: Arc::new(ManualClock::at(now)), ..options() })
}

/// Two tables of which one keeps its rows for two days, each with a row a day.
fn filled(disk: &SimDisk) -> Arc<Engine> {
    let engine = open(disk, NOW).unwrap();
    for (name, retention) in [("short", Some("2 days")), ("long", None)] {
        let columns = vec![
            Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
            Column::new("day", ColumnType::BigInt, Role::Field),
        ];
        let mut schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns) };
        schema.options.extend(retention.map(|retention| ("retention".to_owned(), retention.to_owned())));
        let catalog = vec![CatalogChange::CreateTable(schema)];
        engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    }
    for day in 0..DAYS {
        write(&engine, day);
        engine.flush().unwrap();
    }
    engine
}

fn write(engine: &Engine, day: i64) {
    let snapshot = engine.snapshot();
    let rows = snapshot.tables().values().map(|schema| {
        let times = TimestampNanosecondArray::from(vec![NOW + day * DAY]).with_timezone("UTC");
        let arrays: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(Int64Array::from(vec![day]))];
        (schema.id, RecordBatch::try_new(schema.arrow(), arrays).unwrap())
    });
    engine.write(WriteBatch { rows: rows.collect(), ..WriteBatch::default() }).unwrap();
}

fn days(engine: &Engine, table: &str) -> Vec<i64> {
    let snapshot = engine.snapshot();
    let schema = snapshot.table(table).unwrap();
    let mut days = Vec::new();
    for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
        for rows in part.read(&schema.columns[1..], TimeRange::ALL).unwrap() {
            days.extend_from_slice(rows.column(0).as_primitive::<Int64Type>().values());
        }
    }
    days.sort_unstable();
    days
}

#[test]
fn what_is_too_old_goes_with_its_files_and_does_not_come_back() {
    let disk = SimDisk::new(1);
    let engine = filled(&disk);
    assert_eq!(engine.expire().unwrap().segments, 0, "nothing is too old yet");
    let files = |disk: &SimDisk| disk.files().iter().filter(|(path, _)| path.starts_with("seg/")).count();
    let before = files(&disk);
    engine.close().unwrap();
    drop(engine);
    let engine = open(&disk, NOW + DAYS * DAY).unwrap();
    // A reader that began before goes on.
    let snapshot = engine.snapshot();
    let expired = engine.expire().unwrap();
    assert_eq!((expired.segments, expired.rows), (4, 4));
    assert_eq!((days(&engine, "short"), days(&engine, "long")), (vec![4, 5], (0..DAYS).collect()));
    let short = snapshot.table("short").unwrap();
    let parts = snapshot.scan(short.id, TimeRange::ALL).unwrap();
    assert_eq!(
        parts.iter().map(|part| part.read(&short.columns, TimeRange::ALL).unwrap().len()).sum::<usize>(),
        6
    );
    drop((snapshot, parts));
    assert!(engine.status().unwrap().expired_bytes == expired.bytes && expired.bytes > 0);
    // Each flush put the rows of both tables into one file, which the other table still needs.
    assert_eq!(files(&disk), before);
    engine.compact().unwrap();
    assert!(files(&disk) < before);
    drop(engine);
    let engine = open(&disk.restart(2), NOW + DAYS * DAY).unwrap();
    assert_eq!((days(&engine, "short"), days(&engine, "long")), (vec![4, 5], (0..DAYS).collect()));
}

#[test]
fn rows_written_too_old_go_after_their_flush() {
    let disk = SimDisk::new(3);
    drop(filled(&disk));
    let engine = open(&disk, NOW + DAYS * DAY).unwrap();
    engine.expire().unwrap();
    write(&engine, 0);
    assert_eq!(days(&engine, "short"), [0, 4, 5]);
    engine.flush().unwrap();
    engine.expire().unwrap();
    assert_eq!(days(&engine, "short"), [4, 5]);
}

#[test]
fn a_power_cut_at_any_call_leaves_all_of_it_or_nothing() {
    let calls = |disk: &SimDisk| {
        let engine = open(disk, NOW + DAYS * DAY).unwrap();
        let before = disk.calls();
        engine.expire().unwrap();
        (before, disk.calls())
    };
    let disk = SimDisk::new(4);
    drop(filled(&disk));
    let (first, last) = calls(&disk.image());
    assert!(last > first);
    for call in first..=last {
        let disk = disk.image();
        let engine = open(&disk, NOW + DAYS * DAY).unwrap();
        disk.crash_at(call);
        let done: Result<_, StorageError> = engine.expire();
        drop(engine);
        let engine = open(&disk.restart(call), NOW + DAYS * DAY).unwrap();
        let found = days(&engine, "short");
        assert!(found == [4, 5] || (done.is_err() && found == [0, 1, 2, 3, 4, 5]), "call {call}: {found:?}");
        assert_eq!(days(&engine, "long"), (0..DAYS).collect::<Vec<_>>(), "call {call}");
        engine.expire().unwrap();
        assert_eq!(days(&engine, "short"), [4, 5], "call {call}");
    }
}
