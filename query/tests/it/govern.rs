//! Limits of one query, its end by others, and what is known of it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, BooleanArray, Float64Array};
use arrow::datatypes::DataType;
use driftline_query::datafusion::execution::SendableRecordBatchStream;
use driftline_query::datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use driftline_query::storage::{Clock, EngineOptions};
use driftline_query::{Access, Database, DatabaseOptions, QueryError, QueryLimits};
use futures::TryStreamExt;

use crate::support::{FRAUD, batch, error, one, rows, texts, times, to_table};

/// Long enough for any machine: a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Computes for hours, and answers one row.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 20000) a JOIN generate_series(1, 100000000) b ON a.value < b.value";

fn limited(limits: QueryLimits) -> Database {
    let options = DatabaseOptions { queries: limits, ..DatabaseOptions::default() };
    Database::open_in_memory_with(options).unwrap()
}

/// A stream of many rows, not read yet.
async fn open(db: &Database) -> SendableRecordBatchStream {
    let many = db.prepare("SELECT value FROM generate_series(1, 10000000)", Access::Network).await.unwrap();
    many.execute(&[]).await.unwrap()
}

/// Waits until a query of `system.queries` has rows; the first value of the first.
async fn seen(db: &Database, sql: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(row) = rows(db, sql).await.first() {
            return row[0].clone();
        }
        assert!(Instant::now() < until, "{sql}: never");
        tokio::task::yield_now().await;
    }
}

fn with_state(state: &str, sql: &str) -> String {
    format!(
        "SELECT id FROM system.queries WHERE state = '{state}' AND sql LIKE '{sql}%' ORDER BY started DESC"
    )
}

async fn last(db: &Database, column: &str) -> String {
    let sql = format!("SELECT {column} FROM system.queries WHERE sql NOT LIKE '%system.queries%'");
    rows(db, &sql).await.last().unwrap()[0].clone()
}

#[tokio::test]
async fn a_query_over_its_memory_is_an_error_and_the_next_is_answered() {
    let db = limited(QueryLimits { memory_bytes: 1 << 20, ..QueryLimits::default() });
    let sql = "SELECT count(*) FROM (SELECT DISTINCT value % 900000 FROM generate_series(1, 1000000))";
    let refused = error(&db, sql).await.to_string();
    assert!(refused.contains("one query may hold 1048576 and this one holds"), "{refused}");
    assert!(refused.contains("--query-memory-mb"), "{refused}");
    assert_eq!(last(&db, "state || ' ' || (peak_memory_bytes BETWEEN 1 AND 1048576)").await, "failed true");
    assert_eq!(last(&db, "error").await, refused);
    assert_eq!(one(&db, "SELECT count(*) FROM generate_series(1, 1000)").await, "1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_over_its_time_is_an_error_and_the_next_is_answered() {
    let db = limited(QueryLimits { time: Duration::from_secs(2), ..QueryLimits::default() });
    let late = error(&db, ENDLESS).await;
    assert!(matches!(late, QueryError::Limit(_)), "{late:?}");
    assert!(late.to_string().contains("the time limit of 2 s"), "{late}");
    assert_eq!(one(&db, "SELECT 1").await, "1");
}

#[tokio::test]
async fn an_answer_over_its_rows_is_an_error_and_no_shorter_answer() {
    let db = limited(QueryLimits { rows: 1_000, ..QueryLimits::default() });
    let many = error(&db, "SELECT value FROM generate_series(1, 1001)").await;
    assert!(matches!(many, QueryError::Limit(_)), "{many:?}");
    assert!(many.to_string().contains("more rows than the limit of 1000"), "{many}");
    assert_eq!(rows(&db, "SELECT value FROM generate_series(1, 1000)").await.len(), 1_000);
    db.sql("CREATE TABLE t (x BIGINT)").await.unwrap();
    let insert = "INSERT INTO t SELECT to_timestamp(value), value FROM generate_series(1, 2000)";
    assert_eq!(one(&db, insert).await, "2000", "a change answers one row");
}

#[tokio::test]
async fn who_finds_no_place_waits_and_who_waits_too_long_or_finds_the_queue_full_is_told() {
    let limits = QueryLimits { running: 1, queued: 1, ..QueryLimits::default() };
    let db = limited(QueryLimits { queued_time: Duration::from_millis(100), ..limits });
    let open_stream = open(&db).await;
    let late = error(&db, "SELECT 1").await.to_string();
    assert!(late.contains("waited 0.1 s, the limit, for one of 1 places"), "{late}");
    drop(open_stream);
    assert_eq!(one(&db, "SELECT 1").await, "1");

    let db = limited(limits);
    let open_stream = open(&db).await;
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { one(&db, "SELECT 2").await }
    });
    seen(&db, &with_state("queued", "SELECT 2")).await;
    let full = error(&db, "SELECT 3").await;
    assert!(matches!(full, QueryError::Limit(_)), "{full:?}");
    assert!(full.to_string().contains("1 queries run, the limit, and 1 wait, of at most 1"), "{full}");
    drop(open_stream);
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test]
async fn limits_are_shown_as_they_are_set() {
    let db = limited(QueryLimits { rows: 77, queued_time: Duration::from_secs(5), ..QueryLimits::default() });
    let shown =
        "SELECT value FROM system.limits WHERE name IN ('query_rows_max', 'query_queued_ms_max') ORDER BY 1";
    assert_eq!(rows(&db, shown).await, [["77"], ["5000"]]);
    let memory = "SELECT value FROM system.limits WHERE name IN ('memory_bytes_max', 'query_memory_bytes_max') ORDER BY 1";
    assert_eq!(rows(&db, memory).await, [["536870912"], ["1073741824"]], "half of what all may hold");
}

#[tokio::test]
async fn a_kill_frees_a_query_whose_reader_stands_still() {
    let db = limited(QueryLimits { running: 1, queued: 0, ..QueryLimits::default() });
    let mut stream = open(&db).await;
    stream.try_next().await.unwrap().unwrap();
    let id = seen(&db, &with_state("running", "SELECT value")).await;
    let killed = rows(&db, &format!("KILL QUERY '{id}'")).await;
    assert_eq!(killed[0][..3], [id.as_str(), "running", "SELECT value FROM generate_series(1, 10000000)"]);
    assert_eq!(one(&db, "SELECT 1").await, "1", "its place is free");
    let error = QueryError::from(stream.try_next().await.unwrap_err());
    assert!(matches!(error, QueryError::Killed(_)), "{error:?}");
    assert!(error.to_string().contains("KILL QUERY of the embedding program"), "{error}");
    assert!(stream.try_next().await.unwrap().is_none());
    let again = crate::support::error(&db, &format!("KILL QUERY '{id}'")).await;
    assert!(
        matches!(again, QueryError::NotFound(_)) && again.to_string().contains("killed already"),
        "{again}"
    );
    let unknown = crate::support::error(&db, "KILL QUERY 'nobody'").await;
    assert!(
        matches!(unknown, QueryError::NotFound(_)) && unknown.to_string().contains("nobody"),
        "{unknown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_ends_what_computes_what_waits_and_what_would_have_written() {
    let db = limited(QueryLimits { running: 1, ..QueryLimits::default() });
    db.sql("CREATE TABLE t (x BIGINT)").await.unwrap();
    let insert = format!("INSERT INTO t SELECT now(), n FROM ({ENDLESS}) AS e(n)");
    let ask = |sql: String| {
        tokio::spawn({
            let db = db.clone();
            async move { db.sql(&sql).await }
        })
    };
    let computes = ask(insert);
    let runs = seen(&db, &with_state("running", "INSERT")).await;
    let waits = ask("SELECT 5".to_owned());
    let queued = seen(&db, &with_state("queued", "SELECT 5")).await;
    for (id, asked) in [(queued, waits), (runs, computes)] {
        db.sql(&format!("KILL QUERY '{id}'")).await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap();
        assert!(matches!(ended, Err(QueryError::Killed(_))), "{ended:?}");
    }
    assert_eq!(one(&db, "SELECT count(*) FROM t").await, "0");
}

/// A clock at which threads of tokio's, on which rows are written, stand still while they may not go on.
#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    waits: AtomicBool,
    opened: Condvar,
}

impl Clock for Gate {
    fn now_nanos(&self) -> i64 {
        let is_writer = std::thread::current().name().is_some_and(|name| name.starts_with("tokio"));
        let mut is_shut = self.is_shut.lock().unwrap();
        while is_writer && *is_shut {
            self.waits.store(true, Ordering::SeqCst);
            is_shut = self.opened.wait(is_shut).unwrap();
        }
        3_600_000_000_000
    }
}

// On the test's own thread, which the gate lets pass.
#[tokio::test]
async fn what_is_being_written_is_not_ended() {
    for sql in
        ["INSERT INTO fraud (time, id) VALUES (now(), 'z')", "UPDATE fraud SET label = 'ok' WHERE id = 'z'"]
    {
        let gate = Arc::new(Gate::default());
        let engine = EngineOptions { clock: Arc::clone(&gate) as _, ..EngineOptions::default() };
        let queries = QueryLimits { running: 1, queued: 0, ..QueryLimits::default() };
        let options = DatabaseOptions { engine, queries, ..DatabaseOptions::default() };
        let db = Database::open_in_memory_with(options).unwrap();
        db.sql(FRAUD.split(';').next().unwrap()).await.unwrap();
        db.sql("INSERT INTO fraud (time, id) VALUES (now(), 'z')").await.unwrap();
        *gate.is_shut.lock().unwrap() = true;
        let writes = tokio::spawn({
            let db = db.clone();
            async move { one(&db, sql).await }
        });
        let until = Instant::now() + PATIENCE;
        while !gate.waits.load(Ordering::SeqCst) {
            assert!(Instant::now() < until, "{sql}: nothing was written");
            tokio::task::yield_now().await;
        }
        let id = seen(&db, &with_state("running", &sql[..6])).await;
        let refused = error(&db, &format!("KILL QUERY '{id}'")).await.to_string();
        assert!(refused.contains("never cut in the middle"), "{refused}");
        *gate.is_shut.lock().unwrap() = false;
        gate.opened.notify_all();
        assert_eq!(writes.await.unwrap(), "1");
        let state = format!("SELECT state FROM system.queries WHERE id = '{id}'");
        assert_eq!(one(&db, &state).await, "finished");
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_cancels_its_query() {
    let db = limited(QueryLimits::default());
    let mut stream = open(&db).await;
    stream.try_next().await.unwrap().unwrap();
    seen(&db, &with_state("running", "SELECT value")).await;
    drop(stream);
    let sql =
        "SELECT access, state, rows > 0, bytes = 8 * rows FROM system.queries WHERE sql LIKE 'SELECT value%'";
    assert_eq!(rows(&db, sql).await, [["network", "cancelled", "true", "true"]]);
}

#[tokio::test]
async fn what_a_query_cost_is_known_when_it_ended() {
    let db = Database::open_in_memory().unwrap();
    db.sql(FRAUD).await.unwrap();
    db.flush().await.unwrap();
    let cells = "SELECT count(*), avg(score) FROM fraud GROUP BY date_bin(INTERVAL '1 hour', time)";
    db.sql(&format!("{cells}; SELECT id FROM fraud WHERE amount > 100; SELECT nothing FROM fraud"))
        .await
        .unwrap_err();
    let columns =
        "sql, state, access, rows, cells_from_summary + cells_from_rows > 0, pages_read > 0, error IS NULL";
    let shown =
        rows(&db, &format!("SELECT {columns} FROM system.queries WHERE sql LIKE '%FROM fraud%'")).await;
    assert_eq!(shown[0], [cells, "finished", "embedded", "1", "true", "true", "true"]);
    let look_up = "SELECT id FROM fraud WHERE amount > 100";
    assert_eq!(shown[1], [look_up, "finished", "embedded", "1", "false", "true", "true"]);
    assert_eq!(shown[2][..4], ["SELECT nothing FROM fraud", "failed", "embedded", "0"]);
    assert_eq!(shown[2][6], "false");
    let writes = "SELECT rows FROM system.queries WHERE sql LIKE 'INSERT%'";
    assert_eq!(one(&db, writes).await, "3", "what was changed");
    let itself = "SELECT state FROM system.queries ORDER BY started DESC LIMIT 1";
    assert_eq!(one(&db, itself).await, "running");
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_query_is_logged_with_what_it_cost() {
    let lines = Lines::default();
    let writer = {
        let lines = lines.clone();
        move || lines.clone()
    };
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
    let _log = tracing::subscriber::set_default(log);
    let quick = limited(QueryLimits { slow: Duration::from_secs(3_600), ..QueryLimits::default() });
    quick.sql("SELECT 'quick'").await.unwrap();
    let db = limited(QueryLimits { slow: Duration::from_nanos(1), ..QueryLimits::default() });
    db.sql(&format!("SELECT '{}'", "x".repeat(1_000))).await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("slow query").count(), 1, "{text}");
    for part in [
        "WARN",
        "state=\"finished\"",
        "took_ms=",
        "rows=1",
        "peak_memory_bytes=",
        "pages_read=0",
        "bytes more",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A function of DOUBLE that panics at one value and is true of all others.
fn boom() -> Arc<ScalarUDF> {
    let fun = |arguments: &[ColumnarValue]| {
        let values = ColumnarValue::values_to_arrays(arguments)?;
        let values = values[0].as_any().downcast_ref::<Float64Array>().unwrap();
        assert!(!values.iter().flatten().any(|value| value == 150_000.0), "boom");
        let all: ArrayRef = Arc::new(BooleanArray::from(vec![true; values.len()]));
        Ok(ColumnarValue::Array(all))
    };
    let types = (vec![DataType::Float64], DataType::Boolean);
    Arc::new(create_udf("boom", types.0, types.1, Volatility::Immutable, Arc::new(fun)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_on_a_thread_of_a_scan_or_an_aggregation_is_an_error() {
    let options = DatabaseOptions { functions: vec![boom()], ..DatabaseOptions::default() };
    let db = Database::open_in_memory_with(options).unwrap();
    db.sql("CREATE TABLE t (x DOUBLE, y DOUBLE)").await.unwrap();
    let seconds: Vec<i64> = (0..200_000).map(|row| 1_767_225_600 + row).collect();
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..200_000).map(f64::from)));
    db.write(to_table("t", batch([("time", times(&seconds)), ("x", x.clone()), ("y", x)]))).await.unwrap();
    for flushed in [false, true] {
        if flushed {
            db.flush().await.unwrap();
        }
        for (sql, node) in [
            ("SELECT y FROM t WHERE boom(x)", "DriftlineScan"),
            (
                "SELECT sum(y) FROM t WHERE boom(x) GROUP BY date_bin(INTERVAL '1 hour', time)",
                "DriftlineAggregate",
            ),
            ("SELECT y, count(*) FROM t WHERE boom(x) GROUP BY y", "DriftlineScan"),
            ("SELECT a.y FROM t a JOIN t b ON a.y = b.y WHERE boom(a.x) ORDER BY 1", "DriftlineScan"),
        ] {
            let plan = rows(&db, &format!("EXPLAIN {sql}")).await.concat().concat();
            let condition = plan.find(&format!("{node}: ")).and_then(|at| plan[at..].find("filter=boom"));
            assert!(condition.is_some(), "{plan}");
            let prepared = db.prepare(sql, Access::Network).await.unwrap();
            let answer = prepared.execute(&[]).await.unwrap().try_collect::<Vec<_>>().await;
            let error = answer.map(|rows| texts(&rows).len()).unwrap_err().to_string();
            assert!(error.contains("boom"), "{sql}: {error}");
            assert_eq!(last(&db, "state || ' ' || (error LIKE '%boom%')").await, "failed true");
        }
    }
    assert_eq!(one(&db, "SELECT count(*) FROM t WHERE x < 10 AND boom(x)").await, "10");
}
