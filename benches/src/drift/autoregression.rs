//! One column whose rows are like those before them: what tests of independent rows take for drift.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Float64Array, RecordBatch, TimestampNanosecondArray};
use driftline_benches::Result;
use driftline_benches::workload::random::Random;
use driftline_query::{Database, Write, WritePart, WriteTarget};

const SECOND: i64 = 1_000_000_000;
const WINDOW: usize = 1_000;
const REFERENCE: usize = 10_000;
/// Windows of a reference, half of them shifted.
const WINDOWS: usize = 40;
const LEVEL: f64 = 0.05;

/// Alarms of windows in which nothing changed and of those that were shifted, of so many each.
///
/// # Errors
/// Those of the database.
pub async fn alarms(
    db: &Database,
    phi: f64,
    shift: f64,
    seeds: std::ops::Range<u64>,
) -> Result<(u64, u64, u64)> {
    let (mut calm, mut shifted, mut of) = (0, 0, 0);
    for seed in seeds {
        let mut random = Random::new(seed, 1);
        let mut state = random.normal();
        let mut next = |shift: f64| {
            state = phi * state + random.normal() * (1.0 - phi * phi).sqrt();
            state + shift
        };
        db.sql("DROP MODEL IF EXISTS a").await?;
        db.sql("CREATE MODEL a (x DOUBLE FEATURE)").await?;
        write(db, 0, (0..REFERENCE).map(|_| next(0.0)).collect()).await?;
        for window in 0..WINDOWS {
            let by = if window < WINDOWS / 2 { 0.0 } else { shift };
            write(db, REFERENCE + window * WINDOW, (0..WINDOW).map(|_| next(by)).collect()).await?;
        }
        let end = time(REFERENCE);
        let baseline = format!(
            "CREATE BASELINE b FOR MODEL a AS SELECT * FROM a WHERE time < to_timestamp_nanos({end})"
        );
        db.sql(&baseline).await?;
        let half = time(REFERENCE + WINDOWS / 2 * WINDOW);
        let sql = format!(
            "SELECT count(*) FILTER (WHERE drifted AND window_start < to_timestamp_nanos({half})), \
                    count(*) FILTER (WHERE drifted AND window_start >= to_timestamp_nanos({half})) \
             FROM drift_over_time('a', rows => {WINDOW}, from => to_timestamp_nanos({end}), alpha => {LEVEL})"
        );
        let rows = db.sql(&sql).await?;
        let count = |at: usize| {
            rows.iter()
                .map(|batch| batch.column(at).as_primitive::<Int64Type>().value(0).unsigned_abs())
                .sum::<u64>()
        };
        (calm, shifted, of) = (calm + count(0), shifted + count(1), of + WINDOWS as u64 / 2);
    }
    Ok((calm, shifted, of))
}

fn time(row: usize) -> i64 {
    (1_767_225_600 + row as i64) * SECOND
}

async fn write(db: &Database, first: usize, values: Vec<f64>) -> Result<()> {
    let times = TimestampNanosecondArray::from_iter_values((0..values.len()).map(|at| time(first + at)));
    let columns: [(&str, arrow_array::ArrayRef, bool); 2] = [
        ("time", Arc::new(times.with_timezone("UTC")), true),
        ("x", Arc::new(Float64Array::from(values)), true),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(columns)?;
    let part = WritePart { target: WriteTarget::Table("a".into()), rows };
    db.write(Write { writer: None, parts: vec![part] }).await?;
    Ok(())
}
