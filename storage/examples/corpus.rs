//! Writes the inputs that the fuzz targets begin with, `fuzz/corpus/<target>/*`, out of the golden files and of a small
//! database made here for what those lack: `cargo run -p driftline-storage --example corpus`. Inputs that fuzzing has
//! found, which have other names, stay.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::fuzzing::{Seed, lattices, seeds};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Disk, Engine, EngineOptions, Meaning, OsDisk, Role, SimDisk,
    TIME_COLUMN, TableSchema, WriteBatch,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Files = Vec<(String, Vec<u8>)>;

const START: i64 = 1_700_000_000_000_000_000;
const ROWS: i64 = 2_400;

fn main() -> Outcome<()> {
    let storage = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = OsDisk::new(storage.join("tests/golden/v1/data"))?;
    let fuzz = OsDisk::new(storage.parent().ok_or("no directory above")?.join("fuzz"))?;
    save(&fuzz, "golden", seeds(&files_of(&golden)?)?)?;
    save(&fuzz, "texts", seeds(&texts()?)?)?;
    save(&fuzz, "lattice", lattices())
}

fn save(fuzz: &OsDisk, source: &str, seeds: Vec<Seed>) -> Outcome<()> {
    for (target, name, bytes) in seeds {
        let dir = format!("corpus/{target}");
        fuzz.create_dir(&dir)?;
        fuzz.publish(&format!("{dir}/{source}-{name}"), &bytes)?;
        println!("{dir}/{source}-{name}: {} bytes", bytes.len());
    }
    Ok(())
}

fn files_of(disk: &dyn Disk) -> Outcome<Files> {
    let mut files = Vec::new();
    for dir in ["", "wal", "seg", "series", "patch"] {
        for name in disk.list(dir)? {
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            if let Ok(bytes) = disk.read(&path) {
                files.push((path, bytes));
            }
        }
    }
    Ok(files)
}

/// Texts of every kind that has an encoding, cells with statistics, last rows, tags and postings.
fn texts() -> Outcome<Files> {
    let disk = Arc::new(SimDisk::new(1));
    let options = EngineOptions { background_flush: false, background_compaction: false, ..options() };
    let engine = Engine::open(disk.clone(), options)?;
    let schema = TableSchema { id: engine.allocate_table_id(), ..table() };
    let catalog = vec![CatalogChange::CreateTable(schema.clone())];
    let (first, second) = (rows(&schema, 0..ROWS / 2)?, rows(&schema, ROWS / 2..ROWS)?);
    engine.write(WriteBatch { catalog, rows: vec![(schema.id, first)], ..WriteBatch::default() })?;
    engine.flush()?;
    engine.write(WriteBatch { rows: vec![(schema.id, second)], ..WriteBatch::default() })?;
    engine.compact()?;
    let third = rows(&schema, ROWS..ROWS + 40)?;
    engine.write(WriteBatch { rows: vec![(schema.id, third)], ..WriteBatch::default() })?;
    engine.close()?;
    drop(engine);
    files_of(&*disk)
}

fn options() -> EngineOptions {
    EngineOptions { reserve_bytes: 0, threads: 1, ..EngineOptions::default() }
}

fn table() -> TableSchema {
    let field = |name, ty| Column::new(name, ty, Role::Field);
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("host", ColumnType::Text, Role::Tag),
        Column::new("id", ColumnType::Text, Role::Key),
        field("number", ColumnType::BigInt).with_meaning(Meaning::NumericFeature),
        field("noise", ColumnType::Double),
        field("few", ColumnType::Double).with_meaning(Meaning::Score),
        field("word", ColumnType::Text),
        Column { index: true, ..field("user", ColumnType::Text) },
    ];
    TableSchema::new("texts", columns)
}

fn rows(schema: &TableSchema, numbers: std::ops::Range<i64>) -> Outcome<RecordBatch> {
    let die = |n: i64| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    let uuid = |n: i64| {
        let (high, low) = (die(n), die(n + 7));
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high as u32,
            high >> 33 & 0xffff,
            n & 0xfff,
            n & 0xfff,
            low >> 16
        )
    };
    let text = |make: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(numbers.clone().map(make)))
    };
    let times = TimestampNanosecondArray::from_iter_values(numbers.clone().map(|n| START + n * 1_000_000));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        text(&|n| format!("host-{}", n % 9)),
        text(&uuid),
        Arc::new(Int64Array::from_iter_values(numbers.clone().map(|n| (die(n) % 900) as i64))),
        Arc::new(Float64Array::from_iter_values(numbers.clone().map(|n| die(n) as f64 / 3.0))),
        Arc::new(Float64Array::from_iter_values(numbers.clone().map(|n| (die(n) % 12) as f64 / 4.0))),
        text(&|n| format!("{}", die(n) % 7)),
        text(&|n| format!("user-{n:06}")),
    ];
    Ok(RecordBatch::try_new(schema.arrow(), columns)?)
}
