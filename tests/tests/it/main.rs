//! End to end tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes, reason = "a test may panic")]

mod example;
mod generated;
mod kill;
mod server;
