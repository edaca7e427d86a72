//! A server in this process, and rows to send.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Int64Type;
use driftline_client::Client;
use driftline_query::Database;
use driftline_server::{Server, ServerOptions};

/// 2026-01-01, so that no test depends on the clock.
pub const START: i64 = 1_767_225_600_000_000_000;

/// A server over a database in memory, and a client of it.
pub struct Running {
    pub database: Database,
    pub server: Server,
    pub client: Client,
}

pub async fn start() -> Running {
    start_over(Database::open_in_memory().unwrap()).await
}

pub async fn start_over(database: Database) -> Running {
    let server =
        Server::start(database.clone(), ServerOptions { grpc: "127.0.0.1:0".parse().unwrap() }).unwrap();
    let client = Client::connect(&server.url()).await.unwrap();
    Running { database, server, client }
}

impl Running {
    /// With a table `requests`.
    pub async fn with_requests(self) -> Self {
        let sql = "CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)";
        self.client.execute(sql).await.unwrap();
        self
    }

    pub async fn count(&self, table: &str) -> i64 {
        number(&self.client.sql(&format!("SELECT count(*) FROM {table}")).await.unwrap())
    }
}

/// The one number of an answer.
pub fn number(rows: &[RecordBatch]) -> i64 {
    rows[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// `count` rows of `requests`, the first at second `first`.
pub fn requests(first: i64, count: i64) -> RecordBatch {
    let seconds = first..first + count;
    let time = TimestampNanosecondArray::from_iter_values(seconds.clone().map(|s| START + s * 1_000_000_000));
    let model = StringArray::from_iter_values(seconds.clone().map(|s| format!("model-{}", s % 3)));
    let ms = Float64Array::from_iter_values(seconds.map(|s| s as f64 / 2.0));
    let columns: [(&str, ArrayRef); 3] =
        [("time", Arc::new(time.with_timezone("UTC"))), ("model", Arc::new(model)), ("ms", Arc::new(ms))];
    RecordBatch::try_from_iter(columns).unwrap()
}
