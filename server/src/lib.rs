//! # driftline-server
//!
//! The server and the command line of Driftline, as a library: tests and programs that want the network face of a
//! database start it in their own process.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, TimestampNanosecondArray};
//! use driftline_client::{Batch, Client};
//! use driftline_query::Database;
//! use driftline_server::{Server, ServerOptions};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::open_in_memory()?;
//! let server = Server::start(database.clone(), ServerOptions { grpc: "127.0.0.1:0".parse()? })?;
//!
//! let client = Client::connect(&server.url()).await?;
//! client.execute("CREATE TABLE requests (time TIMESTAMP TIME, ms DOUBLE)").await?;
//!
//! let time = TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000, 1_767_225_601_000_000_000]);
//! let ms = Float64Array::from(vec![12.5, 13.5]);
//! let rows = RecordBatch::try_from_iter([("time", Arc::new(time) as ArrayRef), ("ms", Arc::new(ms))])?;
//! let writer = client.writer("gateway-1").await?;
//! writer.send(Batch::new().rows("requests", rows)).await?;
//! assert_eq!(writer.finish().await?.rows, 2);
//!
//! let answer = client.sql("SELECT avg(ms) FROM requests").await?;
//! assert_eq!(answer[0].column(0).as_primitive::<arrow::datatypes::Float64Type>().value(0), 13.0);
//!
//! server.shutdown().await;
//! database.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The parts: [`Server`] is the port; behind it the ingest service (rows over gRPC) and the Flight SQL service, with
//! queries on threads of their own; [`cli`] is the command line of the binary `driftline`; [`demo`] shows all of it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes))]

pub mod cli;
pub mod demo;
mod error;
mod flight;
mod http;
mod ingest;
pub mod limits;
pub mod notify;
mod queries;
mod server;
mod status;

pub use error::{Result, ServerError};
pub use server::{Server, ServerOptions};
