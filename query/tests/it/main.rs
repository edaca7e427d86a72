//! The embedded database from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod baseline;
mod label;
mod life;
mod name;
mod plan;
mod prepared;
mod safety;
mod schema;
mod statement;
mod support;
mod system;
mod write;
