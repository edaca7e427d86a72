//! A model's predictions as they happen, and their labels a few seconds later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_query::{Write, WritePart, WriteTarget};

use crate::Result;
use crate::workload::{Random, SECOND};

/// The model that all is about.
pub const CREATE: &str = "CREATE MODEL scoring (id TEXT KEY, region TEXT TAG, version TEXT TAG,
    amount DOUBLE FEATURE, age DOUBLE FEATURE, tenure DOUBLE FEATURE, distance DOUBLE FEATURE,
    country TEXT FEATURE CATEGORICAL, device TEXT FEATURE CATEGORICAL,
    score DOUBLE SCORE, decision TEXT PREDICTION, label TEXT LABEL, latency_ms DOUBLE LATENCY, failed BOOLEAN ERROR)
  WITH (type = 'classification', positive = '1', label_delay = '10 s')";

pub const REGIONS: [&str; 5] = ["eu", "us", "asia", "africa", "oceania"];
pub const VERSIONS: [&str; 2] = ["v1", "v2"];
pub const COUNTRIES: [&str; 10] = ["us", "de", "gb", "fr", "in", "br", "jp", "es", "nl", "za"];
pub const DEVICES: [&str; 4] = ["phone", "desktop", "tablet", "server"];
/// Of a hundred predictions so many get a label.
const LABELLED_PERCENT: usize = 60;
/// How long after its prediction a label comes.
const LABEL_DELAY: i64 = 5 * SECOND;
/// Values go up and down in this time, so that alerts come and go.
const SWING: f64 = 180.0 * SECOND as f64;

/// Predictions and labels; the clock of the machine says when they happen.
#[derive(Debug)]
pub struct Stream {
    random: Random,
    rows: u64,
    waiting: VecDeque<(i64, RecordBatch)>,
}

impl Stream {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 7), rows: 0, waiting: VecDeque::new() }
    }

    /// So many predictions of the stretch of time up to `end`, with the labels that are due by then.
    pub fn write(&mut self, rows: usize, start: i64, end: i64) -> Result<Write> {
        let batch = self.predictions(rows, start, end)?;
        let labelled = (rows * LABELLED_PERCENT).div_ceil(100);
        let labels = self.labels(&batch.slice(0, labelled))?;
        self.waiting.push_back((end + LABEL_DELAY, labels));
        let mut parts = vec![WritePart { target: WriteTarget::Table("scoring".to_owned()), rows: batch }];
        while let Some((_, labels)) = self.waiting.pop_front_if(|(due, _)| *due <= end) {
            parts.push(WritePart { target: WriteTarget::Labels("scoring".to_owned()), rows: labels });
        }
        Ok(Write { writer: None, parts })
    }

    /// Predictions alone.
    pub fn predictions(&mut self, rows: usize, start: i64, end: i64) -> Result<RecordBatch> {
        let step = (end - start) / rows.max(1) as i64;
        let first = self.rows;
        self.rows += rows as u64;
        let swing = (end as f64 / SWING * std::f64::consts::TAU).sin();
        let random = &mut self.random;
        let text = |names: &[&'static str], random: &mut Random| -> ArrayRef {
            let pick = |_| Some(names[random.below(names.len() as u64) as usize]);
            Arc::new((0..rows).map(pick).collect::<StringArray>())
        };
        let numbers = |mean: f64, sd: f64, random: &mut Random| -> ArrayRef {
            Arc::new((0..rows).map(|_| Some(mean + sd * random.normal())).collect::<Float64Array>())
        };
        let times =
            TimestampNanosecondArray::from_iter_values((0..rows as i64).map(|row| start + row * step));
        let decided: StringArray =
            (0..rows).map(|_| Some(if random.unit() < 0.3 { "1" } else { "0" })).collect();
        let failed: arrow_array::BooleanArray =
            (0..rows).map(|_| Some(random.unit() < 0.02 + 0.015 * swing)).collect();
        let ids: StringArray = (first..self.rows).map(|row| Some(format!("p{row:012}"))).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(times.with_timezone("UTC"))),
            ("id", Arc::new(ids)),
            ("region", text(&REGIONS, random)),
            ("version", text(&VERSIONS, random)),
            ("amount", numbers(50.0 + 10.0 * swing, 10.0, random)),
            ("age", numbers(40.0, 12.0, random)),
            ("tenure", numbers(300.0, 90.0, random)),
            ("distance", numbers(12.0 + swing, 3.0, random)),
            ("country", text(&COUNTRIES, random)),
            ("device", text(&DEVICES, random)),
            ("score", numbers(0.4, 0.1, random)),
            ("decision", Arc::new(decided)),
            ("latency_ms", numbers(40.0 + 20.0 * swing, 8.0, random)),
            ("failed", Arc::new(failed)),
        ];
        Ok(RecordBatch::try_from_iter(columns)?)
    }

    fn labels(&mut self, predictions: &RecordBatch) -> Result<RecordBatch> {
        let random = &mut self.random;
        let labels: StringArray =
            (0..predictions.num_rows()).map(|_| Some(if random.unit() < 0.3 { "1" } else { "0" })).collect();
        let column = |at: usize| Arc::clone(predictions.column(at));
        let columns = [("time", column(0)), ("id", column(1)), ("label", Arc::new(labels) as ArrayRef)];
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
