//! Counts and sums by which two systems are shown to hold the same rows.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use crate::{Error, Result};

/// What the rows come to. Sums of doubles depend on the order of adding; whoever compares allows for that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// Rows.
    pub rows: u64,
    /// By column: of numbers the sum, of texts the sum of their lengths in bytes.
    pub sums: BTreeMap<String, f64>,
    /// Values that are there, by column.
    pub counts: BTreeMap<String, u64>,
    /// First and last time, nanoseconds since 1970.
    pub time: Option<(i64, i64)>,
}

impl Check {
    /// Adds the rows of a batch.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            *self.counts.entry(field.name().clone()).or_default() +=
                (column.len() - column.null_count()) as u64;
            if field.name() == "time" {
                self.add_times(column);
            } else {
                *self.sums.entry(field.name().clone()).or_default() += sum(column)?;
            }
        }
        Ok(())
    }

    fn add_times(&mut self, column: &ArrayRef) {
        for time in column.as_primitive::<TimestampNanosecondType>().values() {
            let (first, last) = self.time.unwrap_or((*time, *time));
            self.time = Some((first.min(*time), last.max(*time)));
        }
    }

    /// As one line of a report: the same keys that the peers write.
    pub fn json(&self) -> serde_json::Value {
        let (first, last) = self.time.unwrap_or_default();
        serde_json::json!({
            "rows": self.rows, "sums": self.sums, "counts": self.counts, "first": first, "last": last,
        })
    }
}

fn sum(column: &ArrayRef) -> Result<f64> {
    match column.data_type() {
        DataType::Int64 => Ok(column.as_primitive::<Int64Type>().iter().flatten().sum::<i64>() as f64),
        DataType::Float64 => Ok(column.as_primitive::<Float64Type>().iter().flatten().sum()),
        DataType::Utf8 => {
            Ok(column.as_string::<i32>().iter().flatten().map(|text| text.len() as u64).sum::<u64>() as f64)
        }
        DataType::Dictionary(_, _) => sum(&arrow_cast::cast(column, &DataType::Utf8)?),
        other => Err(Error::from(format!("no check sums a column of type {other}"))),
    }
}
