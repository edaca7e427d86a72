//! Random lives of three tables beside plain maps: rows are written, replaced and deleted, memtables flushed, segments
//! compacted, the power goes. After every step the tables show what the maps hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Change, Column, ColumnType, Comparison, Engine, EngineOptions, Predicate, Role, SimDisk,
    StorageError, TIME_COLUMN, TableSchema, TimeRange, Value, WriteBatch,
};

use crate::sample::{cases, mix, seed};
use crate::session::options;
use crate::workload::NOW;

/// Lives that a run tries, and of how many every so many without `DRIFTLINE_EXHAUSTIVE`.
const LIVES: u64 = 256;
const LIVES_STEP: u64 = 8;
const STEPS: u64 = 40;
/// Compactions beside which rows are written and deleted.
const MERGES: u64 = 20;
const HOUR: i64 = 3_600_000_000_000;

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % sides
    }
}

/// What tells rows of a table apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Series, time, key.
    Keyed,
    /// Series and time.
    Last,
    /// Nothing: each row stays.
    Log,
}

const KINDS: [(Kind, &str); 3] = [(Kind::Keyed, "keyed"), (Kind::Last, "last"), (Kind::Log, "log")];

/// A row: region, time, key, value. Keys may be missing.
type Row = (String, i64, Option<String>, i64);

/// A table as it should be: rows in the order of writing.
#[derive(Clone, Debug, Default)]
struct Model(Vec<Row>);

impl Model {
    fn write(&mut self, kind: Kind, row: Row) {
        let is_same = |other: &Row| match kind {
            Kind::Keyed => row.2.is_some() && (&row.0, row.1, &row.2) == (&other.0, other.1, &other.2),
            Kind::Last => (&row.0, row.1) == (&other.0, other.1),
            Kind::Log => false,
        };
        self.0.retain(|other| !is_same(other));
        self.0.push(row);
    }

    fn sorted(&self) -> Vec<Row> {
        let mut rows = self.0.clone();
        rows.sort();
        rows
    }
}

/// Whether a condition holds for a row of the model.
type Matches = Box<dyn Fn(&Row) -> bool>;

/// A condition on rows, in both languages.
fn condition(dice: &mut Dice, schema: &TableSchema) -> (Predicate, Matches) {
    let id = |name: &str| schema.column_named(name).unwrap().id;
    let compare = |name: &str, by, value| Predicate::Compare { column: id(name), by, value };
    let (number, from) = (dice.roll(40) as i64, NOW + dice.roll(50) as i64 * HOUR);
    match dice.roll(7) {
        0 => (compare("value", Comparison::Less, Value::BigInt(number)), Box::new(move |row| row.3 < number)),
        1 => {
            let key = format!("k{number}");
            let equal = compare("id", Comparison::Equal, Value::Text(key.clone()));
            (equal, Box::new(move |row| row.2.as_ref() == Some(&key)))
        }
        2 => {
            let region = compare("region", Comparison::Equal, Value::Text("r1".into()));
            let value = compare("value", Comparison::GreaterOrEqual, Value::BigInt(number));
            let both = Predicate::And(vec![region, value]);
            (both, Box::new(move |row| row.0 == "r1" && row.3 >= number))
        }
        3 => {
            let (after, before) = (Comparison::GreaterOrEqual, Comparison::Less);
            let end = from + 5 * HOUR;
            let range = Predicate::And(vec![
                compare(TIME_COLUMN, after, Value::Timestamp(from)),
                compare(TIME_COLUMN, before, Value::Timestamp(end)),
            ]);
            (range, Box::new(move |row| (from..end).contains(&row.1)))
        }
        4 => (Predicate::IsNull(id("id")), Box::new(|row| row.2.is_none())),
        5 => {
            // Unknown where the key is null: not deleted, and neither by the opposite.
            let not = Predicate::Not(Box::new(compare("id", Comparison::Equal, Value::Text("k1".into()))));
            let few = compare("value", Comparison::Equal, Value::BigInt(number));
            let is_other = |row: &Row| row.2.as_ref().is_some_and(|key| key != "k1");
            (Predicate::And(vec![not, few]), Box::new(move |row| is_other(row) && row.3 == number))
        }
        _ => match dice.roll(6) {
            0 => (Predicate::True, Box::new(|_| true)),
            _ => (Predicate::Or(Vec::new()), Box::new(|_| false)),
        },
    }
}

struct Life {
    dice: Dice,
    disk: SimDisk,
    engine: Arc<Engine>,
    models: BTreeMap<&'static str, Model>,
    history: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let mut dice = Dice(seed);
        let engine = open(&disk, &mut dice);
        for (kind, name) in KINDS {
            let mut schema =
                TableSchema { id: engine.allocate_table_id(), ..TableSchema::new(name, columns(kind)) };
            if kind == Kind::Last {
                schema.options.insert("dedup".into(), "last".into());
            }
            let catalog = vec![CatalogChange::CreateTable(schema)];
            engine.write(WriteBatch { catalog, ..WriteBatch::default() }).unwrap();
        }
        let models = KINDS.into_iter().map(|(_, name)| (name, Model::default())).collect();
        Self { dice, disk, engine, models, history: Vec::new() }
    }

    fn schema(&self, name: &str) -> Arc<TableSchema> {
        self.engine.snapshot().table(name).unwrap().clone()
    }

    fn step(&mut self) {
        let what = match self.dice.roll(12) {
            0..=4 => self.write(),
            5 | 6 => self.delete(),
            7 => self.replace(),
            8 | 9 => {
                self.engine.flush().unwrap();
                "flush".to_owned()
            }
            10 => {
                self.engine.compact().unwrap();
                "compact".to_owned()
            }
            _ => self.reopen(),
        };
        self.history.push(what);
    }

    /// Rows of a few batches, many of which were there before.
    fn write(&mut self) -> String {
        let (kind, name) = KINDS[self.dice.roll(3) as usize];
        let count = 1 + self.dice.roll(60);
        let rows = self.rows(count);
        self.put(kind, name, rows, Vec::new());
        format!("write {count} rows to {name}")
    }

    fn rows(&mut self, count: u64) -> Vec<Row> {
        let row = |dice: &mut Dice| {
            let key = (dice.roll(10) > 0).then(|| format!("k{}", dice.roll(12)));
            let time = NOW + dice.roll(50) as i64 * HOUR + dice.roll(3) as i64;
            (format!("r{}", dice.roll(3)), time, key, dice.roll(40) as i64)
        };
        (0..count).map(|_| row(&mut self.dice)).collect()
    }

    fn put(&mut self, kind: Kind, name: &'static str, rows: Vec<Row>, changes: Vec<Change>) {
        let schema = self.schema(name);
        // Sometimes in two parts: of rows that are one the later part's stays.
        let (first, second) =
            rows.split_at(self.dice.roll(2 * rows.len() as u64).min(rows.len() as u64) as usize);
        let parts = [first, second].map(|rows| (schema.id, batch(&schema, rows)));
        let batch = WriteBatch { rows: parts.to_vec(), changes, ..WriteBatch::default() };
        self.engine.write(batch).unwrap();
        let model = self.models.get_mut(name).unwrap();
        rows.into_iter().for_each(|row| model.write(kind, row));
    }

    fn delete(&mut self) -> String {
        let (_, name) = KINDS[self.dice.roll(3) as usize];
        let schema = self.schema(name);
        let (predicate, matches) = condition(&mut self.dice, &schema);
        let changes = vec![Change::Delete { table: schema.id, predicate: predicate.clone() }];
        self.engine.write(WriteBatch { changes, ..WriteBatch::default() }).unwrap();
        self.models.get_mut(name).unwrap().0.retain(|row| !matches(row));
        format!("delete from {name} where {predicate:?}")
    }

    /// A delete and new rows at once: the delete does not see the rows of its batch.
    fn replace(&mut self) -> String {
        let (kind, name) = KINDS[self.dice.roll(3) as usize];
        let schema = self.schema(name);
        let (predicate, matches) = condition(&mut self.dice, &schema);
        self.models.get_mut(name).unwrap().0.retain(|row| !matches(row));
        let rows = self.rows(5);
        let change = Change::Delete { table: schema.id, predicate: predicate.clone() };
        self.put(kind, name, rows, vec![change]);
        format!("replace in {name} where {predicate:?}")
    }

    /// The power goes and comes back.
    fn reopen(&mut self) -> String {
        let seed = self.dice.roll(u64::MAX);
        self.disk = self.disk.restart(seed);
        self.engine = open(&self.disk, &mut self.dice);
        "power cut".to_owned()
    }

    fn check(&self, context: &str) {
        let snapshot = self.engine.snapshot();
        for (kind, name) in KINDS {
            let (found, expected) = (rows_of(&self.engine, name), self.models[name].sorted());
            let less =
                |a: &[Row], b: &[Row]| a.iter().filter(|row| !b.contains(row)).cloned().collect::<Vec<_>>();
            let differ = (less(&found, &expected), less(&expected, &found));
            assert!(found == expected, "{context}: {name} has, lacks {differ:?} after {:#?}", self.history);
            let size = snapshot.size(snapshot.table(name).unwrap().id);
            if kind == Kind::Log && size.memtable_bytes == 0 {
                assert_eq!(size.rows, expected.len() as u64, "{context}: rows of {name}, {size:?}");
            }
        }
    }
}

fn open(disk: &SimDisk, dice: &mut Dice) -> Arc<Engine> {
    let threads = 1 + dice.roll(2) as usize;
    Engine::open(Arc::new(disk.clone()), EngineOptions { threads, ..options() }).unwrap()
}

fn columns(kind: Kind) -> Vec<Column> {
    let id = if kind == Kind::Keyed { Role::Key } else { Role::Field };
    vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("region", ColumnType::Text, Role::Tag),
        Column::new("id", ColumnType::Text, id),
        Column::new("value", ColumnType::BigInt, Role::Field),
    ]
}

fn batch(schema: &TableSchema, rows: &[Row]) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.1)).with_timezone("UTC");
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(times),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
        Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2.as_ref()))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.3))),
    ];
    RecordBatch::try_new(schema.arrow(), arrays).unwrap()
}

fn rows_of(engine: &Engine, table: &str) -> Vec<Row> {
    let snapshot = engine.snapshot();
    let schema = snapshot.table(table).unwrap();
    let mut rows = Vec::new();
    for part in snapshot.scan(schema.id, TimeRange::ALL).unwrap() {
        for batch in part.read(&schema.columns, TimeRange::ALL).unwrap() {
            let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
            let (regions, ids) = (batch.column(1).as_string::<i32>(), batch.column(2).as_string::<i32>());
            let values = batch.column(3).as_primitive::<Int64Type>();
            let id = |row: usize| ids.is_valid(row).then(|| ids.value(row).to_owned());
            let row =
                |row: usize| (regions.value(row).to_owned(), times.value(row), id(row), values.value(row));
            let first = rows.len();
            rows.extend((0..batch.num_rows()).map(row));
            assert!(!part.is_clean() || rows.len() - first <= part.rows() as usize);
        }
    }
    rows.sort();
    rows
}

#[test]
fn tables_show_what_plain_maps_would() {
    let seed = seed();
    for life in cases(LIVES, LIVES_STEP, seed) {
        let mut tables = Life::new(seed ^ mix(life));
        for step in 0..STEPS {
            tables.step();
            tables.check(&format!("seed {seed}, life {life}, step {step}"));
        }
    }
}

/// Rows are replaced and deleted, and that is written down for segments, while these segments are being merged.
#[test]
fn what_is_hidden_during_a_compaction_stays_hidden() {
    let seed = seed();
    for life in cases(1_024, 16, seed) {
        let mut tables = Life::new(seed ^ mix(life));
        let engine = tables.engine.clone();
        std::thread::scope(|scope| {
            let merging = scope.spawn(move || {
                for _ in 0..MERGES {
                    // One that is overtaken again and again gives up in the end; it must not leave anything wrong.
                    match engine.compact() {
                        Ok(()) | Err(StorageError::Cancelled) => {}
                        Err(error) => panic!("seed {seed}, life {life}: {error}"),
                    }
                }
            });
            for step in 0.. {
                let what = if step % 5 == 4 { tables.delete() } else { tables.write() };
                tables.history.push(what);
                tables.engine.flush().unwrap();
                tables.check(&format!("seed {seed}, life {life}, step {step}"));
                if merging.is_finished() {
                    break;
                }
            }
        });
        tables.engine.compact().unwrap();
        tables.check(&format!("seed {seed}, life {life}, merged"));
        tables.reopen();
        tables.check(&format!("seed {seed}, life {life}, reopened"));
    }
}
