//! # driftline-client
//!
//! The Rust client of Driftline. It knows only the wire: rows go in over gRPC, SQL goes over Arrow Flight, both on
//! the port that `driftline serve` prints.
//!
//! The example is `examples/quickstart.rs`; the end-to-end tests run it against a server.
//!
//! ```no_run
#![doc = include_str!("../examples/quickstart.rs")]
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
