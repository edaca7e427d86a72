//! A prediction log whose labels come late: rows and labels by number, without an end.
//!
//! The values of the rows are those of some batches of the predictions, round after round; each row has a time and an id
//! of its own, a UUID of version 7, which both follow from its number. So labels are made without a look at the rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, Schema};
use driftline_storage::{
    ARRIVAL_COLUMN, Column, ColumnType, LABELS_OF_OPTION, Meaning, Role, TableId, TableSchema, embedded_time,
};

use super::{Kind, Random, SECOND, Scale, Workload, field, predictions, time_column, times, with_column};

/// Seconds in a day.
pub const DAY: i64 = 86_400 * SECOND;
/// Batches whose values are used in rounds.
const RING_BATCHES: usize = 100;
/// Rows lie up to this far behind their even place: 1 ms.
const JITTER: i64 = 1_000_000;
const MILLISECOND: i64 = 1_000_000;
const KEY: &str = "id";
const LABEL: &str = "label";

/// Rows that come evenly from a moment on.
#[derive(Debug)]
pub struct Log {
    ring: Vec<RecordBatch>,
    batch_rows: usize,
    /// The even place of the first row, and how far apart two are.
    start: i64,
    spacing: i64,
    seed: u64,
}

impl Log {
    /// Rows from `start` on, `spacing` nanoseconds apart; `batch_rows` in a batch.
    pub fn new(start: i64, spacing: i64, batch_rows: usize, seed: u64) -> Result<Self, ArrowError> {
        let mut stream = Workload { kind: Kind::Predictions, scale: Scale::FULL, seed }.stream();
        let mut ring = Vec::with_capacity(RING_BATCHES);
        while ring.len() < RING_BATCHES
            && let Some(batch) = stream.next_batch(batch_rows)?
        {
            let at = batch.schema_ref().index_of(LABEL)?;
            let none = new_null_array(batch.column(at).data_type(), batch.num_rows());
            ring.push(with_column(&batch, at, none)?);
        }
        Ok(Self { ring, batch_rows, start, spacing, seed })
    }

    /// When a row was predicted.
    pub fn time(&self, row: u64) -> i64 {
        let late = Random::new(self.seed, row).below(JITTER.min(self.spacing) as u64);
        self.start + row as i64 * self.spacing + late as i64
    }

    /// The id of a row: its millisecond, and 74 random bits.
    pub fn id(&self, row: u64) -> String {
        // A sequence of its own, beside that of the row's time.
        let mut random = Random::new(self.seed + 1, row);
        let millis = (self.time(row) / MILLISECOND) as u64;
        let (high, low) = (random.bits() & 0xfff, random.bits());
        let variant = 0x8000 | (low >> 48 & 0x3fff);
        let (first, second) = (millis >> 16, millis & 0xffff);
        format!("{first:08x}-{second:04x}-7{high:03x}-{variant:04x}-{:012x}", low & 0xffff_ffff_ffff)
    }

    /// The batch of this number.
    pub fn predictions(&self, batch: u64) -> Result<RecordBatch, ArrowError> {
        let values = &self.ring[batch as usize % self.ring.len()];
        let rows = self.rows_of(batch);
        let ids: StringArray = rows.clone().map(|row| Some(self.id(row))).collect();
        let moved = with_column(values, 0, times(rows.map(|row| self.time(row)).collect()))?;
        with_column(&moved, values.schema_ref().index_of(KEY)?, Arc::new(ids))
    }

    /// The rows of a batch.
    pub fn rows_of(&self, batch: u64) -> std::ops::Range<u64> {
        let rows = self.batch_rows as u64;
        batch * rows..(batch + 1) * rows
    }

    /// Labels of these rows, arriving one after another from `start` on, on average every `every` nanoseconds. With the
    /// times of the rows where `given`, else with those that the ids embed.
    pub fn labels(
        &self,
        rows: &[u64],
        (start, every): (i64, i64),
        given: bool,
    ) -> Result<RecordBatch, ArrowError> {
        let mut random = Random::new(self.seed + 2, start as u64);
        let arrival = |n: usize| start + n as i64 * every + random.below(every.max(1) as u64) as i64;
        let arrivals: Vec<i64> = (0..rows.len()).map(arrival).collect();
        let ids: Vec<String> = rows.iter().map(|row| self.id(*row)).collect();
        let time = |(row, id): (&u64, &String)| match given {
            true => self.time(*row),
            false => embedded_time(id).unwrap_or(start),
        };
        let labels = rows.iter().map(|row| Some(if row % 5 == 0 { "1" } else { "0" }));
        let columns: Vec<ArrayRef> = vec![
            times(rows.iter().zip(&ids).map(time).collect()),
            Arc::new(StringArray::from_iter_values(&ids)),
            Arc::new(labels.collect::<StringArray>()),
            times(arrivals),
        ];
        let fields: Vec<_> = label_columns().iter().map(Column::arrow).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// The table of the rows, without id.
pub fn table() -> TableSchema {
    TableSchema::new("predictions", predictions::columns())
}

/// The table of labels for the rows of another.
pub fn label_table(rows: TableId) -> TableSchema {
    let mut table = TableSchema::new("predictions$labels", label_columns());
    table.options.insert(LABELS_OF_OPTION.into(), rows.to_string());
    table.options.insert("dedup".into(), "none".into());
    table
}

fn label_columns() -> Vec<Column> {
    vec![
        time_column(),
        Column::new(KEY, ColumnType::Text, Role::Key),
        field(LABEL, ColumnType::Text).with_meaning(Meaning::Label),
        field(ARRIVAL_COLUMN, ColumnType::Timestamp),
    ]
}
