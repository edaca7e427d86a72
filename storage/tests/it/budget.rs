//! Memory is bounded: writers over the budget wait for a flush, and are refused where none comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow_array::{RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, EngineOptions, Fault, Role, SimDisk, StorageError,
    TableSchema, WriteBatch,
};

use crate::numbers::{ROWS, create, send};
use crate::session::options;
use crate::state::observe;

/// Bytes of all memtables at which a flush is due.
const BUDGET: usize = 64 << 10;
/// Bytes of a batch in memory: two columns of 8 bytes.
const BATCH_BYTES: usize = 16 * ROWS as usize;

fn open(disk: &SimDisk, room_wait: Duration) -> Arc<Engine> {
    let options =
        EngineOptions { memtable_bytes_max: BUDGET, background_flush: true, room_wait, ..options() };
    Engine::open(Arc::new(disk.clone()), options).unwrap()
}

fn memtable_bytes(engine: &Engine, schema: &TableSchema) -> usize {
    engine.snapshot().size(schema.id).memtable_bytes as usize
}

/// Flushes cannot write, the WAL can: writers fill the budget and are then refused, by name and with what is there.
#[test]
fn a_write_over_the_budget_is_refused_where_no_flush_succeeds() {
    let disk = SimDisk::new(1);
    let engine = open(&disk, Duration::ZERO);
    let schema = create(&engine);
    disk.fail_where(Fault::Enospc, |path| !path.starts_with("wal"));
    let (last, error) = (1..1_000)
        .find_map(|sequence| send(&engine, &schema, "w", sequence).err().map(|error| (sequence, error)))
        .expect("a refusal: memory is not bounded");
    assert!(error.to_string().contains("memory"), "{error}");
    let held = memtable_bytes(&engine, &schema);
    assert!(held <= 2 * BUDGET + BATCH_BYTES, "{held} bytes are held");
    // A refusal takes nothing away, and leaves no trace of the batch.
    let shown = observe(&engine.snapshot()).unwrap();
    assert_eq!(shown.tables["numbers"].len() as u64 - 1, (last - 1) * ROWS as u64);
    assert_eq!(engine.writer_sequence("w"), Some(last - 1));
    // The disk recovers: the same batch goes in.
    disk.heal();
    engine.flush().unwrap();
    assert_eq!(memtable_bytes(&engine, &schema), 0);
    send(&engine, &schema, "w", last).unwrap();
    drop(engine);
    let found = Engine::open(Arc::new(disk.restart(1)), options()).unwrap();
    assert_eq!(found.writer_sequence("w"), Some(last));
    assert_eq!(found.snapshot().size(schema.id).rows, last * ROWS as u64);
}

/// A writer that waits is let in by the flush, not by the end of its patience.
#[test]
fn writers_over_the_budget_wait_for_the_flush() {
    let disk = SimDisk::new(2);
    let engine = open(&disk, Duration::MAX);
    let schema = create(&engine);
    std::thread::scope(|scope| {
        for writer in ["a", "b", "c", "d"] {
            let (engine, schema) = (&engine, &schema);
            scope.spawn(move || {
                for sequence in 1..=40 {
                    send(engine, schema, writer, sequence).unwrap();
                    let held = memtable_bytes(engine, schema);
                    // Each of the four may be let in at the same moment.
                    assert!(held <= 2 * BUDGET + 4 * BATCH_BYTES, "{held} bytes are held");
                }
            });
        }
    });
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.size(schema.id).rows, 4 * 40 * ROWS as u64);
    assert!(!snapshot.segments(schema.id).is_empty(), "nothing was flushed");
}

/// A writer that waits hears that the engine closes.
#[test]
fn a_waiting_writer_does_not_hold_up_a_close() {
    let disk = SimDisk::new(3);
    let engine = open(&disk, Duration::MAX);
    let schema = create(&engine);
    disk.fail_where(Fault::Eio, |path| !path.starts_with("wal"));
    let mut sequence = 1;
    while memtable_bytes(&engine, &schema) <= 2 * BUDGET {
        send(&engine, &schema, "w", sequence).unwrap();
        sequence += 1;
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| send(&engine, &schema, "w", sequence));
        engine.close().unwrap();
        assert!(matches!(waiting.join().unwrap(), Err(StorageError::Closed)));
    });
}

/// A full disk refuses a flush until the room that was kept for this day is given up.
#[test]
fn the_reserve_lets_a_flush_through_on_a_full_disk() {
    let disk = SimDisk::new(3);
    let options = EngineOptions { reserve_bytes: 4_096, ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    let schema = create(&engine);
    send(&engine, &schema, "w", 1).unwrap();
    assert!(engine.status().unwrap().reserve_is_full);
    // There is room for segments from the moment on in which the reserve is touched.
    let given_up = AtomicBool::new(false);
    disk.fail_where(Fault::Enospc, move |path| {
        given_up.fetch_or(path == "reserve", Ordering::Relaxed);
        path.starts_with("seg") && !given_up.load(Ordering::Relaxed)
    });
    engine.flush().unwrap();
    assert_eq!(memtable_bytes(&engine, &schema), 0);
    disk.heal();
    assert!(engine.status().unwrap().reserve_is_full, "filled again once there is room");
}

/// Tags are defined once, in the frame of the batch that has them first: so many and so long ones that no frame holds
/// them are refused by name, and lose nothing.
#[test]
fn tags_that_no_frame_holds_are_refused() {
    let disk = SimDisk::new(4);
    let engine = Engine::open(Arc::new(disk.clone()), options()).unwrap();
    let mut table = TableSchema::new(
        "t",
        vec![
            Column::new("time", ColumnType::Timestamp, Role::Time),
            Column::new("tag", ColumnType::Text, Role::Tag),
        ],
    );
    table.id = engine.allocate_table_id();
    let batch = |tags: Vec<String>| {
        let times = TimestampNanosecondArray::from(vec![1; tags.len()]).with_timezone("UTC");
        let tags = StringArray::from(tags);
        vec![(table.id, RecordBatch::try_new(table.arrow(), vec![Arc::new(times), Arc::new(tags)]).unwrap())]
    };
    let catalog = vec![CatalogChange::CreateTable(table.clone())];
    let rows = batch(vec!["short".into()]);
    engine.write(WriteBatch { catalog, rows, ..WriteBatch::default() }).unwrap();
    let long = (0..600).map(|i| format!("{i:030000}")).collect();
    let error = engine.write(WriteBatch { rows: batch(long), ..WriteBatch::default() }).unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { .. }) && error.to_string().contains("tags"), "{error}");
    let half = (0..300).map(|i| format!("{i:030000}")).collect();
    engine.write(WriteBatch { rows: batch(half), ..WriteBatch::default() }).unwrap();
    drop(engine);
    let found = Engine::open(Arc::new(disk.restart(1)), options()).unwrap();
    assert_eq!(found.snapshot().size(table.id).rows, 301);
}
