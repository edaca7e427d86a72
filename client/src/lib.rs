//! # driftline-client
//!
//! The Rust client of Driftline. It knows only the wire: rows go in over gRPC, SQL goes over Arrow Flight, both on
//! the port that `driftline serve` prints.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use arrow_array::{Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
//! use driftline_client::{Batch, Client};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://127.0.0.1:8815").await?;
//! client.execute("CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE)").await?;
//!
//! // A named writer may send a batch again after a broken connection: it is written once.
//! let writer = client.writer("gateway-1").await?;
//! let rows = RecordBatch::try_from_iter([
//!     ("time", Arc::new(TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000])) as _),
//!     ("model", Arc::new(StringArray::from(vec!["fraud"])) as _),
//!     ("ms", Arc::new(Float64Array::from(vec![12.5])) as _),
//! ])?;
//! writer.send(Batch::new().rows("requests", rows)).await?;
//! let progress = writer.finish().await?;
//! assert_eq!(progress.rows, 1);
//!
//! let answer = client.sql("SELECT model, avg(ms) FROM requests GROUP BY model").await?;
//! assert_eq!(answer[0].num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The parts: [`Client`] is a connection; [`Writer`] sends [`Batch`]es and counts acknowledgements; [`ClientError`]
//! carries the server's own words; [`wire`] is the protocol itself.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes))]

mod batch;
mod client;
mod error;
pub mod wire;
mod writer;

pub use batch::Batch;
pub use client::Client;
pub use error::{ClientError, Code, Result};
pub use writer::{Progress, Writer};
