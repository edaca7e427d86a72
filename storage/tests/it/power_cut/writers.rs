//! The process that is killed: four writers that say what was acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, EngineOptions, OsDisk, Role, SyncPolicy, TIME_COLUMN,
    TableSchema, TimeRange, WriteBatch, WriterSequence,
};

use crate::sample::mix;
use crate::workload::NOW;

/// How many writers there are.
pub const WRITERS: u64 = 4;
/// Names the data directory to the process.
pub const DIRECTORY_VARIABLE: &str = "DRIFTLINE_POWER_CUT_DIRECTORY";
/// A writer compacts once in so many batches.
const COMPACT_EVERY: u64 = 60;
/// More than any round asks for: a process that nobody kills ends all the same.
const BATCHES_MAX: u64 = 1_000_000;
const MINUTE: i64 = 60_000_000_000;

/// What is in the directory.
pub struct Batches {
    /// By writer and sequence: the numbers of the rows, sorted, and how many there should be.
    pub rows: BTreeMap<(u64, u64), (Vec<u64>, u64)>,
    /// The last sequence that the engine knows of each writer.
    pub sequences: BTreeMap<u64, u64>,
}

/// Limits so small that flushes and rotations go on all the time.
fn options() -> EngineOptions {
    let os = std::env::var("DRIFTLINE_POWER_CUT_SYNC").is_ok_and(|policy| policy == "os");
    EngineOptions {
        sync: if os { SyncPolicy::Os } else { SyncPolicy::Always },
        wal_file_bytes_max: 64 << 10,
        memtable_bytes_max: 256 << 10,
        ..EngineOptions::default()
    }
}

fn open(directory: &Path, options: EngineOptions) -> Arc<Engine> {
    Engine::open(Arc::new(OsDisk::new(directory).unwrap()), options).unwrap()
}

/// Works in the directory that the environment names, until the process is killed; false where it names none.
pub fn work() -> bool {
    let Ok(directory) = std::env::var(DIRECTORY_VARIABLE) else { return false };
    let engine = open(Path::new(&directory), options());
    let schema = table(&engine);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (engine, schema) = (&engine, &schema);
            scope.spawn(move || write(engine, schema, writer));
        }
    });
    true
}

/// The table, made where it is missing.
fn table(engine: &Engine) -> Arc<TableSchema> {
    if engine.snapshot().table("acks").is_none() {
        let tag = |name| Column::new(name, ColumnType::Text, Role::Tag);
        let number = |name| Column::new(name, ColumnType::BigInt, Role::Field);
        let columns = vec![
            Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
            tag("host"),
            number("writer"),
            number("sequence"),
            number("row"),
            number("rows"),
            Column::new("note", ColumnType::Text, Role::Field),
        ];
        let schema = TableSchema { id: engine.allocate_table_id(), ..TableSchema::new("acks", columns) };
        let catalog = vec![CatalogChange::CreateTable(schema)];
        engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
    }
    engine.snapshot().table("acks").unwrap().clone()
}

/// Goes on after the last sequence that the engine knows, until a write fails for good.
fn write(engine: &Engine, schema: &TableSchema, writer: u64) {
    let name = format!("writer-{writer}");
    let first = engine.writer_sequence(&name).unwrap_or(0) + 1;
    for sequence in first..first + BATCHES_MAX {
        let batch = WriteBatch {
            writer: Some(WriterSequence { writer: name.clone(), sequence }),
            rows: vec![(schema.id, rows(schema, writer, sequence))],
            ..WriteBatch::default()
        };
        if engine.write(batch).is_err() {
            return;
        }
        println!("ack {writer} {sequence}");
        if sequence.is_multiple_of(COMPACT_EVERY) && engine.compact().is_err() {
            return;
        }
    }
}

/// Rows of a batch that say which of how many they are; each writer is at another day, and hosts come up.
fn rows(schema: &TableSchema, writer: u64, sequence: u64) -> RecordBatch {
    let seed = mix(writer << 32 | sequence);
    let count = 4 + seed % 30;
    let numbers = |value: &dyn Fn(u64) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..count).map(|row| value(row) as i64)))
    };
    let start = NOW - writer as i64 * 1_440 * MINUTE + sequence as i64 * MINUTE;
    let times = TimestampNanosecondArray::from_iter_values((0..count).map(|row| start + (row % 7) as i64));
    let host = |row: u64| format!("host-{}", mix(seed ^ row) % (2 + sequence / 16));
    let note = |row: u64| (0..8).map(|n| format!("{:016x}", mix(seed ^ row ^ n << 40))).collect::<String>();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values((0..count).map(host))),
        numbers(&|_| writer),
        numbers(&|_| sequence),
        numbers(&|row| row),
        numbers(&|_| count),
        Arc::new(StringArray::from_iter_values((0..count).map(note))),
    ];
    RecordBatch::try_new(schema.arrow(), columns).unwrap()
}

/// What a new engine finds.
pub fn read(directory: &Path) -> Batches {
    let engine = open(directory, EngineOptions { background_flush: false, ..options() });
    let mut found = Batches { rows: BTreeMap::new(), sequences: BTreeMap::new() };
    let snapshot = engine.snapshot();
    let Some(schema) = snapshot.table("acks").cloned() else { return found };
    let columns: Vec<Column> = ["writer", "sequence", "row", "rows"]
        .iter()
        .filter_map(|name| schema.column_named(name).cloned())
        .collect();
    for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
        for batch in part.read(&columns, TimeRange::ALL).unwrap() {
            found.add(&batch);
        }
    }
    found.rows.values_mut().for_each(|(rows, _)| rows.sort_unstable());
    for writer in 0..WRITERS {
        found
            .sequences
            .extend(engine.writer_sequence(&format!("writer-{writer}")).map(|last| (writer, last)));
    }
    engine.close().unwrap();
    found
}

impl Batches {
    fn add(&mut self, batch: &RecordBatch) {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values();
        for at in 0..batch.num_rows() {
            let value = |column: &[i64]| column[at] as u64;
            let id = (value(column(0)), value(column(1)));
            let entry = self.rows.entry(id).or_insert_with(|| (Vec::new(), value(column(3))));
            entry.0.push(value(column(2)));
        }
    }
}
