//! Which times a write touches.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use driftline_storage::{
    ColumnId, Comparison, Predicate, Role, TIME_COLUMN, TableSchema, Value, embedded_time,
};

use super::watched::Marks;
use crate::continuous::{Bucket, Span, Spans};
use crate::model::RECEIVED_AT;

/// Marks of rows of a table, and the newest time among them.
pub(crate) fn of_rows(rows: &RecordBatch, granule: Option<i64>) -> (Marks, Option<i64>) {
    let Some(times) = times(rows) else { return (Marks::default(), None) };
    let newest = times.iter().copied().max();
    let spans = granule.map(|granule| around(times.iter().copied(), granule)).unwrap_or_default();
    (Marks { spans, ..Marks::default() }, newest)
}

/// Marks of labels: of one that came with its prediction's time that time, of others the key.
pub(crate) fn of_labels(rows: &RecordBatch, key: &str, granule: Option<i64>) -> Marks {
    let arrivals = rows.column_by_name(RECEIVED_AT);
    let arrivals = arrivals.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    let keys = rows.column_by_name(key).and_then(|column| column.as_string_opt::<i32>());
    let (Some(times), Some(arrivals), Some(granule)) = (times(rows), arrivals, granule) else {
        // A key of another type is not looked up.
        let mut marks = Marks::default();
        marks.labelled.add(Span::ALL);
        return marks;
    };
    let (mut exact, mut by_key) = (Vec::new(), Vec::new());
    for (row, time) in times.iter().enumerate() {
        let key = keys.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row));
        let is_filled = *time == arrivals.value(row) || key.and_then(embedded_time) == Some(*time);
        match key.filter(|_| is_filled) {
            Some(key) => by_key.push(key.to_owned()),
            None => exact.push(*time),
        }
    }
    let mut marks = Marks::default();
    let labelled = around(exact.into_iter(), granule);
    marks.merge(Marks { labelled, keys: by_key, ..Marks::default() });
    marks
}

/// Stretches of one length that hold all of these times.
fn around(times: impl Iterator<Item = i64>, granule: i64) -> Spans {
    let bucket = Bucket::even(granule);
    let (mut starts, mut last) = (BTreeSet::new(), None);
    for time in times {
        // Rows come in the order of time more often than not: the same stretch is not looked for again.
        if last.is_some_and(|start: i64| (start..start.saturating_add(granule)).contains(&time)) {
            continue;
        }
        let start = bucket.floor(time);
        starts.insert(start);
        last = Some(start);
    }
    let mut spans = Spans::default();
    spans.extend(starts.into_iter().map(|start| Span { start, end: start.saturating_add(granule) }));
    spans
}

fn times(rows: &RecordBatch) -> Option<&[i64]> {
    let times = rows.column_by_name(TIME_COLUMN)?.as_primitive_opt::<TimestampNanosecondType>()?;
    Some(times.values())
}

/// Times outside of which a condition is true of no row.
pub(crate) fn of_predicate(predicate: &Predicate, table: &TableSchema) -> Span {
    let time = table.columns.iter().find(|column| column.role == Role::Time).map(|column| column.id);
    bounds(predicate, time)
}

fn bounds(predicate: &Predicate, time: Option<ColumnId>) -> Span {
    match predicate {
        Predicate::And(parts) => parts.iter().fold(Span::ALL, |span, part| span.cut(bounds(part, time))),
        Predicate::Or(parts) => {
            let hull = |a: Span, b: Span| Span { start: a.start.min(b.start), end: a.end.max(b.end) };
            parts.iter().map(|part| bounds(part, time)).reduce(hull).unwrap_or(Span { start: 0, end: 0 })
        }
        Predicate::Compare { column, by, value: Value::Timestamp(at) } if Some(*column) == time => {
            let after = at.saturating_add(1);
            match by {
                Comparison::Equal => Span { start: *at, end: after },
                Comparison::Less => Span { start: i64::MIN, end: *at },
                Comparison::LessOrEqual => Span { start: i64::MIN, end: after },
                Comparison::Greater => Span { start: after, end: i64::MAX },
                Comparison::GreaterOrEqual => Span { start: *at, end: i64::MAX },
                Comparison::NotEqual => Span::ALL,
            }
        }
        _ => Span::ALL,
    }
}
