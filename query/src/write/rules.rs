//! What rows have to be beside the types of their columns: their time within bounds, and a key where they are labels.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use driftline_storage::{Role, TableSchema, embedded_time};

use super::coerce;
use crate::duration;
use crate::error::Result;
use crate::limits::AHEAD_NANOS_MAX;
use crate::model::RECEIVED_AT;

/// What the rows of one table have to be.
pub(super) struct Rules<'a> {
    /// How messages call the rows.
    whose: String,
    time_at: Option<usize>,
    latest: i64,
    oldest: i64,
    retention: &'a str,
    /// Of labels, which may lack a time: the places of key and arrival.
    label: Option<(usize, usize)>,
    /// A column that every row needs, and its name.
    needed: Option<(usize, &'a str)>,
}

impl<'a> Rules<'a> {
    /// For the rows of a table now: every row has a time, none lies too far ahead, and none is older than the table
    /// keeps.
    pub(super) fn of_table(table: &'a TableSchema, now_nanos: i64) -> Result<Self> {
        let retention = table.options.get("retention");
        let kept = retention.map(|kept| duration::nanos(kept)).transpose()?;
        Ok(Self {
            whose: format!("for table {}", table.name),
            time_at: table.columns.iter().position(|column| column.role == Role::Time),
            latest: now_nanos.saturating_add(AHEAD_NANOS_MAX),
            oldest: kept.map_or(i64::MIN, |kept| now_nanos.saturating_sub(kept)),
            retention: retention.map_or("", String::as_str),
            label: None,
            needed: None,
        })
    }

    /// For labels: those without a time have the one that their key embeds, else the one when they came; each needs its
    /// key.
    pub(super) fn of_labels(labels: &'a TableSchema, model: &str, now_nanos: i64) -> Result<Self> {
        let key = labels.columns.iter().position(|column| column.role == Role::Key);
        let arrival = labels.columns.iter().position(|column| column.name == RECEIVED_AT);
        Ok(Self {
            whose: format!("of the labels of model {model}"),
            label: key.zip(arrival),
            // A prediction that is past its age is there as long as its segment is, and may be labelled.
            oldest: i64::MIN,
            needed: key.and_then(|at| Some((at, labels.columns.get(at)?.name.as_str()))),
            ..Self::of_table(labels, now_nanos)?
        })
    }

    /// Fitted rows with what they may leave out.
    pub(super) fn complete(&self, fitted: RecordBatch) -> Result<RecordBatch> {
        let (Some((key, arrival)), Some(at)) = (self.label, self.time_at) else { return Ok(fitted) };
        let mut columns = fitted.columns().to_vec();
        let found = (fitted.columns().get(at), fitted.columns().get(key), fitted.columns().get(arrival));
        if let (Some(times), Some(keys), Some(arrivals)) = found
            && times.null_count() > 0
        {
            columns[at] = self.filled(times, keys, arrivals);
        }
        Ok(RecordBatch::try_new(fitted.schema(), columns)?)
    }

    /// The fitted rows, from 0, that cannot be, and why; a row may come twice.
    pub(super) fn wrong(&self, fitted: &RecordBatch) -> impl Iterator<Item = (usize, String)> {
        let times = self.time_at.and_then(|at| fitted.columns().get(at));
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
        let of_time = times.into_iter().flat_map(move |times| {
            let rows = times.iter().enumerate();
            rows.filter_map(move |(row, time)| Some((row, self.wrong_time(times, row, time)?)))
        });
        let needed = self.needed.and_then(|(at, name)| Some((fitted.columns().get(at)?, name)));
        let missing = needed.into_iter().flat_map(|(keys, name)| {
            let null = (0..keys.len()).filter(|row| keys.is_null(*row));
            null.map(move |row| (row, format!("{name} is null; a label needs the key of its prediction")))
        });
        of_time.chain(missing)
    }

    /// The times of labels: where there is none the one that the key embeds, if a row may have it, else the arrival.
    fn filled(&self, times: &ArrayRef, keys: &ArrayRef, arrivals: &ArrayRef) -> ArrayRef {
        let of = |array: &ArrayRef| array.as_primitive_opt::<TimestampNanosecondType>().cloned();
        let (Some(times), Some(arrivals)) = (of(times), of(arrivals)) else { return times.clone() };
        let keys = keys.as_string_opt::<i32>();
        let embedded = |row: usize| {
            let key = keys.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row));
            let time = key.and_then(embedded_time);
            time.filter(|time| (self.oldest..=self.latest).contains(time))
        };
        let time = |(row, (time, arrival)): (usize, (Option<i64>, Option<i64>))| {
            time.or_else(|| embedded(row)).or(arrival)
        };
        let filled = times.iter().zip(arrivals.iter()).enumerate().map(time);
        Arc::new(filled.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
    }

    /// What is wrong with a row, from 0, as a sentence.
    pub(super) fn say(&self, row: usize, what: &str) -> String {
        format!("row {} {}: {what}", row + 1, self.whose)
    }

    fn wrong_time(&self, times: &dyn Array, row: usize, time: Option<i64>) -> Option<String> {
        match time {
            None => Some("time is missing; every row needs the time of its event".to_owned()),
            Some(time) if time > self.latest => {
                let shown = coerce::shown(times, row);
                Some(format!("time {shown} is more than 10 minutes ahead of the clock"))
            }
            Some(time) if time < self.oldest => {
                let shown = coerce::shown(times, row);
                Some(format!("time {shown} is older than the table's retention of {}", self.retention))
            }
            Some(_) => None,
        }
    }
}
