//! Rows that are kept for a while.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    COLUMN_RETENTION_PREFIX, CatalogChange, Column, ColumnType, Disk, Engine, EngineOptions, ManualClock,
    Result, Role, ScanPart, SimDisk, StorageError, TIME_COLUMN, TableSchema, TimeRange, WriteBatch,
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

/// A table that keeps its notes for two days and its rows for ever.
fn with_notes(disk: &SimDisk) -> Arc<Engine> {
    let engine = open(disk, NOW).unwrap();
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("day", ColumnType::BigInt, Role::Field),
        Column { index: true, ..Column::new("note", ColumnType::Text, Role::Field) },
    ];
    let mut schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("notes", columns) };
    schema.options.insert(format!("{COLUMN_RETENTION_PREFIX}note"), "2 days".into());
    let catalog = vec![CatalogChange::CreateTable(schema)];
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    for day in 0..DAYS {
        write_note(&engine, day);
        engine.flush().unwrap();
    }
    engine
}

fn write_note(engine: &Engine, day: i64) {
    let schema = engine.snapshot().table("notes").unwrap().clone();
    let times = TimestampNanosecondArray::from(vec![NOW + day * DAY]).with_timezone("UTC");
    let note = StringArray::from(vec![format!("the note of day {day}")]);
    let arrays: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(Int64Array::from(vec![day])), Arc::new(note)];
    let rows = RecordBatch::try_new(schema.arrow(), arrays).unwrap();
    engine.write(WriteBatch { rows: vec![(schema.id, rows)], ..WriteBatch::default() }).unwrap();
}

/// The days, each with whether its note is there.
fn notes(engine: &Engine) -> Vec<(i64, bool)> {
    let snapshot = engine.snapshot();
    let schema = snapshot.table("notes").unwrap();
    let mut found = Vec::new();
    for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
        for rows in part.read(&schema.columns[1..], TimeRange::ALL).unwrap() {
            let (days, notes) =
                (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
            for (day, note) in days.values().iter().zip(notes) {
                assert!(
                    note.is_none_or(|note| note == format!("the note of day {day}")),
                    "{note:?} on {day}"
                );
                found.push((*day, note.is_some()));
            }
        }
    }
    found.sort_unstable();
    found
}

/// All days, with the notes of those from `first` on.
fn from(first: i64) -> Vec<(i64, bool)> {
    (0..DAYS).map(|day| (day, day >= first)).collect()
}

/// Whether any file holds the note of a day, which a segment of one row keeps as it is.
fn on_disk(disk: &SimDisk, day: i64) -> bool {
    let text = format!("the note of day {day}").into_bytes();
    let holds = |path: &str| disk.read(path).unwrap().windows(text.len()).any(|window| window == text);
    disk.files().iter().any(|(path, _)| holds(path))
}

#[test]
fn values_of_a_column_go_before_their_rows_and_from_the_disk() {
    let disk = SimDisk::new(5);
    let engine = with_notes(&disk);
    assert_eq!((engine.expire().unwrap().stripped, notes(&engine)), (0, from(0)));
    assert!((0..DAYS).all(|day| on_disk(&disk, day)));
    drop(engine);
    let engine = open(&disk, NOW + DAYS * DAY).unwrap();
    // A reader that began before goes on.
    let before = engine.snapshot();
    assert_eq!(engine.expire().unwrap().stripped, 4);
    assert_eq!(notes(&engine), from(4));
    let schema = before.table("notes").unwrap();
    let parts = before.scan(schema.id, TimeRange::ALL).unwrap();
    let nulls =
        |part: &ScanPart| part.read(&schema.columns[2..], TimeRange::ALL).unwrap()[0].column(0).null_count();
    assert_eq!(parts.iter().map(nulls).sum::<usize>(), 0);
    drop((before, parts));
    assert!((0..DAYS).all(|day| on_disk(&disk, day) == (day >= 4)));
    // Once a segment, and nothing of the column is told any more: the other columns are what they were.
    assert_eq!(engine.expire().unwrap().stripped, 0);
    let snapshot = engine.snapshot();
    for segment in snapshot.segments(snapshot.table("notes").unwrap().id) {
        let sizes = segment.column_sizes().unwrap();
        let has_note = sizes.iter().any(|size| size.column == snapshot.table("notes").unwrap().columns[2].id);
        assert_eq!(has_note, segment.info().min_time >= NOW + 4 * DAY);
        segment.verify().unwrap();
    }
    drop(engine);
    let engine = open(&disk.restart(6), NOW + DAYS * DAY).unwrap();
    assert_eq!((notes(&engine), engine.expire().unwrap().stripped), (from(4), 0));
}

#[test]
fn compaction_before_and_after_keeps_the_other_columns_and_brings_no_value_back() {
    let disk = SimDisk::new(7);
    let engine = with_notes(&disk);
    engine.compact().unwrap();
    drop(engine);
    // All rows lie in one segment now: it stays as it is until its last note is too old.
    let engine = open(&disk, NOW + DAYS * DAY).unwrap();
    assert_eq!((engine.expire().unwrap().stripped, notes(&engine)), (0, from(0)));
    drop(engine);
    let engine = open(&disk, NOW + 2 * DAYS * DAY).unwrap();
    assert_eq!((engine.expire().unwrap().stripped, notes(&engine)), (1, from(DAYS)));
    // A late row shares a partition with rows that have lost the column.
    write_note(&engine, 1);
    engine.compact().unwrap();
    let mut late = from(DAYS);
    late.insert(2, (1, true));
    assert_eq!(notes(&engine), late);
    assert_eq!(engine.expire().unwrap().stripped, 1);
    late[2].1 = false;
    assert_eq!(notes(&engine), late);
    engine.compact().unwrap();
    assert_eq!((notes(&engine), engine.expire().unwrap().stripped), (late, 0));
}

#[test]
fn a_power_cut_while_a_column_goes_loses_nothing_else() {
    let disk = SimDisk::new(8);
    drop(with_notes(&disk));
    let opened = disk.image();
    let engine = open(&opened, NOW + DAYS * DAY).unwrap();
    let first = opened.calls();
    engine.expire().unwrap();
    let last = opened.calls();
    drop(engine);
    for call in first..=last {
        let disk = disk.image();
        let engine = open(&disk, NOW + DAYS * DAY).unwrap();
        disk.crash_at(call);
        let done: Result<_, StorageError> = engine.expire();
        drop(engine);
        let after = disk.restart(call);
        let engine = open(&after, NOW + DAYS * DAY).unwrap();
        let found = notes(&engine);
        assert!(found == from(4) || (done.is_err() && found == from(0)), "call {call}: {found:?}");
        engine.expire().unwrap();
        assert_eq!(notes(&engine), from(4), "call {call}");
        drop(engine);
        // What a cut left unnamed lies in the trash for a day.
        let day_later = open(&after, NOW + (DAYS + 2) * DAY).unwrap();
        drop(day_later);
        assert!((0..4).all(|day| !on_disk(&after, day)), "call {call}");
    }
}
