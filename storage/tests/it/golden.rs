//! Golden files: a data directory of format version 1 that every later build must read.
//!
//! `DRIFTLINE_WRITE_GOLDEN=1 cargo test -p driftline-storage --test it golden` writes it anew into
//! `tests/golden/v1`, with what must be found in it (`expected.txt`). That is done once a format version; where it
//! becomes necessary for another reason, the format was broken.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray, new_null_array,
};
use arrow_schema::{DataType, Field};
use driftline_storage::distribution::{Distribution, Numeric};
use driftline_storage::{
    ARRIVAL_COLUMN, CatalogChange, Change, Column, ColumnType, Comparison, Disk, Engine, LABELS_OF_OPTION,
    Meaning, Predicate, Role, SimDisk, StorageError, TIME_COLUMN, TableSchema, Value, WriteBatch,
    WriterSequence,
};

use crate::sample::mix;
use crate::session::open;
use crate::state::{State, observe};
use crate::workload::NOW;

/// What must be found, beside the data directory.
const EXPECTED: &str = "expected.txt";
/// The table of late labels.
const LABELS: &str = "labels";
/// The data directory.
const DATA: &str = "data";
const HOUR: i64 = 3_600_000_000_000;

/// The files by path, and what they say.
struct Golden {
    files: Vec<(String, Vec<u8>)>,
    expected: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// The committed directory; while there is none, one written a moment ago, so that the checks below are checked.
fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        if std::env::var("DRIFTLINE_WRITE_GOLDEN").is_ok_and(|value| value == "1") {
            save(&write());
        }
        load().unwrap_or_else(|| {
            println!("no golden files in {}: a directory written now stands in", directory().display());
            write()
        })
    })
}

#[test]
fn golden_files_are_read_as_they_were_written() {
    let golden = golden();
    let disk = disk_of(&golden.files);
    let engine = open(&disk).unwrap();
    assert_eq!(describe(&engine), golden.expected);
    // What they hold can also be merged, and read again.
    engine.compact().unwrap();
    engine.close().unwrap();
    drop(engine);
    assert_eq!(describe(&open(&disk).unwrap()), golden.expected, "after a compaction and a reopening");
}

#[test]
fn golden_files_hold_every_kind_of_file() {
    let golden = golden();
    for start in KINDS.iter().map(|kind| kind.start) {
        assert!(golden.files.iter().any(|(path, _)| path.starts_with(start)), "no file {start}..");
    }
}

#[test]
fn a_file_of_a_newer_format_is_refused_by_name() {
    let files = &golden().files;
    for (path, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let kind = KINDS.iter().find(|kind| path.starts_with(kind.start));
        let kind = kind.unwrap_or_else(|| panic!("{path}: this test does not know where its version stands"));
        if kind.start == "manifest."
            && files.iter().any(|(other, _)| other.starts_with("manifest.") && other > path)
        {
            // Not in force, so not read.
            continue;
        }
        let disk = disk_of(files);
        disk.remove(path).unwrap();
        disk.create(path).unwrap().append(&kind.raise(bytes)).unwrap();
        let error = open(&disk).and_then(|engine| observe(&engine.snapshot())).err();
        let Some(StorageError::NewerFormat { path: named, found, known }) = &error else {
            panic!("{path}: {error:?}")
        };
        assert_eq!((named, *found), (path, known + 1));
        let message = error.unwrap().to_string();
        assert!(message.contains(path.as_str()) && message.contains("newer driftline"), "{message}");
    }
}

/// A kind of file. Its version is a u16 at byte 8; the checksum is over all bytes before it and what comes after
/// `rest`.
struct Kind {
    start: &'static str,
    checksum: usize,
    rest: usize,
}

const KINDS: &[Kind] = &[
    Kind { start: "manifest.", checksum: 32, rest: 36 },
    Kind { start: "series/", checksum: 20, rest: usize::MAX },
    Kind { start: "wal/", checksum: 68, rest: usize::MAX },
    Kind { start: "seg/", checksum: 28, rest: usize::MAX },
    Kind { start: "patch/", checksum: 12, rest: usize::MAX },
];

impl Kind {
    /// A file of the next version that is otherwise right.
    fn raise(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let version = u16::from_le_bytes([bytes[8], bytes[9]]) + 1;
        bytes[8..10].copy_from_slice(&version.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..self.checksum]);
        hasher.update(bytes.get(self.rest..).unwrap_or_default());
        bytes[self.checksum..self.checksum + 4].copy_from_slice(&hasher.finalize().to_le_bytes());
        bytes
    }
}

/// Everything that a database says of itself, as text.
fn describe(engine: &Engine) -> String {
    let State { tables, entries } = observe(&engine.snapshot()).unwrap();
    let mut text = String::new();
    // Labels are read beside their rows: which are still in a table of their own says when they were flushed.
    for (name, lines) in tables.into_iter().filter(|(name, _)| name != LABELS) {
        text += &format!("table {name}\n{}\n", lines.join("\n"));
    }
    for (key, value) in entries {
        text += &format!("entry {key} = {:?}\n", String::from_utf8_lossy(&value));
    }
    for writer in ["importer", "app"] {
        text += &format!("writer {writer} at {:?}\n", engine.writer_sequence(writer));
    }
    text
}

fn disk_of(files: &[(String, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    for (path, bytes) in files {
        disk.create_dir(path.rsplit_once('/').map_or("", |(directory, _)| directory)).unwrap();
        disk.create(path).unwrap().append(bytes).unwrap();
    }
    disk
}

/// Makes a directory with every type, role and kind of file: the same bytes in every run of the same build.
fn write() -> Golden {
    let disk = SimDisk::new(1);
    let engine = open(&disk).unwrap();
    let table = |table: TableSchema| TableSchema { id: engine.allocate_table_id(), ..table };
    let (every, plain) = (table(every_type()), table(plain()));
    let labels = table(labels_of(&every));
    let catalog = [every.clone(), plain.clone(), labels.clone()].map(CatalogChange::CreateTable).to_vec();
    let put =
        |key: &str| CatalogChange::PutEntry { key: key.to_owned(), value: format!("{key}!").into_bytes() };
    let send = |writer: &str, sequence, catalog, rows| {
        let writer = Some(WriterSequence { writer: writer.to_owned(), sequence });
        engine.write(WriteBatch { writer, catalog, rows, ..WriteBatch::default() }).unwrap();
    };
    send("importer", 1, catalog, vec![(every.id, rows(&every, 0..180))]);
    send("importer", 2, vec![put("model/fraud")], vec![(plain.id, rows(&plain, 0..1_400))]);
    engine.flush().unwrap();
    let labelled = |keys, arrival| (labels.id, label(&labels, keys, arrival));
    send("importer", 3, Vec::new(), vec![(every.id, rows(&every, 160..240)), labelled(150..300, 0)]);
    engine.flush().unwrap();
    engine.compact().unwrap();
    send(
        "app",
        5,
        vec![put("model/churn")],
        vec![(every.id, rows(&every, 240..260)), labelled(20..50, 1_000)],
    );
    let delete = |table: &TableSchema, column: &str, by, value| {
        let column = engine.snapshot().table(&table.name).unwrap().column_named(column).unwrap().id;
        let change = Change::Delete { table: table.id, predicate: Predicate::Compare { column, by, value } };
        engine.write(WriteBatch { changes: vec![change], ..WriteBatch::default() }).unwrap();
    };
    delete(&every, "id", Comparison::Equal, Value::Text("p7".into()));
    delete(&plain, TIME_COLUMN, Comparison::Less, Value::Timestamp(NOW + 5 * HOUR / 3_600));
    engine.flush().unwrap();
    delete(&every, "age", Comparison::Greater, Value::BigInt(66));
    send(
        "app",
        6,
        Vec::new(),
        vec![
            (plain.id, rows(&plain, 1_400..1_420)),
            (every.id, rows(&every, 255..275)),
            labelled(40..60, 2_000),
        ],
    );
    let expected = describe(&engine);
    engine.close().unwrap();
    drop(engine);
    let files = disk.files().into_iter().filter(|(path, _)| path != "LOCK");
    Golden { files: files.map(|(path, _)| (path.clone(), disk.read(&path).unwrap())).collect(), expected }
}

#[test]
fn golden_files_can_be_written_twice_alike() {
    assert!(write().files == write().files);
}

fn every_type() -> TableSchema {
    let field = |name, ty| Column::new(name, ty, Role::Field);
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("region", ColumnType::Text, Role::Tag),
        Column::new("version", ColumnType::Text, Role::Tag),
        Column::new("id", ColumnType::Text, Role::Key),
        Column::new("customer", ColumnType::Text, Role::Subject),
        field("label", ColumnType::Boolean).with_meaning(Meaning::Label),
        field("age", ColumnType::BigInt).with_meaning(Meaning::NumericFeature),
        field("score", ColumnType::Double).with_meaning(Meaning::Score),
        field("country", ColumnType::Text).with_meaning(Meaning::CategoricalFeature),
        field("seen", ColumnType::Timestamp),
        field("raw", ColumnType::Json),
        field("embedding", ColumnType::Vector(3)).with_meaning(Meaning::Embedding),
        field("summary", ColumnType::Distribution),
        field("empty", ColumnType::Double),
        Column { index: true, ..field("session", ColumnType::Text) },
    ];
    TableSchema::new("every type", columns)
}

/// The table that keeps late labels of rows.
fn labels_of(rows: &TableSchema) -> TableSchema {
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("id", ColumnType::Text, Role::Key),
        Column::new("label", ColumnType::Boolean, Role::Field).with_meaning(Meaning::Label),
        Column::new(ARRIVAL_COLUMN, ColumnType::Timestamp, Role::Field),
    ];
    let mut schema = TableSchema::new(LABELS, columns);
    schema.options.insert(LABELS_OF_OPTION.into(), rows.id.to_string());
    schema.options.insert("dedup".into(), "none".into());
    schema
}

/// Labels without the times of their rows: every third is taken back.
fn label(schema: &TableSchema, keys: std::ops::Range<u64>, arrival: i64) -> RecordBatch {
    let times = || keys.clone().map(|key| NOW + arrival + key as i64);
    let times = || Arc::new(TimestampNanosecondArray::from_iter_values(times()).with_timezone("UTC"));
    let said = keys.clone().map(|key| (key % 3 > 0).then_some(key % 2 == 0));
    let arrays: Vec<ArrayRef> = vec![
        times(),
        Arc::new(StringArray::from_iter_values(keys.clone().map(|key| format!("p{key}")))),
        Arc::new(BooleanArray::from_iter(said)),
        times(),
    ];
    RecordBatch::try_new(schema.arrow(), arrays).unwrap()
}

fn plain() -> TableSchema {
    let value = Column::new("value", ColumnType::Double, Role::Field).with_meaning(Meaning::NumericFeature);
    TableSchema::new("plain", vec![Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time), value])
}

/// Rows each from its number alone: of a table with tags over some days, of one without within one interval, so
/// many that it is worth a summary.
fn rows(schema: &TableSchema, numbers: std::ops::Range<u64>) -> RecordBatch {
    let step = if schema.tag_columns().next().is_some() { HOUR / 2 } else { HOUR / 3_600 };
    let columns = schema.columns.iter().map(|column| values(column, step, numbers.clone())).collect();
    RecordBatch::try_new(schema.arrow(), columns).unwrap()
}

fn values(column: &Column, step: i64, numbers: std::ops::Range<u64>) -> ArrayRef {
    let salt = column.name.len() as u64;
    // One row in nine lacks the value; every row has a time.
    let dice = numbers.clone().map(|n| mix(n << 8 | salt)).map(|die| (!die.is_multiple_of(9)).then_some(die));
    let text = |make: &dyn Fn(u64) -> String| {
        Arc::new(dice.clone().map(|die| die.map(make)).collect::<StringArray>())
    };
    let times = |times: TimestampNanosecondArray| Arc::new(times.with_timezone("UTC"));
    match (column.name.as_str(), column.ty) {
        (TIME_COLUMN, _) => times(TimestampNanosecondArray::from_iter_values(
            numbers.map(|n| NOW + n as i64 * step - (mix(n) % 1_000) as i64),
        )),
        ("empty", ty) => new_null_array(&ty.arrow(), dice.count()),
        ("region" | "version" | "country", _) => text(&|die| format!("{}-{}", column.name, die % 5)),
        ("id", _) => Arc::new(StringArray::from_iter_values(numbers.map(|n| format!("p{n}")))),
        ("raw", _) => text(&|die| format!("{{\"die\": {die}}}")),
        (_, ColumnType::Text | ColumnType::Json) => text(&|die| format!("{die:016x}")),
        (_, ColumnType::Boolean) => {
            Arc::new(dice.map(|die| die.map(|die| die % 5 == 0)).collect::<BooleanArray>())
        }
        (_, ColumnType::BigInt) => {
            Arc::new(dice.map(|die| die.map(|die| (die % 70) as i64)).collect::<Int64Array>())
        }
        (_, ColumnType::Double) => Arc::new(dice.map(|die| die.map(double)).collect::<Float64Array>()),
        (_, ColumnType::Timestamp) => {
            times(dice.map(|die| die.map(|die| NOW + (die % 1_000_000_007) as i64)).collect())
        }
        (_, ColumnType::Vector(n)) => vectors(dice, n),
        (_, ColumnType::Distribution) => {
            let summaries: Vec<Option<Vec<u8>>> = dice.map(|die| die.map(summary)).collect();
            Arc::new(summaries.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
    }
}

fn double(die: u64) -> f64 {
    match die % 11 {
        1 => f64::from_bits(0x7ff8_0000_dead_beef),
        2 => -0.0,
        3 => f64::NEG_INFINITY,
        4 => f64::from(die as f32 / 3.0),
        _ => die as f64 / 3.0,
    }
}

fn vectors(dice: impl Iterator<Item = Option<u64>>, n: u32) -> ArrayRef {
    let dice: Vec<Option<u64>> = dice.collect();
    let item = |die: Option<u64>, at: u32| (die.unwrap_or(0) >> at) as f32 / 7.0;
    let items =
        Float32Array::from_iter_values(dice.iter().flat_map(|die| (0..n).map(move |at| item(*die, at))));
    let present = dice.iter().map(Option::is_some).collect::<Vec<_>>().into();
    let field = Arc::new(Field::new("item", DataType::Float32, true));
    Arc::new(FixedSizeListArray::new(field, n as i32, Arc::new(items), Some(present)))
}

fn summary(die: u64) -> Vec<u8> {
    let mut numbers = Numeric::new();
    (0..die % 4).for_each(|n| numbers.push((n * 10) as f64));
    Distribution::Numeric(numbers).encode()
}

use files::{load, save};

/// The committed files, through the file system itself: they are no data directory of this process.
mod files {
    #![expect(clippy::disallowed_methods, reason = "golden files are files of the repository")]

    use std::fs;
    use std::path::Path;

    use super::{DATA, EXPECTED, Golden, directory};

    /// The committed directory, if there is one.
    pub fn load() -> Option<Golden> {
        let expected = fs::read_to_string(directory().join(EXPECTED)).ok()?;
        let mut files = Vec::new();
        collect(&directory().join(DATA), "", &mut files);
        Some(Golden { files, expected })
    }

    fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{path}/"), files);
            } else {
                files.push((path, fs::read(entry.path()).unwrap()));
            }
        }
        files.sort();
    }

    /// Writes it anew.
    pub fn save(golden: &Golden) {
        let _ = fs::remove_dir_all(directory());
        for (path, bytes) in &golden.files {
            let path = directory().join(DATA).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(directory().join(EXPECTED), &golden.expected).unwrap();
    }
}
