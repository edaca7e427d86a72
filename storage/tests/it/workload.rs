//! What is done to the database: every kind of change, often enough that files rotate and are flushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, Role, TIME_COLUMN, TableSchema, WriteBatch, WriterSequence,
};

use crate::sample::mix;

/// The hour of the workload.
pub const NOW: i64 = 1_700_000_000_000_000_000;

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Sends a new batch under the writer's next sequence.
    Send(&'static [Part]),
    /// Sends a new batch without a writer.
    Anonymous(&'static [Part]),
    /// Sends the batch again that lies so many back; 1 is the last.
    Repeat(usize),
    /// Flushes.
    Flush,
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
    /// A table goes.
    Drop(&'static str),
    /// So many rows for a table.
    Rows(&'static str, usize),
    /// Sets an entry.
    Put(&'static str),
    /// Takes an entry away.
    Remove(&'static str),
}

use Part::{Create, Drop, Put, Remove, Rows, Widen};
use Step::{Anonymous, Flush, Reopen, Repeat, Send};

/// The workload.
pub const WORKLOAD: &[Step] = &[
    Send(&[Create("a")]),
    Send(&[Create("b")]),
    Send(&[Rows("a", 12)]),
    Send(&[Rows("a", 9), Rows("b", 14)]),
    Send(&[Rows("a", 3), Put("model/1")]),
    Anonymous(&[Rows("b", 25)]),
    Flush,
    Send(&[Rows("a", 30)]),
    Repeat(1),
    Repeat(4),
    Send(&[Put("model/2"), Rows("a", 5), Rows("b", 5)]),
    Send(&[Create("c"), Rows("c", 8), Rows("a", 2)]),
    Send(&[Rows("c", 20)]),
    Send(&[Widen("a")]),
    Send(&[Rows("a", 11), Rows("a", 7)]),
    Flush,
    Send(&[Remove("model/1")]),
    Send(&[Rows("b", 16), Rows("a", 16)]),
    Reopen,
    Send(&[Rows("b", 1)]),
    Repeat(2),
    Send(&[Drop("c"), Rows("a", 6)]),
    Flush,
    Repeat(5),
    Send(&[Create("c"), Rows("c", 4)]),
    Send(&[Rows("a", 40), Rows("b", 40), Rows("c", 40)]),
    Flush,
    Reopen,
    Send(&[Put("model/2"), Rows("a", 4), Rows("b", 4)]),
    Flush,
    Flush,
    Send(&[Rows("a", 60)]),
    Anonymous(&[Rows("b", 3), Put("model/3")]),
    Send(&[Widen("b"), Rows("b", 9), Remove("model/3")]),
    Send(&[Rows("a", 10), Rows("b", 30), Rows("c", 10)]),
];

/// The batch of number `number`, counted from 1, for what the engine holds now.
pub fn build(engine: &Engine, number: u64, parts: &[Part], anonymous: bool) -> WriteBatch {
    let snapshot = engine.snapshot();
    let tables = snapshot.tables().iter().map(|(name, schema)| (name.clone(), schema.as_ref().clone()));
    let mut builder = Builder { engine, number, tables: tables.collect(), batch: WriteBatch::default() };
    for part in parts {
        builder.add(*part);
    }
    let writer = WriterSequence { writer: "app".to_owned(), sequence: number };
    WriteBatch { writer: (!anonymous).then_some(writer), ..builder.batch }
}

struct Builder<'a> {
    engine: &'a Engine,
    number: u64,
    tables: BTreeMap<String, TableSchema>,
    batch: WriteBatch,
}

impl Builder<'_> {
    fn add(&mut self, part: Part) {
        match part {
            Create(name) => {
                let schema = TableSchema { id: self.engine.allocate_table_id(), ..new_table(name) };
                self.tables.insert(name.to_owned(), schema.clone());
                self.batch.catalog.push(CatalogChange::CreateTable(schema));
            }
            Widen(name) => {
                let schema = self.tables.get_mut(name).unwrap();
                schema.columns.push(Column::new("later", ColumnType::Double, Role::Field));
                schema.version += 1;
                self.batch.catalog.push(CatalogChange::AlterTable(schema.clone()));
            }
            Drop(name) => {
                let schema = self.tables.remove(name).unwrap();
                self.batch.catalog.push(CatalogChange::DropTable(schema.id));
            }
            Rows(name, count) => {
                let salt = self.number * 100 + self.batch.rows.len() as u64;
                let schema = &self.tables[name];
                self.batch.rows.push((schema.id, rows(schema, self.number, salt, count)));
            }
            Put(key) => {
                let value = format!("{key} as batch {} set it", self.number).into_bytes();
                self.batch.catalog.push(CatalogChange::PutEntry { key: key.to_owned(), value });
            }
            Remove(key) => self.batch.catalog.push(CatalogChange::RemoveEntry { key: key.to_owned() }),
        }
    }
}

fn new_table(name: &str) -> TableSchema {
    let columns = vec![
        Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
        Column::new("batch", ColumnType::BigInt, Role::Field),
        Column::new("value", ColumnType::Double, Role::Field),
        Column::new("note", ColumnType::Text, Role::Field),
    ];
    TableSchema::new(name, columns)
}

/// Rows that say which batch they are of. Times run to and fro within a batch and overlap between batches.
fn rows(schema: &TableSchema, number: u64, salt: u64, count: usize) -> RecordBatch {
    let dice: Vec<u64> = (0..count as u64).map(|row| mix(salt * 1_000 + row)).collect();
    let columns = schema.columns.iter().map(|column| values(column, number, &dice)).collect();
    RecordBatch::try_new(schema.arrow(), columns).unwrap()
}

fn values(column: &Column, number: u64, dice: &[u64]) -> ArrayRef {
    match column.name.as_str() {
        TIME_COLUMN => {
            let times = dice.iter().map(|die| NOW + (number * 1_000 + die % 5_000) as i64);
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        "batch" => Arc::new(Int64Array::from_iter_values(dice.iter().map(|_| number as i64))),
        "note" => Arc::new(dice.iter().map(|die| note(*die)).collect::<StringArray>()),
        _ => Arc::new(dice.iter().map(|die| double(*die)).collect::<Float64Array>()),
    }
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
