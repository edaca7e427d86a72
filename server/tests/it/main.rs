//! The server and its command line, over real sockets and real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes, reason = "a test may panic")]

mod cli;
mod flight;
mod govern;
mod import;
mod ingest;
mod operate;
mod support;
