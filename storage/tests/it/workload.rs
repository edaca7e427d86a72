//! What is done to the database: every kind of change, often enough that files rotate and are flushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, new_null_array,
};
use driftline_storage::{
    ARRIVAL_COLUMN, CatalogChange, Change, Column, ColumnType, Comparison, Engine, LABELS_OF_OPTION, Meaning,
    Predicate, Role, TIME_COLUMN, TableSchema, Value, WriteBatch, WriterSequence,
};

use crate::sample::mix;

/// The hour of the workload.
pub const NOW: i64 = 1_700_000_000_000_000_000;
/// Nanoseconds of a day, the length of most partitions.
const DAY: i64 = 86_400_000_000_000;
/// The writers with a name; they take turns.
pub const WRITERS: [&str; 2] = ["app", "job"];

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Sends a new batch under the next sequence of the writer whose turn it is.
    Send(&'static [Part]),
    /// Sends a new batch without a writer.
    Anonymous(&'static [Part]),
    /// Sends the batch again that lies so many back; 1 is the last.
    Repeat(usize),
    /// Flushes.
    Flush,
    /// Compacts.
    Compact,
    /// Closes the engine and opens it again.
    Reopen,
}

/// A piece of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// A new table.
    Create(&'static str),
    /// A new column for a table.
    Widen(&'static str),
    /// A new tag for a table; rows written before do not have it.
    Tag(&'static str),
    /// A table goes.
    Drop(&'static str),
    /// So many rows for a table, all of the last minutes.
    Rows(&'static str, usize),
    /// So many rows for a table, spread over the four days before.
    Late(&'static str, usize),
    /// Some rows of the batch before that, with other values: each takes the place of the first.
    Again(&'static str, usize),
    /// Rows of early batches go, but not those of this one.
    Delete(&'static str),
    /// So many late labels of calls that were there before, and one of a call that never comes.
    Label(usize),
    /// Sets an entry.
    Put(&'static str),
    /// Takes an entry away.
    Remove(&'static str),
}

use Part::{Again, Create, Delete, Drop, Label, Late, Put, Remove, Rows, Tag, Widen};
use Step::{Anonymous, Compact, Flush, Reopen, Repeat, Send};

/// The table that keeps late labels of calls.
pub const SAID: &str = "said";

/// The workload. `load` has tags, `calls` a tag, a key and labels, `plain` has none of these; each makes other files.
pub const WORKLOAD: &[Step] = &[
    Send(&[Create("load"), Create("plain"), Rows("load", 12)]),
    Send(&[Create("calls"), Create(SAID), Rows("calls", 9), Rows("plain", 8)]),
    Flush,
    Send(&[Rows("load", 14), Put("model/1"), Label(5)]),
    Anonymous(&[Rows("plain", 16), Late("calls", 4)]),
    Send(&[Late("load", 12), Rows("calls", 6), Label(4)]),
    Repeat(1),
    Send(&[Again("calls", 3), Delete("plain"), Label(3)]),
    Flush,
    Send(&[Widen("load"), Rows("load", 10), Label(6)]),
    Send(&[Rows("load", 5), Late("load", 3), Rows("plain", 4)]),
    Compact,
    Repeat(4),
    Send(&[Create("gone"), Rows("gone", 8), Rows("calls", 2)]),
    Reopen,
    Send(&[Rows("gone", 6), Remove("model/1"), Put("model/2")]),
    Send(&[Label(4), Tag("calls"), Rows("calls", 12)]),
    Flush,
    Send(&[Late("load", 8), Late("plain", 8), Late("calls", 8), Delete("load")]),
    Send(&[Again("calls", 5), Delete("calls")]),
    Flush,
    Send(&[Drop("gone"), Rows("plain", 6)]),
    Repeat(3),
    Compact,
    Anonymous(&[Rows("calls", 20), Put("model/3"), Label(8)]),
    Send(&[Create("gone"), Rows("gone", 4)]),
    Reopen,
    Send(&[Rows("load", 16), Rows("gone", 3), Rows("calls", 7)]),
    Flush,
    Send(&[Late("gone", 5), Widen("plain"), Rows("plain", 5)]),
    Compact,
    Send(&[Delete("gone"), Again("calls", 2), Label(4)]),
    Flush,
    Send(&[Rows("load", 24), Late("plain", 4), Delete("plain")]),
    // The last file of the log holds several batches, so that damage to all but the last can be told from a torn tail.
    Send(&[Put("model/2"), Remove("model/3"), Rows("calls", 6), Rows("load", 2), Label(3)]),
    Send(&[Rows("plain", 3)]),
    Anonymous(&[Rows("load", 1), Rows("gone", 2)]),
    Send(&[Rows("plain", 2), Put("model/4")]),
];

/// The batch that comes after those sent, for what the engine holds now.
pub fn build(
    engine: &Engine,
    sent: &[WriteBatch],
    parts: &[Part],
    writer: Option<WriterSequence>,
) -> WriteBatch {
    let number = sent.len() as u64 + 1;
    let snapshot = engine.snapshot();
    let tables = snapshot.tables().iter().map(|(name, schema)| (name.clone(), schema.as_ref().clone()));
    let mut builder =
        Builder { engine, sent, number, tables: tables.collect(), batch: WriteBatch::default() };
    for part in parts {
        builder.add(*part);
    }
    WriteBatch { writer, ..builder.batch }
}

struct Builder<'a> {
    engine: &'a Engine,
    /// The batches before it.
    sent: &'a [WriteBatch],
    number: u64,
    tables: BTreeMap<String, TableSchema>,
    batch: WriteBatch,
}

impl Builder<'_> {
    fn add(&mut self, part: Part) {
        match part {
            Create(name) => {
                let mut schema = TableSchema { id: self.engine.allocate_table_id(), ..new_table(name) };
                if name == SAID {
                    schema.options.insert(LABELS_OF_OPTION.into(), self.tables["calls"].id.to_string());
                    schema.options.insert("dedup".into(), "none".into());
                }
                self.tables.insert(name.to_owned(), schema.clone());
                self.batch.catalog.push(CatalogChange::CreateTable(schema));
            }
            Widen(name) => self.alter(name, Column::new("later", ColumnType::Double, Role::Field)),
            Tag(name) => self.alter(name, Column::new("zone", ColumnType::Text, Role::Tag)),
            Drop(name) => {
                let schema = self.tables.remove(name).unwrap();
                self.batch.catalog.push(CatalogChange::DropTable(schema.id));
            }
            Rows(name, count) => self.rows(name, count, 1),
            Late(name, count) => self.rows(name, count, 4),
            Again(name, count) => self.again(name, count),
            Delete(name) => self.delete(name),
            Label(count) => self.label(count),
            Put(key) => {
                let value = format!("{key} as batch {} set it", self.number).into_bytes();
                self.batch.catalog.push(CatalogChange::PutEntry { key: key.to_owned(), value });
            }
            Remove(key) => self.batch.catalog.push(CatalogChange::RemoveEntry { key: key.to_owned() }),
        }
    }

    fn again(&mut self, name: &str, count: usize) {
        let schema = &self.tables[name];
        let written = self.sent.iter().rev().flat_map(|batch| &batch.rows);
        let (_, before) = written.into_iter().find(|(table, _)| *table == schema.id).unwrap();
        self.batch.rows.push((schema.id, again(schema, before, count, self.number)));
    }

    fn delete(&mut self, name: &str) {
        let schema = &self.tables[name];
        let column = schema.column_named("batch").unwrap().id;
        let value = Value::BigInt(self.number as i64 * 2 / 3);
        let predicate = Predicate::Compare { column, by: Comparison::Less, value };
        self.batch.changes.push(Change::Delete { table: schema.id, predicate });
    }

    /// Labels of calls of earlier batches, the newest first, every other with the time of its call.
    fn label(&mut self, count: usize) {
        let (calls, said) = (&self.tables["calls"], &self.tables[SAID]);
        let of_calls = self.sent.iter().rev().flat_map(|batch| &batch.rows).filter(|(id, _)| *id == calls.id);
        let mut known = Vec::new();
        for (_, rows) in of_calls {
            let ids = rows.column_by_name("id").unwrap().as_string::<i32>();
            let times = rows.column_by_name(TIME_COLUMN).unwrap();
            let times = times.as_primitive::<TimestampNanosecondType>();
            known.extend((0..rows.num_rows()).map(|row| (ids.value(row).to_owned(), times.value(row))));
        }
        let arrival = |row: usize| NOW + (self.number * 1_000 + row as u64) as i64;
        let of_known = known.into_iter().step_by(2).take(count).enumerate();
        let of_known = of_known.map(|(row, (id, time))| (id, if row % 2 == 0 { time } else { arrival(row) }));
        let mut labels: Vec<(String, i64)> = of_known.collect();
        labels.push((format!("never-{}", self.number), arrival(labels.len())));
        let arrivals = (0..labels.len()).map(arrival);
        let said_of = |row: usize| boolean(mix(self.number * 100 + row as u64));
        let times = labels.iter().map(|label| label.1);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(labels.iter().map(|label| &label.0))),
            Arc::new((0..labels.len()).map(said_of).collect::<BooleanArray>()),
            Arc::new(TimestampNanosecondArray::from_iter_values(arrivals).with_timezone("UTC")),
        ];
        self.batch.rows.push((said.id, RecordBatch::try_new(said.arrow(), arrays).unwrap()));
    }

    fn alter(&mut self, name: &str, column: Column) {
        let schema = self.tables.get_mut(name).unwrap();
        schema.columns.push(column);
        schema.version += 1;
        self.batch.catalog.push(CatalogChange::AlterTable(schema.clone()));
    }

    fn rows(&mut self, name: &str, count: usize, days: u64) {
        let salt = self.number * 100 + self.batch.rows.len() as u64;
        let schema = &self.tables[name];
        self.batch.rows.push((schema.id, rows(schema, self.number, salt, count, days)));
    }
}

/// The rows again that the batch before wrote first, as the batch of this number.
fn again(schema: &TableSchema, before: &RecordBatch, count: usize, number: u64) -> RecordBatch {
    let columns = schema.columns.iter().map(|column| {
        let old = before.column_by_name(&column.name);
        let old = old.map(|old| old.slice(0, count.min(old.len())));
        match (column.name.as_str(), old) {
            ("batch", Some(old)) => Arc::new(Int64Array::from(vec![number as i64; old.len()])) as ArrayRef,
            (_, Some(old)) => old,
            (_, None) => new_null_array(&column.ty.arrow(), count.min(before.num_rows())),
        }
    });
    RecordBatch::try_new(schema.arrow(), columns.collect()).unwrap()
}

/// Late values of `failed`.
fn said() -> TableSchema {
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("id", ColumnType::Text, Role::Key),
        Column::new("failed", ColumnType::Boolean, Role::Field).with_meaning(Meaning::Label),
        Column::new(ARRIVAL_COLUMN, ColumnType::Timestamp, Role::Field),
    ];
    TableSchema::new(SAID, columns)
}

fn new_table(name: &str) -> TableSchema {
    if name == SAID {
        return said();
    }
    let tag = |name| Column::new(name, ColumnType::Text, Role::Tag);
    let mut columns = vec![Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time)];
    match name {
        "load" | "gone" => columns.extend([tag("host"), tag("region")]),
        "calls" => columns.extend([tag("model"), Column::new("id", ColumnType::Text, Role::Key)]),
        _ => {}
    }
    columns.extend([
        Column::new("batch", ColumnType::BigInt, Role::Field),
        Column::new("value", ColumnType::Double, Role::Field).with_meaning(Meaning::NumericFeature),
        Column::new("failed", ColumnType::Boolean, Role::Field).with_meaning(Meaning::Label),
        Column::new("note", ColumnType::Text, Role::Field),
    ]);
    TableSchema::new(name, columns)
}

/// Rows that say which batch they are of. Times run to and fro within a batch, overlap between batches, and some are
/// equal, so that the order of writing shows.
fn rows(schema: &TableSchema, number: u64, salt: u64, count: usize, days: u64) -> RecordBatch {
    let dice: Vec<u64> = (0..count as u64).map(|row| mix(salt * 1_000 + row)).collect();
    let columns = schema.columns.iter().map(|column| values(column, number, days, &dice)).collect();
    RecordBatch::try_new(schema.arrow(), columns).unwrap()
}

fn values(column: &Column, number: u64, days: u64, dice: &[u64]) -> ArrayRef {
    match (column.name.as_str(), column.role) {
        (TIME_COLUMN, _) => {
            let times = dice.iter().map(|die| time(*die, number, days));
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        (name, Role::Tag) => {
            let tags = dice.iter().map(|die| tag(name, mix(*die ^ name.len() as u64), number));
            Arc::new(tags.collect::<StringArray>())
        }
        ("id", _) => {
            Arc::new(StringArray::from_iter_values(dice.iter().map(|die| format!("p{}", die >> 40))))
        }
        ("batch", _) => Arc::new(Int64Array::from_iter_values(dice.iter().map(|_| number as i64))),
        ("failed", _) => Arc::new(dice.iter().map(|die| boolean(*die)).collect::<BooleanArray>()),
        ("note", _) => Arc::new(dice.iter().map(|die| note(*die)).collect::<StringArray>()),
        _ => Arc::new(dice.iter().map(|die| double(*die)).collect::<Float64Array>()),
    }
}

/// One of few moments, of the last minutes or of as many days.
fn time(die: u64, number: u64, days: u64) -> i64 {
    let moment = (number / 4 * 60 + die % 8) as i64 * 1_000_000_000;
    NOW + moment - (die / 8 % days) as i64 * DAY
}

/// New values come up as the batches go by; some rows lack the tag, some have an empty one.
fn tag(name: &str, die: u64, number: u64) -> Option<String> {
    match die % 17 {
        0 | 1 => None,
        2 => Some(String::new()),
        _ => Some(format!("{name}-{}", die / 17 % (2 + number / 4))),
    }
}

fn boolean(die: u64) -> Option<bool> {
    (die % 7 != 3).then_some(die.is_multiple_of(3))
}

fn double(die: u64) -> Option<f64> {
    match die % 11 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(-0.0),
        3 => Some(f64::NEG_INFINITY),
        _ => Some(die as f64 / 3.0),
    }
}

/// Text that no encoding makes much smaller, so that frames cross sectors and files fill.
fn note(die: u64) -> Option<String> {
    match die % 9 {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("{:016x}{:016x} ü", die, mix(die))),
    }
}
