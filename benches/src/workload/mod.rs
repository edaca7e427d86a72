//! The rows that are measured: three workloads, each the same for every run of the same seed and scale.
//!
//! A row depends on the seed and its own number alone (TSBS: on the host and the step), never on how rows are cut into
//! batches or dealt to writers.

pub mod late;
mod predictions;
pub mod random;
mod series;
mod tsbs;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_array::{DictionaryArray, types::Int32Type};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use driftline_storage::{Column, ColumnType, Role, TableSchema};

pub use self::random::Random;

/// The seed of every published figure.
pub const SEED: u64 = 123;
/// What `--quick` divides a workload by.
pub const QUICK: u64 = 50;
/// 2026-01-01T00:00:00Z in nanoseconds: all workloads begin here, at the beginning of a day.
pub const START: i64 = 1_767_225_600_000_000_000;
/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// TSBS cpu-only: 4,000 hosts, 6 hours at 10 s, 10 tags, 10 BIGINT fields.
    Tsbs,
    /// 10 M predictions of three models over 7 days.
    Predictions,
    /// 1 M series of 24 hourly rows.
    Series,
}

/// Rows to measure with.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Which.
    pub kind: Kind,
    /// How much of it.
    pub scale: Scale,
    /// What all random numbers come from.
    pub seed: u64,
}

/// A size as a part or a multiple of the full one: hosts and devices, not their reports; predictions, not their days.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    times: u64,
    over: u64,
}

/// Rows in the order in which they would arrive.
pub trait Rows: Send {
    /// The next rows, `rows_max` but at the end; tags are dictionaries. None after the last.
    fn next_batch(&mut self, rows_max: usize) -> Result<Option<RecordBatch>, ArrowError>;
}

impl Scale {
    /// The full size.
    pub const FULL: Self = Self { times: 1, over: 1 };

    /// The full size divided by `divisor`, which is not 0.
    pub const fn over(divisor: u64) -> Self {
        Self { times: 1, over: divisor }
    }

    /// As much as has about `rows` rows of this kind.
    pub fn with_rows(kind: Kind, rows: u64) -> Self {
        let full = Workload { kind, scale: Self::FULL, seed: SEED }.row_count();
        Self { times: rows, over: full }
    }

    /// So many of a thing of which there are `full` at full size; at least one.
    fn of(self, full: u64) -> u64 {
        (full * self.times / self.over).max(1)
    }
}

impl Workload {
    /// The name of its table.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Tsbs => "tsbs",
            Kind::Predictions => "predictions",
            Kind::Series => "series",
        }
    }

    /// Its table, without ids.
    pub fn table(&self) -> TableSchema {
        let columns = match self.kind {
            Kind::Tsbs => tsbs::columns(),
            Kind::Predictions => predictions::columns(),
            Kind::Series => series::columns(),
        };
        TableSchema::new(self.name(), columns)
    }

    /// All its rows.
    pub fn row_count(&self) -> u64 {
        match self.kind {
            Kind::Tsbs => tsbs::hosts(self.scale) * tsbs::STEPS,
            Kind::Predictions => predictions::rows(self.scale),
            Kind::Series => series::devices(self.scale) * series::HOURS,
        }
    }

    /// Values by which "bytes per value" divides: fields, not tags, not the time.
    pub fn values_per_row(&self) -> u64 {
        self.table().columns.iter().filter(|c| c.role == Role::Field).count() as u64
    }

    /// All rows in order of time.
    pub fn stream(&self) -> Box<dyn Rows> {
        match self.kind {
            Kind::Tsbs => Box::new(tsbs::Stream::new(self.seed, 0..tsbs::hosts(self.scale))),
            Kind::Predictions => Box::new(predictions::Stream::new(*self, 0, 1)),
            Kind::Series => Box::new(series::Stream::new(*self)),
        }
    }

    /// The same rows dealt to several writers: TSBS by host, predictions by batch. Series have one writer only.
    pub fn writer_streams(&self, writers: u64) -> Vec<Box<dyn Rows>> {
        let hosts = tsbs::hosts(self.scale);
        let share = |w: u64| hosts * w / writers..hosts * (w + 1) / writers;
        match self.kind {
            Kind::Tsbs => (0..writers)
                .map(|w| Box::new(tsbs::Stream::new(self.seed, share(w))) as Box<dyn Rows>)
                .collect(),
            Kind::Predictions => (0..writers)
                .map(|w| Box::new(predictions::Stream::new(*self, w, writers)) as Box<dyn Rows>)
                .collect(),
            Kind::Series => vec![self.stream()],
        }
    }

    /// The rows of a later round of the same batch: their time moved on, and keys of their own. `rounds` of `ring_rows`
    /// rows (of all writers) lie between the two.
    pub fn moved(&self, batch: &RecordBatch, rounds: u64, ring_rows: u64) -> Result<RecordBatch, ArrowError> {
        let rows = rounds * ring_rows;
        match self.kind {
            Kind::Tsbs => tsbs::moved(batch, rows / tsbs::hosts(self.scale).max(1)),
            Kind::Predictions => predictions::moved(batch, rows, predictions::spacing(self.scale)),
            Kind::Series => Err(ArrowError::InvalidArgumentError("series are written once".into())),
        }
    }
}

/// The Arrow schema of a workload's batches: that of the table, tags as dictionaries.
fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| match column.role {
        Role::Tag => Field::new(&column.name, tag_type(), true),
        _ => column.arrow(),
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// How tags are made.
fn tag_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time_column() -> Column {
    Column::new("time", ColumnType::Timestamp, Role::Time)
}

fn tag(name: &str) -> Column {
    Column::new(name, ColumnType::Text, Role::Tag)
}

fn field(name: &str, ty: ColumnType) -> Column {
    Column::new(name, ty, Role::Field)
}

fn times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(values).with_timezone("UTC"))
}

fn tags(keys: Vec<i32>, values: &Arc<StringArray>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), values.clone())?))
}

/// The batch with its times `nanos` later.
pub fn later(batch: &RecordBatch, nanos: i64) -> Result<RecordBatch, ArrowError> {
    with_column(batch, 0, moved_times(batch, nanos))
}

/// The batch with its column `index` replaced.
fn with_column(batch: &RecordBatch, index: usize, column: ArrayRef) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    columns[index] = column;
    RecordBatch::try_new(batch.schema(), columns)
}

/// The times of a batch (its first column), moved by `nanos`.
fn moved_times(batch: &RecordBatch, nanos: i64) -> ArrayRef {
    use arrow_array::cast::AsArray;
    let before = batch.column(0).as_primitive::<arrow_array::types::TimestampNanosecondType>();
    times(before.values().iter().map(|time| time + nanos).collect())
}
