#![doc = "Writes a row and asks for it: `cargo run -p driftline-client --example quickstart -- URL`."]

use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_client::{Batch, Client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8815".into());
    let client = Client::connect(&url).await?;
    client.execute("CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)").await?;

    // A named writer may send a batch again after a broken connection: it is written once.
    let writer = client.writer("gateway-1").await?;
    let rows = RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000])) as _),
        ("model", Arc::new(StringArray::from(vec!["fraud"])) as _),
        ("ms", Arc::new(Float64Array::from(vec![12.5])) as _),
    ])?;
    writer.send(Batch::new().rows("requests", rows)).await?;
    let progress = writer.finish().await?;
    assert_eq!(progress.rows, 1);

    let answer = client.sql("SELECT model, avg(ms) FROM requests GROUP BY model").await?;
    assert_eq!(answer[0].num_rows(), 1);
    Ok(())
}
