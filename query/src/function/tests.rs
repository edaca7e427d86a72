//! The functions as SQL calls them, over tables in memory.

mod aggregates;
mod scalars;
mod two_samples;

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with our functions that spreads work over four partitions.
pub(super) fn context() -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(4).with_batch_size(64);
    let builder = SessionStateBuilder::new().with_config(config).with_default_features();
    SessionContext::new_with_state(super::register(builder).build())
}

/// A session with a table `t` in four partitions, rows dealt out in turn.
pub(super) fn with_table(rows: &RecordBatch) -> SessionContext {
    let context = context();
    let table = MemTable::try_new(rows.schema(), dealt(rows, 4)).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    context
}

/// Rows in partitions: row i goes to partition i modulo n.
pub(super) fn dealt(rows: &RecordBatch, n: usize) -> Vec<Vec<RecordBatch>> {
    let part = |p: usize| {
        let places: arrow::array::UInt32Array =
            (p..rows.num_rows()).step_by(n).map(|place| place as u32).collect();
        vec![arrow::compute::take_record_batch(rows, &places).unwrap()]
    };
    (0..n).map(part).collect()
}

pub(super) async fn rows(context: &SessionContext, sql: &str) -> Result<RecordBatch> {
    let frame = context.sql(sql).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    Ok(concat_batches(&schema, &frame.collect().await?)?)
}

/// The one value of a query; None is NULL.
pub(super) async fn number(context: &SessionContext, sql: &str) -> Option<f64> {
    let rows = rows(context, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!((rows.num_rows(), rows.num_columns()), (1, 1), "{sql}");
    numbers(&rows, 0)[0]
}

/// A column of DOUBLE or BIGINT.
pub(super) fn numbers(rows: &RecordBatch, column: usize) -> Vec<Option<f64>> {
    let column = rows.column(column);
    match column.as_primitive_opt::<Int64Type>() {
        Some(column) => column.iter().map(|x| x.map(|x| x as f64)).collect(),
        None => column.as_primitive::<Float64Type>().iter().collect(),
    }
}

/// What is said when a query is refused.
pub(super) async fn refused(context: &SessionContext, sql: &str) -> String {
    match rows(context, sql).await {
        Ok(rows) => panic!("{sql} gave {} rows", rows.num_rows()),
        Err(error) => error.strip_backtrace(),
    }
}

#[track_caller]
pub(super) fn assert_close(left: Option<f64>, right: f64) {
    let left = left.expect("not NULL");
    assert!((left - right).abs() < 1e-12, "{left} is not {right}");
}

/// A seeded generator of numbers: splitmix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        let seed = std::env::var("DRIFTLINE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
        println!("DRIFTLINE_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A number from 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
