//! How long a report takes over a million rows of ten columns, and Kolmogorov-Smirnov's test of a million rows against another.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use driftline_benches::Result;
use driftline_benches::workload::random::Random;
use driftline_query::{Database, Write, WritePart, WriteTarget};

const ROWS: usize = 1_000_000;
const COLUMNS: usize = 10;
const BATCH: usize = 50_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000_000;
/// A day for a million rows.
const STEP: i64 = 86_400_000;

/// Prints what each takes; the best of three, each on a database that was just opened.
///
/// # Errors
/// Those of the database.
pub async fn show(dir: &Path) -> Result<()> {
    fill(dir).await?;
    let report = format!(
        "SELECT * FROM drift('s', from => to_timestamp_nanos({}), to => to_timestamp_nanos({}))",
        at(ROWS),
        at(2 * ROWS)
    );
    let end = at(ROWS);
    let test = format!("SELECT ks_test_pvalue(x0, time >= to_timestamp_nanos({end})) FROM s");
    let read = "SELECT count(x0) + count(time) FROM s";
    for (name, sql, summaries) in [
        ("drift(), 1,000,000 rows of 10 columns, by rows", report.as_str(), false),
        ("the same by summaries", &report, true),
        ("ks_test_pvalue, 1,000,000 rows against 1,000,000", &test, true),
        ("reading these rows alone", read, true),
    ] {
        let mut best = f64::INFINITY;
        let mut is_cold = false;
        for _ in 0..3 {
            // Only root may; else the files stay in memory, which is printed.
            is_cold = std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok();
            let db = Database::open(dir)?;
            db.sql(&format!("SET driftline.summaries = {summaries}")).await?;
            let begun = Instant::now();
            db.sql(sql).await?;
            best = best.min(begun.elapsed().as_secs_f64());
            db.close().await?;
        }
        let files = if is_cold { "files not in memory" } else { "files in memory" };
        println!("{name}: {:.1} ms ({files})", best * 1e3);
    }
    Ok(())
}

fn at(row: usize) -> i64 {
    START + row as i64 * STEP
}

/// Two million rows, of which the first are the baseline.
async fn fill(dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    let db = Database::open(dir)?;
    let columns: Vec<String> = (0..COLUMNS).map(|column| format!("x{column} DOUBLE FEATURE")).collect();
    db.sql(&format!("CREATE MODEL s ({})", columns.join(", "))).await?;
    let mut random = Random::new(1, 2);
    for first in (0..2 * ROWS).step_by(BATCH) {
        let times = TimestampNanosecondArray::from_iter_values((first..first + BATCH).map(at));
        let mut batch: Vec<(String, ArrayRef, bool)> =
            vec![("time".to_owned(), Arc::new(times.with_timezone("UTC")), true)];
        for column in 0..COLUMNS {
            let values: Float64Array = (0..BATCH).map(|_| Some(random.normal() * 10.0 + 100.0)).collect();
            batch.push((format!("x{column}"), Arc::new(values), true));
        }
        let rows = RecordBatch::try_from_iter_with_nullable(batch)?;
        let part = WritePart { target: WriteTarget::Table("s".into()), rows };
        db.write(Write { writer: None, parts: vec![part] }).await?;
    }
    db.flush().await?;
    db.sql("COMPACT").await?;
    let begun = Instant::now();
    let end = at(ROWS);
    db.sql(&format!(
        "CREATE BASELINE b FOR MODEL s AS SELECT * FROM s WHERE time < to_timestamp_nanos({end})"
    ))
    .await?;
    println!(
        "CREATE BASELINE of 1,000,000 rows of 10 columns: {:.0} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    db.close().await?;
    Ok(())
}
