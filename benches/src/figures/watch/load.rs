//! Very many continuous queries and alerts beside one stream of predictions at a steady rate.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, RecordBatch};
use driftline_query::{Database, Settled};

use super::latency::Latencies;
use super::rules;
use super::stream::{CREATE, Stream, now};
use crate::engine::ALWAYS;
use crate::report::Report;
use crate::workload::SECOND;
use crate::{Result, process};

/// The length of all windows.
const WINDOW: i64 = 10 * SECOND;
/// When in a window it is looked who is done with the one before.
const LOOKED_AT: i64 = 9 * SECOND;
/// How often rows are written.
const BATCH_EVERY: Duration = Duration::from_millis(50);
/// Rows that the baseline is made of.
const BASELINE_ROWS: usize = 50_000;
/// What happens before the clock starts: everything is compiled, planned and warm.
const WARM_UP: Duration = Duration::from_secs(30);
/// Messages taken at once, as a server would.
const MESSAGES: usize = 100;

/// What to run.
#[derive(Clone, Debug)]
pub struct Load {
    /// A new data directory.
    pub dir: PathBuf,
    /// For how long.
    pub time: Duration,
    /// Predictions a second.
    pub rate: usize,
    /// Continuous queries.
    pub queries: usize,
    /// Alerts.
    pub alerts: usize,
}

/// Writes at the rate, and prints processor time and how soon results are there.
pub fn load(load: &Load, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(load, report))
}

async fn run(load: &Load, report: &mut Report) -> Result<()> {
    let db = Database::open(&load.dir)?;
    let mut stream = Stream::new(1);
    prepare(&db, load, &mut stream).await?;
    let feeder = tokio::spawn(feed(db.clone(), stream, load.rate, WARM_UP + load.time));
    let deliverer = tokio::spawn(deliver(db.clone()));
    tokio::time::sleep(WARM_UP).await;
    let (begun, before) = (Instant::now(), process::cpu_time()?);
    let mut seen = Seen::default();
    while begun.elapsed() < load.time {
        tokio::time::sleep(until_looked_at()).await;
        seen.look(&db).await?;
    }
    let cores = process::cpu_time()?.saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let fed = feeder.await??;
    deliverer.abort();
    let changes = changes(&db).await?;
    let name = format!("watch/{}q_{}a", load.queries, load.alerts);
    let minutes = (WARM_UP + load.time).as_secs_f64() / 60.0;
    report.figure(&format!("{name}/cores"), cores, "cores, the whole process", ALWAYS)?;
    report.figure(&format!("{name}/rows_per_second"), fed, "rows/s", ALWAYS)?;
    report.figure(
        &format!("{name}/transitions_per_minute"),
        changes / minutes,
        "changes of state",
        ALWAYS,
    )?;
    report.figure(
        &format!("{name}/rss_anon_mb"),
        process::status_bytes("RssAnon")? as f64 / 1e6,
        "MB",
        ALWAYS,
    )?;
    seen.report(&name, report)?;
    Ok(db.close().await?)
}

async fn prepare(db: &Database, load: &Load, stream: &mut Stream) -> Result<()> {
    db.sql(CREATE).await?;
    let end = now() - 60 * SECOND;
    let rows = stream.predictions(BASELINE_ROWS, end - 600 * SECOND, end)?;
    let part = driftline_query::WritePart {
        target: driftline_query::WriteTarget::Table("scoring".to_owned()),
        rows,
    };
    db.write(driftline_query::Write { writer: None, parts: vec![part] }).await?;
    db.sql("CREATE BASELINE usual FOR MODEL scoring AS SELECT * FROM scoring").await?;
    db.sql("CREATE NOTIFIER hook TYPE webhook WITH (url = 'http://127.0.0.1:1/', allow_private = 'true')")
        .await?;
    for n in 0..load.queries {
        let sql = rules::continuous(n);
        db.sql(&sql).await.map_err(|error| format!("{sql}: {error}"))?;
    }
    for n in 0..load.alerts {
        let sql = rules::alert(n, load.queries);
        db.sql(&sql).await.map_err(|error| format!("{sql}: {error}"))?;
    }
    Ok(())
}

/// Writes rows as they would happen; how many a second it were.
async fn feed(db: Database, mut stream: Stream, rate: usize, time: Duration) -> Result<f64> {
    let mut ticks = tokio::time::interval(BATCH_EVERY);
    let rows = rate * BATCH_EVERY.as_millis() as usize / 1000;
    let (begun, mut last, mut written) = (Instant::now(), now(), 0);
    while begun.elapsed() < time {
        ticks.tick().await;
        let end = now();
        db.write(stream.write(rows, last, end)?).await?;
        (last, written) = (end, written + rows);
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

/// Takes messages out of the outbox, as if each went out at once.
async fn deliver(db: Database) -> Result<()> {
    loop {
        db.messages_changed().await;
        loop {
            let (due, _) = db.due_messages(now(), MESSAGES)?;
            if due.is_empty() {
                break;
            }
            for message in due {
                db.settle_message(&message.message.id, Settled::Sent).await?;
            }
        }
    }
}

fn until_looked_at() -> Duration {
    let now = now();
    let next = now - now.rem_euclid(WINDOW) + LOOKED_AT;
    let next = if next <= now { next + WINDOW } else { next };
    Duration::from_nanos((next - now).unsigned_abs())
}

/// How soon after the end of a window its results were there.
#[derive(Debug, Default)]
struct Seen {
    queries: Latencies,
    alerts: Latencies,
    missed: u64,
    known: HashMap<(bool, String), i64>,
}

impl Seen {
    async fn look(&mut self, db: &Database) -> Result<()> {
        let queries = db.sql("SELECT name, closed_until, closed_at FROM system.continuous_queries").await?;
        queries.iter().for_each(|rows| self.add(rows, false));
        let alerts = db.sql("SELECT name, judged_until, judged_at FROM system.rules").await?;
        alerts.iter().for_each(|rows| self.add(rows, true));
        Ok(())
    }

    fn add(&mut self, rows: &RecordBatch, is_alert: bool) {
        let names = rows.column(0).as_string::<i32>();
        let time = |column: usize, row: usize| {
            let column = rows.column(column).as_primitive::<TimestampNanosecondType>();
            column.is_valid(row).then(|| column.value(row))
        };
        for row in 0..rows.num_rows() {
            let (Some(until), Some(at)) = (time(1, row), time(2, row)) else { continue };
            let key = (is_alert, names.value(row).to_owned());
            let before = self.known.insert(key, until);
            if before.is_some_and(|before| before >= until) {
                self.missed += 1;
                continue;
            }
            let waited = (at - until) as f64 / 1e6;
            if is_alert { self.alerts.add(waited) } else { self.queries.add(waited) }
        }
    }

    fn report(&mut self, name: &str, report: &mut Report) -> Result<()> {
        for (what, waits) in [("query", &mut self.queries), ("alert", &mut self.alerts)] {
            if waits.count() == 0 {
                continue;
            }
            for (called, share) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
                let figure = format!("{name}/{what}_visible_ms_{called}");
                report.figure(&figure, waits.quantile(share), "ms after its window", ALWAYS)?;
            }
        }
        report.figure(&format!("{name}/not_done_within_9_s"), self.missed as f64, "windows", ALWAYS)
    }
}

async fn changes(db: &Database) -> Result<f64> {
    let rows = db
        .sql("SELECT count(*) FROM system.alert_history WHERE what IN ('fired', 'ended', 'pending')")
        .await?;
    let count =
        rows.first().map(|rows| rows.column(0).as_primitive::<arrow_array::types::Int64Type>().value(0));
    Ok(count.unwrap_or(0) as f64)
}
