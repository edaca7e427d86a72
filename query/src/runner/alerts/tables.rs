//! The tables that alerts write: their history, and the messages that go out.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use driftline_storage::{
    CatalogChange, Column, ColumnType, Engine, Role, Snapshot, TIME_COLUMN, TableId, TableSchema, TimeRange,
};

use super::outbox::Letter;
use super::revise::Revised;
use super::told::Told;
use crate::alert::notice::hash;
use crate::alert::state::Kind;
use crate::error::Result;

/// The table of transitions.
pub(crate) const HISTORY: &str = "$alert_history";
/// The column of the history that rows which come late change.
pub(crate) const REVISED: &str = "revised_value";
/// The table of messages.
pub(crate) const OUTBOX: &str = "$outbox";

use ColumnType::{BigInt, Boolean, Double, Json, Text, Timestamp};

/// The columns of `system.alert_history`, a row a transition: `time` is the end of the window judged, or when somebody did
/// it. `episode` goes from the beginning to the end of one firing; `what` is pending, broken, fired, no_data, fired_again,
/// ended, failed, acknowledged or commented. Rows that come later change
/// neither the state nor the value that was judged; `revised_value` is what the window has by them, NULL where they changed
/// nothing, or there are no rows any more.
fn history_columns() -> Vec<Column> {
    let field = |name: &str, ty| Column::new(name, ty, Role::Field);
    vec![
        Column::new(TIME_COLUMN, Timestamp, Role::Time),
        field("alert", Text),
        Column::new("model", Text, Role::Tag),
        Column::new("severity", Text, Role::Tag),
        Column::new("id", Text, Role::Key),
        field("episode", Text),
        field("fingerprint", Text),
        field("labels", Json),
        field("what", Text),
        field("from_state", Text),
        field("to_state", Text),
        field("value", Double),
        field("threshold", Double),
        field("window_start", Timestamp),
        field("window_end", Timestamp),
        field("reason", Text),
        field("who", Text),
        field("late", Boolean),
        field("evidence", Json),
        field(REVISED, Double),
    ]
}

/// The columns of `system.outbox`, a row a message: `state` is waiting, sent, dead or skipped; `number` is its place in the
/// order in which they were written, `body` the message.
fn outbox_columns() -> Vec<Column> {
    let field = |name: &str, ty| Column::new(name, ty, Role::Field);
    vec![
        Column::new(TIME_COLUMN, Timestamp, Role::Time),
        Column::new("notifier", Text, Role::Tag),
        Column::new("id", Text, Role::Key),
        field("alert", Text),
        field("status", Text),
        field("state", Text),
        field("number", BigInt),
        field("attempts", BigInt),
        field("first_attempt_at", Timestamp),
        field("next_at", Timestamp),
        field("updated_at", Timestamp),
        field("error", Text),
        field("body", Json),
    ]
}

/// One of the tables as it is made.
pub(crate) fn schema(name: &str) -> TableSchema {
    TableSchema::new(name, if name == HISTORY { history_columns() } else { outbox_columns() })
}

/// The changes that give tables of an earlier version the columns that they lack: rows are made with all of them.
pub(crate) fn grow(snapshot: &Snapshot) -> Vec<CatalogChange> {
    let tables = [HISTORY, OUTBOX].into_iter();
    tables.filter_map(|name| grown(snapshot.table(name)?, &schema(name))).collect()
}

/// The changes that make the tables where they are not there yet.
pub(crate) fn create(snapshot: &Snapshot, engine: &Engine) -> Vec<CatalogChange> {
    let missing = [HISTORY, OUTBOX].into_iter().filter(|name| snapshot.table(name).is_none());
    let tables = missing.map(|name| TableSchema { id: engine.allocate_table_id(), ..schema(name) });
    tables.map(CatalogChange::CreateTable).collect()
}

/// A table of an earlier version with the columns that it has not yet; None where it has all.
fn grown(known: &TableSchema, wanted: &TableSchema) -> Option<CatalogChange> {
    let mut table = known.clone();
    for column in &wanted.columns {
        if known.column_named(&column.name).is_none() {
            table.columns.push(Column { id: table.next_column_id, ..column.clone() });
            table.next_column_id += 1;
        }
    }
    table.version += 1;
    (table.columns.len() > known.columns.len()).then_some(CatalogChange::AlterTable(table))
}

/// Rows of the history.
pub(crate) fn history_rows(table: &TableSchema, all: &[Told]) -> Result<RecordBatch> {
    let text = |of: &dyn Fn(&Told) -> Option<String>| -> ArrayRef {
        Arc::new(all.iter().map(of).collect::<StringArray>())
    };
    let time = |of: fn(&Told) -> i64| times(all.iter().map(|told| Some(of(told))));
    let number =
        |of: fn(&Told) -> Option<f64>| -> ArrayRef { Arc::new(all.iter().map(of).collect::<Float64Array>()) };
    let columns = vec![
        time(|told| told.transition.at),
        text(&|told| Some(told.rule.name.clone())),
        text(&|told| told.rule.model.clone()),
        text(&|told| Some(told.rule.severity.name().to_owned())),
        text(&|told| Some(told.id())),
        text(&|told| Some(told.transition.episode.clone())),
        text(&|told| Some(hash(&told.rule, &told.transition))),
        text(&|told| serde_json::to_string(&told.labels()).ok()),
        text(&|told| Some(what(told.transition.kind).to_owned())),
        text(&|told| Some(told.transition.from.name().to_owned())),
        text(&|told| Some(told.transition.to.name().to_owned())),
        number(|told| told.transition.value),
        number(|told| told.threshold),
        time(|told| told.transition.window.start),
        time(|told| told.transition.window.end),
        text(&|told| told.transition.reason.clone()),
        text(&|told| told.transition.who.clone()),
        Arc::new(all.iter().map(|told| Some(told.late)).collect::<BooleanArray>()),
        text(&|told| serde_json::to_string(&told.transition.columns).ok()),
        number(|_| None),
    ];
    Ok(RecordBatch::try_new(table.arrow(), columns)?)
}

/// Rows of the history with other revised values.
pub(crate) fn revised_rows(
    snapshot: &Snapshot,
    revised: &[Revised],
) -> Result<Option<(TableId, RecordBatch)>> {
    let Some(table) = snapshot.table(HISTORY) else { return Ok(None) };
    let mut found = Vec::new();
    for Revised { at, id, value } in revised {
        let time = TimeRange { min: *at, max: *at };
        for part in snapshot.scan(table.id, time)? {
            for rows in part.read(&table.columns, time)? {
                let ids = rows.column_by_name("id").and_then(|column| column.as_string_opt::<i32>());
                let row = ids.and_then(|ids| ids.iter().position(|it| it == Some(id.as_str())));
                found.extend(row.map(|row| with_value(&rows.slice(row, 1), *value)).transpose()?);
            }
        }
    }
    let Some(first) = found.first() else { return Ok(None) };
    Ok(Some((table.id, concat_batches(&first.schema(), &found)?)))
}

fn with_value(row: &RecordBatch, value: Option<f64>) -> Result<RecordBatch> {
    let schema = row.schema();
    let mut columns = row.columns().to_vec();
    if let Some(place) = schema.fields().iter().position(|field| field.name() == REVISED) {
        columns[place] = Arc::new(Float64Array::from(vec![value]));
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// The name of what happened.
pub(crate) fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Pending => "pending",
        Kind::Broken => "broken",
        Kind::Fired => "fired",
        Kind::NoData => "no_data",
        Kind::FiredAgain => "fired_again",
        Kind::Ended(_) => "ended",
        Kind::Failed => "failed",
        Kind::Acknowledged => "acknowledged",
        Kind::Commented => "commented",
    }
}

/// Rows of the outbox. A message has one row: that of its newest state.
pub(crate) fn outbox_rows(table: &TableSchema, all: &[Letter], now: i64) -> Result<RecordBatch> {
    let text = |of: &dyn Fn(&Letter) -> Option<String>| -> ArrayRef {
        Arc::new(all.iter().map(of).collect::<StringArray>())
    };
    let first = |letter: &Letter| letter.message.alerts.first().map(|notice| notice.alert.clone());
    let columns = vec![
        times(all.iter().map(|letter| Some(letter.message.created_at))),
        text(&|letter| Some(letter.message.notifier.clone())),
        text(&|letter| Some(letter.message.id.clone())),
        text(&first),
        text(&|letter| Some(letter.message.status.name().to_owned())),
        text(&|letter| Some(letter.state.name().to_owned())),
        Arc::new(all.iter().map(|letter| Some(letter.number)).collect::<Int64Array>()),
        Arc::new(all.iter().map(|letter| Some(i64::from(letter.attempts))).collect::<Int64Array>()),
        times(all.iter().map(|letter| letter.first_attempt_at)),
        times(all.iter().map(|letter| letter.next_at)),
        times(all.iter().map(|_| Some(now))),
        text(&|letter| letter.error.clone()),
        text(&|letter| serde_json::to_string(&letter.message).ok()),
    ];
    Ok(RecordBatch::try_new(table.arrow(), columns)?)
}

fn times(nanos: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(nanos.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_of_an_earlier_version_gets_the_columns_that_rows_are_made_with() {
        let wanted = schema(HISTORY);
        assert!(grown(&wanted, &wanted).is_none());
        let mut before = wanted.clone();
        before.columns.retain(|column| column.name != REVISED);
        assert!(history_rows(&before, &[]).is_err());
        let Some(CatalogChange::AlterTable(after)) = grown(&before, &wanted) else { panic!("nothing grows") };
        assert_eq!(after.version, before.version + 1);
        assert_eq!(history_rows(&after, &[]).unwrap().num_columns(), wanted.columns.len());
    }
}
