//! Queries that are ended: by a client that vanishes, by somebody else, by a limit, by a bug.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::DataType;
use arrow_flight::sql::client::FlightSqlServiceClient;
use driftline_client::{Batch, ClientError, Code};
use driftline_query::datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use driftline_query::{Database, DatabaseOptions, QueryLimits};
use futures::TryStreamExt;
use tonic::transport::Channel;

use crate::support::{Running, number, requests, start_over};

/// Long enough for any machine: a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const MANY: &str = "SELECT value FROM generate_series(1, 1000000000)";

async fn limited(limits: QueryLimits) -> Running {
    let options = DatabaseOptions { queries: limits, ..DatabaseOptions::default() };
    start_over(Database::open_in_memory_with(options).unwrap()).await
}

fn one_place() -> QueryLimits {
    QueryLimits { running: 1, queued: 0, ..QueryLimits::default() }
}

/// Waits until there is a query of [`MANY`] in this state; its id.
async fn seen(running: &Running, state: &str) -> String {
    let until = Instant::now() + PATIENCE;
    let sql = format!("SELECT id FROM system.queries WHERE state = '{state}' AND sql = '{MANY}'");
    loop {
        let rows = running.client.sql(&sql).await.unwrap();
        if rows.iter().any(|batch| batch.num_rows() > 0) {
            return rows[0].column(0).as_string::<i32>().value(0).to_owned();
        }
        assert!(Instant::now() < until, "no query is {state}");
        tokio::task::yield_now().await;
    }
}

fn refused(error: ClientError) -> (Code, String) {
    match error {
        ClientError::Server { code, message } => (code, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_vanishes_frees_its_query() {
    let running = limited(one_place()).await;
    let (url, first) = (running.server.url(), tokio::sync::oneshot::channel());
    let (gone, goes) = std::sync::mpsc::channel::<()>();
    // A client with threads of its own: with them its socket goes, and nobody says good-bye.
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(async {
            let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
            let mut client = FlightSqlServiceClient::new(channel);
            let info = client.execute(MANY.into(), None).await.unwrap();
            let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
            stream.try_next().await.unwrap().unwrap();
            stream
        });
        first.0.send(()).unwrap();
        goes.recv().unwrap();
        runtime.shutdown_background();
        drop(stream);
    });
    first.1.await.unwrap();
    seen(&running, "running").await;
    let (code, message) = refused(running.client.sql("SELECT 1").await.unwrap_err());
    assert_eq!(code, Code::ResourceExhausted, "{message}");
    gone.send(()).unwrap();
    seen(&running, "cancelled").await;
    assert_eq!(number(&running.client.sql("SELECT 1").await.unwrap()), 1);
    client.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_query_tells_its_client_by_whom_and_leaves_its_place() {
    let running = limited(one_place()).await;
    let channel = Channel::from_shared(running.server.url()).unwrap().connect().await.unwrap();
    let mut client = FlightSqlServiceClient::new(channel);
    let info = client.execute(MANY.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    let id = seen(&running, "running").await;
    running.client.sql(&format!("KILL QUERY '{id}'")).await.unwrap();
    assert_eq!(number(&running.client.sql("SELECT 1").await.unwrap()), 1, "although nobody read on");
    let ended = loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            ended => break ended.map(|_| ()),
        }
    };
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("KILL QUERY of somebody on the network"), "{error}");
    seen(&running, "killed").await;
    let (code, message) = refused(running.client.sql("KILL QUERY 'x'").await.unwrap_err());
    assert_eq!(code, Code::NotFound, "{message}");
}

#[tokio::test]
async fn a_query_over_a_limit_is_told_and_the_next_is_answered() {
    let limits = QueryLimits { memory_bytes: 1 << 20, rows: 1_000, ..QueryLimits::default() };
    let running = limited(limits).await;
    let memory = "SELECT count(*) FROM (SELECT DISTINCT value % 900000 FROM generate_series(1, 1000000))";
    for (sql, expected) in
        [(memory, "one query may hold 1048576"), (MANY, "more rows than the limit of 1000")]
    {
        let (code, message) = refused(running.client.sql(sql).await.unwrap_err());
        assert_eq!(code, Code::ResourceExhausted, "{message}");
        assert!(message.contains(expected), "{message}");
        assert_eq!(number(&running.client.sql("SELECT 1").await.unwrap()), 1);
    }
}

/// A function of DOUBLE that panics at one value and is true of all others.
fn boom() -> Arc<ScalarUDF> {
    let fun = |arguments: &[ColumnarValue]| {
        let values = ColumnarValue::values_to_arrays(arguments)?;
        let values = values[0].as_any().downcast_ref::<Float64Array>().unwrap();
        assert!(!values.iter().flatten().any(|value| value == 40_000.0), "boom");
        let all: ArrayRef = Arc::new(BooleanArray::from(vec![true; values.len()]));
        Ok(ColumnarValue::Array(all))
    };
    let types = (vec![DataType::Float64], DataType::Boolean);
    Arc::new(create_udf("boom", types.0, types.1, Volatility::Immutable, Arc::new(fun)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_on_a_thread_below_a_stream_is_an_error_at_the_client() {
    let options = DatabaseOptions { functions: vec![boom()], ..DatabaseOptions::default() };
    let running = start_over(Database::open_in_memory_with(options).unwrap()).await.with_requests().await;
    let writer = running.client.writer("w").await.unwrap();
    writer.send(Batch::new().rows("requests", requests(0, 100_000))).await.unwrap();
    writer.finish().await.unwrap();
    for sql in [
        "SELECT ms FROM requests WHERE boom(ms)",
        "SELECT sum(ms) FROM requests WHERE boom(ms) GROUP BY date_bin(INTERVAL '1 hour', time)",
        "SELECT ms FROM requests WHERE boom(ms) ORDER BY ms LIMIT 5",
    ] {
        let (code, message) = refused(running.client.sql(sql).await.unwrap_err());
        assert_eq!(code, Code::Internal, "{sql}: {message}");
        assert!(message.contains("boom"), "{sql}: {message}");
    }
    assert_eq!(running.count("requests").await, 100_000);
}
