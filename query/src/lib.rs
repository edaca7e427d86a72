//! # driftline-query
//!
//! The meaning of Driftline: SQL on DataFusion, models and their baselines, labels that arrive late, and the
//! statistics of drift. [`Database`] is the whole of it inside a program; the server is a network face over the same
//! type.
//!
//! ```
//! # use driftline_query::{Database, Result};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let db = Database::open_in_memory()?;
//! db.sql(
//!     "CREATE MODEL fraud (id TEXT KEY, amount DOUBLE FEATURE, score DOUBLE SCORE, decision TEXT PREDICTION,
//!                          label TEXT LABEL) WITH (positive = 'fraud');
//!      INSERT INTO fraud (time, id, amount, score, decision) VALUES
//!        ('2026-01-01T10:00:00Z', 'a', 12.5, 0.1, 'ok'), ('2026-01-01T10:00:01Z', 'b', 990.0, 0.9, 'fraud')",
//! )
//! .await?;
//! let rows = db.sql("SELECT count(*) AS n, avg(AMOUNT) AS mean FROM Fraud WHERE time < '2026-02-01'").await?;
//! assert_eq!(rows[0].num_rows(), 1);
//! db.close().await
//! # }
//! ```
//!
//! ## The way of a statement
//!
//! [`Database::prepare`] reads the text: statements of ours (`CREATE MODEL`, `CREATE BASELINE`, ..) by our parser, all
//! others by DataFusion's. Unquoted names are given the spelling of the table or column they mean. The plan runs in a
//! session of its own over one [`CatalogView`], which is one snapshot of the engine: a query sees every write that was
//! acknowledged before it began, and none after. A model's labels stand in its label columns as they were said last. Rows
//! leave in the few types that every client reads.
//!
//! ## The way of rows
//!
//! [`Database::write`] checks rows against the catalog (columns by name, types where nothing is lost, times within
//! bounds) and hands all parts to the engine as one batch: they are on disk and visible together, or not at all. Where
//! a table has `on_bad_row = 'divert'`, rows that do not fit go to `system.rejected` in the same batch.
//! `ERASE SUBJECT 'v'` takes what is about somebody from every file.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod aggregate;
pub mod alert;
mod catalog;
mod continuous;
mod database;
mod delete;
mod duration;
pub mod egress;
mod error;
mod function;
mod govern;
mod limits;
mod memory;
mod model;
mod plan;
mod prepared;
mod runner;
mod scan;
mod session;
mod settings;
mod statement;
pub mod stats;
mod stream;
mod system;
mod update;
mod write;

pub use catalog::CatalogView;
pub use continuous::{Exposed, ExposedValue};
pub use database::{Access, Database, DatabaseOptions, Prepared};
pub use error::{QueryError, Result};
pub use govern::QueryLimits;
pub use model::{Baseline, Model};
pub use runner::{DueMessage, Settled};
pub use write::{Write, WritePart, WriteTarget, Written};

pub use datafusion;
pub use driftline_storage as storage;
