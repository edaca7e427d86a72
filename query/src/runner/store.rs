//! What the runner remembers, as rows of two tables of ours: [`STATE`] has a text for a name, [`TOUCHED`] the marks that
//! could not be found again from the rows themselves: of deletes and labels.
//!
//! They are rows and no entries of the catalog, so that a change every few seconds costs no plan that is kept, and goes
//! into one batch with the rows that it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, RETENTION_OPTION, Role, Snapshot, TIME_COLUMN, TableSchema,
    TimeRange,
};

use super::alerts::tables as alerts;
use super::watched::Marks;
use crate::error::Result;

/// The table of states.
pub(crate) const STATE: &str = "$state";
/// The table of marks.
pub(crate) const TOUCHED: &str = "$touched";
/// How long marks are kept: whoever is behind by more looks at all there is.
pub(crate) const TOUCHED_RETENTION: &str = "7 days";

/// `name` is the key; `value` is null of one that was taken away. All stand at one time, so that the newest replaces the
/// others.
fn state_schema() -> TableSchema {
    TableSchema::new(
        STATE,
        vec![
            Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
            Column::new("name", ColumnType::Text, Role::Key),
            Column::new("value", ColumnType::Text, Role::Field),
        ],
    )
}

/// `marks` as JSON; `stamp` tells those that a state knows from those it does not.
fn touched_schema() -> TableSchema {
    let mut table = TableSchema::new(
        TOUCHED,
        vec![
            Column::new(TIME_COLUMN, ColumnType::Timestamp, Role::Time),
            Column::new("table", ColumnType::BigInt, Role::Field),
            Column::new("stamp", ColumnType::BigInt, Role::Field),
            Column::new("marks", ColumnType::Text, Role::Field),
        ],
    );
    table.options.insert(RETENTION_OPTION.to_owned(), TOUCHED_RETENTION.to_owned());
    table
}

/// The changes that make the tables where they are not there yet.
pub(crate) fn create(snapshot: &Snapshot, engine: &Engine) -> Vec<CatalogChange> {
    let missing = |table: &TableSchema| snapshot.table(&table.name).is_none();
    let tables = [state_schema(), touched_schema()].into_iter().filter(missing);
    let tables = tables.map(|table| TableSchema { id: engine.allocate_table_id(), ..table });
    tables.map(CatalogChange::CreateTable).chain(alerts::create(snapshot, engine)).collect()
}

/// Rows that set states; None takes one away.
pub(crate) fn state_rows(table: &TableSchema, states: &[(String, Option<String>)]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        times(vec![0; states.len()]),
        Arc::new(states.iter().map(|(name, _)| Some(name)).collect::<StringArray>()),
        Arc::new(states.iter().map(|(_, value)| value.as_ref()).collect::<StringArray>()),
    ];
    Ok(RecordBatch::try_new(table.arrow(), columns)?)
}

/// All states by name.
pub(crate) fn states(snapshot: &Snapshot) -> Result<BTreeMap<String, String>> {
    let mut states = BTreeMap::new();
    for rows in all(snapshot, STATE)? {
        let (names, values) = (rows.column(1).as_string::<i32>(), rows.column(2).as_string::<i32>());
        for (name, value) in names.iter().zip(values) {
            if let (Some(name), Some(value)) = (name, value) {
                states.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    Ok(states)
}

/// A row that keeps the marks of a table.
pub(crate) fn touched_row(
    kept_in: &TableSchema,
    table: u32,
    stamp: u64,
    marks: &Marks,
    now: i64,
) -> Result<RecordBatch> {
    // Keys are not written down: the row would be as large as the labels. Whoever reads it again looks at everything.
    let mut spans = marks.spans.clone();
    spans.extend(marks.labelled.iter());
    if !marks.keys.is_empty() {
        spans.add(crate::continuous::Span::ALL);
    }
    let text = serde_json::to_string(&spans).unwrap_or_default();
    let number = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
    let columns: Vec<ArrayRef> = vec![
        times(vec![now]),
        number(i64::from(table)),
        number(i64::try_from(stamp).unwrap_or(i64::MAX)),
        Arc::new(StringArray::from(vec![text])),
    ];
    Ok(RecordBatch::try_new(kept_in.arrow(), columns)?)
}

/// A mark that was written down.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(crate) table: u32,
    pub(crate) stamp: u64,
    pub(crate) marks: Marks,
}

/// The marks that were written down.
pub(crate) fn touched(snapshot: &Snapshot) -> Result<Vec<Touched>> {
    let mut found = Vec::new();
    for rows in all(snapshot, TOUCHED)? {
        let numbers = |at: usize| rows.column(at).as_primitive::<Int64Type>();
        let (tables, stamps, texts) = (numbers(1), numbers(2), rows.column(3).as_string::<i32>());
        for row in 0..rows.num_rows() {
            let spans = serde_json::from_str(texts.value(row))
                .unwrap_or_else(|_| crate::continuous::Spans::from(vec![(i64::MIN, i64::MAX)]));
            found.push(Touched {
                table: u32::try_from(tables.value(row)).unwrap_or_default(),
                stamp: u64::try_from(stamps.value(row)).unwrap_or_default(),
                marks: Marks { spans, ..Marks::default() },
            });
        }
    }
    Ok(found)
}

fn all(snapshot: &Snapshot, table: &str) -> Result<Vec<RecordBatch>> {
    let Some(table) = snapshot.table(table) else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for part in snapshot.scan(table.id, TimeRange::ALL)? {
        rows.extend(part.read(&table.columns, TimeRange::ALL)?);
    }
    Ok(rows)
}

fn times(nanos: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC"))
}
