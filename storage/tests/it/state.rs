//! What a database shows, and what it should show after some batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::DataType;
use arrow_select::filter::filter_record_batch;
use driftline_storage::{
    CatalogChange, Change, Column, Predicate, Result, Role, Snapshot, TIME_COLUMN, TableId, TableSchema,
    TimeRange, Value, WriteBatch,
};

use crate::workload::SAID;

/// All tables, each row a line of text, by time and tags and among equal ones in the order of writing, after a line
/// of column names; and all entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Lines by table.
    pub tables: BTreeMap<String, Vec<String>>,
    /// Values by key.
    pub entries: BTreeMap<String, Vec<u8>>,
}

/// What the engine shows.
pub fn observe(snapshot: &Snapshot) -> Result<State> {
    let mut state = State::default();
    // Labels are seen beside their rows; which of them still lie in a table of their own says when they were flushed.
    for (name, schema) in snapshot.tables().iter().filter(|(name, _)| *name != SAID) {
        let mut batches = Vec::new();
        for part in snapshot.scan(schema.id, TimeRange::ALL)? {
            batches.extend(part.read(&schema.columns, TimeRange::ALL)?);
        }
        let lines = lines(schema, &batches);
        // Rows that are replaced or deleted count until a flush has written that down.
        let (size, rows) = (snapshot.size(schema.id), lines.len() as u64 - 1);
        assert!(size.rows >= rows, "{name} has {rows} rows, its size says {size:?}");
        assert!(
            size.rows == rows || size.memtable_bytes > 0,
            "{name} has {rows} rows, its size says {size:?}"
        );
        state.tables.insert(name.clone(), lines);
    }
    state.entries = snapshot.entries().iter().map(|(key, value)| (key.clone(), value.to_vec())).collect();
    Ok(state)
}

/// The database as its promises describe it, kept as the batches themselves.
#[derive(Clone, Default)]
pub struct Model {
    schemas: BTreeMap<TableId, TableSchema>,
    rows: BTreeMap<TableId, Vec<RecordBatch>>,
    /// By id of a call what was said of it last; a call that is deleted takes that along.
    labels: BTreeMap<String, Option<bool>>,
    entries: BTreeMap<String, Vec<u8>>,
}

impl Model {
    /// The states before any batch, after the first, after the second ...
    pub fn states(batches: &[WriteBatch]) -> Vec<State> {
        let mut model = Self::default();
        let mut states = vec![model.state()];
        for batch in batches {
            model.apply(batch);
            states.push(model.state());
        }
        states
    }

    fn apply(&mut self, batch: &WriteBatch) {
        for change in &batch.catalog {
            self.change(change);
        }
        for change in &batch.changes {
            self.delete(change);
        }
        for (table, rows) in &batch.rows {
            match self.schemas[table].name == SAID {
                true => self.label(rows),
                false => self.replace(*table, rows),
            }
        }
    }

    fn label(&mut self, rows: &RecordBatch) {
        let ids = rows.column_by_name("id").unwrap().as_string::<i32>();
        let said = rows.column_by_name("failed").unwrap().as_boolean();
        let labels = (0..rows.num_rows()).map(|row| {
            let said = said.is_valid(row).then(|| said.value(row));
            (ids.value(row).to_owned(), said)
        });
        self.labels.extend(labels);
    }

    /// The rows with the labels that came later.
    fn labelled(&self, rows: &RecordBatch) -> RecordBatch {
        let Some(ids) = rows.column_by_name("id") else { return rows.clone() };
        let ids = ids.as_string::<i32>();
        let at = rows.schema().index_of("failed").unwrap();
        let written = rows.column(at).as_boolean();
        let own = |row: usize| written.is_valid(row).then(|| written.value(row));
        let shown = |row: usize| self.labels.get(ids.value(row)).copied().unwrap_or_else(|| own(row));
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new((0..rows.num_rows()).map(shown).collect::<BooleanArray>());
        RecordBatch::try_new(rows.schema(), columns).unwrap()
    }

    /// The workload deletes by numbers of batches.
    fn delete(&mut self, change: &Change) {
        let Change::Delete { table, predicate } = change;
        let Predicate::Compare { value: Value::BigInt(least), .. } = predicate else {
            panic!("{predicate:?}")
        };
        for rows in self.rows.entry(*table).or_default() {
            let numbers = rows.column_by_name("batch").unwrap().as_primitive::<Int64Type>().clone();
            if let Some(ids) = rows.column_by_name("id") {
                let gone = (0..rows.num_rows()).filter(|row| numbers.value(*row) < *least);
                for row in gone {
                    self.labels.remove(ids.as_string::<i32>().value(row));
                }
            }
            keep(rows, |row| numbers.value(row) >= *least);
        }
    }

    /// A row with a key takes the place of an older one with the same tags, time and key.
    fn replace(&mut self, table: TableId, rows: &RecordBatch) {
        let schema = self.schemas[&table].clone();
        let all = self.rows.entry(table).or_default();
        all.push(rows.clone());
        if !schema.columns.iter().any(|column| column.role == Role::Key) {
            return;
        }
        let mut seen = BTreeSet::new();
        let names = |column: &&Column| matches!(column.role, Role::Time | Role::Tag | Role::Key);
        let columns: Vec<Column> = schema.columns.iter().filter(names).cloned().collect();
        for rows in all.iter_mut().rev() {
            let lines: Vec<String> =
                batch_lines(&columns, rows).into_iter().map(|(_, _, line)| line).collect();
            let newest: Vec<bool> = lines.into_iter().rev().map(|line| seen.insert(line)).collect();
            keep(rows, |row| newest[newest.len() - 1 - row]);
        }
    }

    fn change(&mut self, change: &CatalogChange) {
        match change {
            CatalogChange::CreateTable(schema) | CatalogChange::AlterTable(schema) => {
                self.schemas.insert(schema.id, schema.clone());
            }
            CatalogChange::DropTable(table) => {
                self.schemas.remove(table);
                self.rows.remove(table);
            }
            CatalogChange::PutEntry { key, value } => {
                self.entries.insert(key.clone(), value.clone());
            }
            CatalogChange::RemoveEntry { key } => {
                self.entries.remove(key);
            }
        }
    }

    fn state(&self) -> State {
        let none = Vec::new();
        let table = |schema: &TableSchema| {
            let rows = self.rows.get(&schema.id).unwrap_or(&none).iter();
            let rows: Vec<_> = rows.map(|rows| self.labelled(rows)).collect();
            (schema.name.clone(), lines(schema, &rows))
        };
        let shown = self.schemas.values().filter(|schema| schema.name != SAID);
        State { tables: shown.map(table).collect(), entries: self.entries.clone() }
    }
}

fn keep(rows: &mut RecordBatch, keep: impl Fn(usize) -> bool) {
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(keep(row))).collect();
    *rows = filter_record_batch(rows, &keep).unwrap();
}

/// The rows of one table as lines. Batches come in the order of writing, which the stable sort keeps where time and
/// tags are equal: an engine that mixes those up shows another state.
fn lines(schema: &TableSchema, batches: &[RecordBatch]) -> Vec<String> {
    let mut lines: Vec<(i64, Vec<String>, String)> =
        batches.iter().flat_map(|batch| batch_lines(&schema.columns, batch)).collect();
    lines.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    std::iter::once(names.join(" | ")).chain(lines.into_iter().map(|(_, _, line)| line)).collect()
}

/// Time, tags and the whole line. Columns that the batch was written before are null.
fn batch_lines(columns: &[Column], batch: &RecordBatch) -> Vec<(i64, Vec<String>, String)> {
    let arrays: Vec<_> =
        columns.iter().map(|column| (column.role, batch.column_by_name(&column.name))).collect();
    let times = batch.column_by_name(TIME_COLUMN).unwrap().as_primitive::<TimestampNanosecondType>();
    let line = |row| {
        let cells: Vec<String> = arrays
            .iter()
            .map(|(_, array)| array.map_or_else(|| "null".to_owned(), |array| cell(array, row)))
            .collect();
        let tags = arrays.iter().zip(&cells).filter(|((role, _), _)| *role == Role::Tag);
        (times.value(row), tags.map(|(_, cell)| cell.clone()).collect(), cells.join(" | "))
    };
    (0..batch.num_rows()).map(line).collect()
}

/// Doubles and floats bit for bit.
fn cell(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Timestamp(..) => array.as_primitive::<TimestampNanosecondType>().value(row).to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:016x}", array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Float32 => format!("{:08x}", array.as_primitive::<Float32Type>().value(row).to_bits()),
        DataType::Utf8 => format!("{:?}", array.as_string::<i32>().value(row)),
        DataType::Binary => format!("{:02x?}", array.as_binary::<i32>().value(row)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            cell(dictionary.values(), dictionary.normalized_keys()[row])
        }
        DataType::FixedSizeList(..) => {
            let items = array.as_fixed_size_list().value(row);
            (0..items.len()).map(|item| cell(&items, item)).collect::<Vec<_>>().join(",")
        }
        other => panic!("the workload has no {other}"),
    }
}

/// After how many batches the state is `seen`: at least `acked`, at most `submitted`. Panics by the name of the broken
/// promise.
pub fn expect_prefix(seen: &State, states: &[State], acked: usize, submitted: usize, context: &str) -> usize {
    let allowed = &states[acked..=submitted];
    if let Some(found) = allowed.iter().rposition(|state| state == seen) {
        return acked + found;
    }
    if let Some(found) = states.iter().rposition(|state| state == seen) {
        panic!("C1 broken, {context}: {acked} batches were acknowledged, the state is the one after {found}");
    }
    panic!("{}", explain(seen, &states[acked], &states[submitted], context));
}

fn explain(seen: &State, least: &State, most: &State, context: &str) -> String {
    let (seen_facts, least, most) = (facts(seen), facts(least), facts(most));
    let missing: Vec<_> = least.intersection(&most).filter(|fact| !seen_facts.contains(*fact)).collect();
    let strange: Vec<_> =
        seen_facts.iter().filter(|fact| !least.contains(*fact) && !most.contains(*fact)).collect();
    let broken = match (missing.is_empty(), strange.is_empty()) {
        (false, _) => "C1 (an acknowledged batch is readable)",
        (_, false) => "C4 (nothing dropped comes back, nothing strange appears)",
        _ => "C2 or C3 (all of a batch or nothing, in order)",
    };
    format!("{broken} broken, {context}:\nmissing {missing:#?}\nstrange {strange:#?}")
}

/// The state as single facts. Equal lines are told apart by number, so that a row that came twice is one too many.
fn facts(state: &State) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (table, lines) in &state.tables {
        for line in lines {
            let fresh = (0..).map(|n| format!("{table} #{n}: {line}")).find(|fact| !facts.contains(fact));
            facts.extend(fresh);
        }
    }
    facts.extend(state.entries.iter().map(|(key, value)| format!("entry {key} = {value:?}")));
    facts
}
