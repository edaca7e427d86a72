//! # driftline-query
//!
//! The meaning of Driftline.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod catalog;
mod database;
mod egress;
mod error;
mod function;
mod model;
mod scan;
mod statement;
pub mod stats;
mod write;

pub use database::{Access, Database, DatabaseOptions, Prepared};
pub use error::{QueryError, Result};
pub use model::{Baseline, Model};
pub use write::{Write, WritePart, WriteTarget};

pub use datafusion;
pub use driftline_storage as storage;
