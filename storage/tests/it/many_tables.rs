//! Ten thousand tables written at once: few files, no thread and no timer of their own, memory within the budget.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Clock, Column, ColumnType, Engine, EngineOptions, Role, SimDisk, SystemClock, TIME_COLUMN,
    TableId, TableSchema, TimeRange, WriteBatch, limits,
};

use crate::session::options;
use crate::workload::NOW;

const TABLES: usize = 10_000;
/// Tables that one batch creates or writes to.
const TABLES_A_BATCH: usize = 500;
/// Rows that a table gets in each round.
const ROWS: i64 = 3;
const ROUNDS: i64 = 4;
/// One a flush, and one for each thousand tables that were compacted together.
const SEGMENT_FILES_MAX: usize = 2 + TABLES.div_ceil(limits::COMPACTION_JOBS_MAX);
/// Of all memtables: some hundred bytes a row.
const MEMORY_BYTES_MAX: u64 = 16 << 20;
/// One commits, one flushes, one compacts, whatever the number of tables.
const THREADS: u64 = 3;

/// Prints how long each phase takes. Nothing is ever asserted of it.
struct Phases(i64);

impl Phases {
    fn begin() -> Self {
        Self(SystemClock.now_nanos())
    }

    fn end(&mut self, what: &str) {
        let now = SystemClock.now_nanos();
        println!("{what}: {:.2} s", (now - self.0) as f64 / 1e9);
        self.0 = now;
    }
}

fn open(disk: &SimDisk) -> Arc<Engine> {
    let options = EngineOptions {
        wal_file_bytes_max: limits::WAL_FILE_BYTES_MAX,
        background_flush: true,
        background_compaction: true,
        ..options()
    };
    Engine::open(Arc::new(disk.clone()), options).unwrap()
}

fn columns() -> Vec<Column> {
    vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("host", ColumnType::Text, Role::Tag),
        Column::new("value", ColumnType::BigInt, Role::Field),
    ]
}

fn create_all(engine: &Engine) -> Vec<TableId> {
    let table = |n: usize| {
        let name = format!("metric_{n:05}");
        TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns()) }
    };
    let tables: Vec<TableSchema> = (0..TABLES).map(table).collect();
    for tables in tables.chunks(TABLES_A_BATCH) {
        let catalog = tables.iter().cloned().map(CatalogChange::CreateTable).collect();
        engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    }
    tables.into_iter().map(|table| table.id).collect()
}

/// Rows that follow from the table and the round.
fn rows(table: TableId, round: i64) -> RecordBatch {
    let first = i64::from(table) * 1_000 + round * ROWS;
    let numbers = first..first + ROWS;
    let times = numbers.clone().map(|n| NOW + round * 60_000_000_000 + n % 1_000);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(numbers.clone().map(|n| format!("host-{}", n % 2)))),
        Arc::new(Int64Array::from_iter_values(numbers)),
    ];
    RecordBatch::try_new(TableSchema::new("", columns()).arrow(), arrays).unwrap()
}

/// All tables get rows, in batches of many tables and some of one.
fn write_round(engine: &Engine, tables: &[TableId], round: i64) {
    for tables in tables.chunks(TABLES_A_BATCH) {
        let (alone, together) = tables.split_at(TABLES_A_BATCH / 10);
        let write = |tables: &[TableId]| {
            let rows = tables.iter().map(|table| (*table, rows(*table, round))).collect();
            engine.write(WriteBatch { rows, ..WriteBatch::default() }).unwrap();
        };
        alone.chunks(1).for_each(write);
        write(together);
    }
}

fn check_rows(engine: &Engine, tables: &[TableId], rounds: i64) {
    let snapshot = engine.snapshot();
    for table in tables {
        let schema = &snapshot.tables()[&format!("metric_{:05}", table - tables[0])];
        let mut values = Vec::new();
        for part in snapshot.scan(*table, TimeRange::ALL).unwrap() {
            for batch in part.read(&schema.columns, TimeRange::ALL).unwrap() {
                let column = batch.column(2).as_any().downcast_ref::<Int64Array>().unwrap();
                values.extend_from_slice(column.values());
            }
        }
        values.sort_unstable();
        let first = i64::from(*table) * 1_000;
        assert_eq!(values, (first..first + rounds * ROWS).collect::<Vec<_>>(), "table {table}");
    }
}

fn files(disk: &SimDisk, start: &str) -> usize {
    disk.files().iter().filter(|(path, _)| path.starts_with(start)).count()
}

/// What holds whatever the number of tables.
fn check_bounds(engine: &Engine, disk: &SimDisk, what: &str) {
    let status = engine.status().unwrap();
    let segments = files(disk, "seg/");
    println!("{what}: {segments} segment files, {} bytes in memory", status.memory_used_bytes);
    assert!(segments <= SEGMENT_FILES_MAX, "{what}: {segments} segment files");
    assert!(status.memory_used_bytes <= MEMORY_BYTES_MAX, "{what}: {} bytes", status.memory_used_bytes);
    assert_eq!(status.last_error, None, "{what}");
    assert_eq!(status.threads, THREADS, "{what}");
}

#[test]
fn ten_thousand_tables_share_files_threads_and_memory() {
    let disk = SimDisk::new(1);
    let mut phases = Phases::begin();
    let engine = open(&disk);
    let tables = create_all(&engine);
    phases.end("create");
    (0..ROUNDS).for_each(|round| write_round(&engine, &tables, round));
    phases.end("write");
    check_bounds(&engine, &disk, "written");
    engine.flush().unwrap();
    phases.end("flush");
    write_round(&engine, &tables, ROUNDS);
    phases.end("write again");
    engine.flush().unwrap();
    phases.end("flush again");
    check_bounds(&engine, &disk, "flushed");
    check_rows(&engine, &tables, ROUNDS + 1);
    phases.end("read");
    engine.compact().unwrap();
    phases.end("compact");
    check_bounds(&engine, &disk, "compacted");
    assert_eq!(engine.status().unwrap().uncompacted_segments, 0);
    write_round(&engine, &tables, ROUNDS + 1);
    engine.close().unwrap();
    drop(engine);
    phases.end("write a third time");
    let engine = open(&disk);
    phases.end("open with a log");
    check_bounds(&engine, &disk, "opened");
    check_rows(&engine, &tables, ROUNDS + 2);
    phases.end("read");
}

/// What single tables leave behind in a file that they share with others does not pile up.
#[test]
fn a_shared_file_of_which_little_is_in_use_is_given_up() {
    let disk = SimDisk::new(1);
    let options = EngineOptions { compaction_runs_max: 100, ..options() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    let table = |n: usize| {
        let name = format!("metric_{n:05}");
        TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns()) }
    };
    let tables: Vec<TableSchema> = (0..8).map(table).collect();
    let ids: Vec<TableId> = tables.iter().map(|table| table.id).collect();
    let catalog = tables.iter().cloned().map(CatalogChange::CreateTable).collect();
    engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    let write = |ids: &[TableId], round: i64| {
        let rows = ids.iter().map(|table| (*table, rows(*table, round))).collect();
        engine.write(WriteBatch { rows, ..WriteBatch::default() }).unwrap();
    };
    write(&ids, 0);
    engine.compact().unwrap();
    let named = || -> std::collections::BTreeSet<u64> {
        let segments = ids.iter().flat_map(|id| engine.snapshot().segments(*id).to_vec());
        segments.map(|segment| segment.info().file).collect()
    };
    let shared = named();
    assert_eq!((files(&disk, "seg/"), shared.len()), (1, 1));
    // All but one leave the file; what that one has in it is then moved too.
    write(&ids[1..], 1);
    for table in &tables[1..] {
        engine.compact_table(&table.name).unwrap();
    }
    engine.compact().unwrap();
    assert_eq!(files(&disk, "seg/"), named().len());
    assert!(named().is_disjoint(&shared), "{shared:?} is still in use");
    check_rows(&engine, &ids[..1], 1);
}
